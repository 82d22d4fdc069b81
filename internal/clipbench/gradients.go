//go:build gtg_bench

package main

import (
	"fmt"
	"math"

	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/clip"
	"github.com/seed-140d0f39/gtg/internal/torch"
)

var nan = math.NaN()

// model is a list of parameters, by their shapes.
type model struct {
	name   string
	shapes [][]int64
}

var models = []model{
	{"1000 × 1024", repeat(1000, []int64{1024})},
	{"GPT-2 small", gpt2()},
	{"20 × 5 M", repeat(20, []int64{5_000_000})},
	{"ResNet-50", resnet50()},
}

func repeat(n int, shape []int64) [][]int64 {
	out := make([][]int64, n)
	for i := range out {
		out[i] = shape
	}
	return out
}

// gpt2 lists the parameters of GPT-2 small (Radford et al. 2019): 12 blocks of
// width 768, a vocabulary of 50257, 1024 positions.
func gpt2() [][]int64 {
	const width, blocks = 768, 12
	out := [][]int64{{50257, width}, {1024, width}}
	norm := [][]int64{{width}, {width}}
	for range blocks {
		out = append(out, norm...)
		out = append(out, []int64{width, 3 * width}, []int64{3 * width}, []int64{width, width}, []int64{width})
		out = append(out, norm...)
		out = append(out, []int64{width, 4 * width}, []int64{4 * width}, []int64{4 * width, width}, []int64{width})
	}
	return append(out, norm...)
}

// resnet50 lists the parameters of ResNet-50 (He et al. 2016, table 1).
func resnet50() [][]int64 {
	var out [][]int64
	convolution := func(from, to, size int64) { // and its batch normalisation
		out = append(out, []int64{to, from, size, size}, []int64{to}, []int64{to})
	}
	convolution(3, 64, 7)
	from := int64(64)
	for stage, blocks := range []int{3, 4, 6, 3} {
		width := int64(64) << stage
		for block := range blocks {
			convolution(from, width, 1)
			convolution(width, width, 3)
			convolution(width, 4*width, 1)
			if block == 0 {
				convolution(from, 4*width, 1)
			}
			from = 4 * width
		}
	}
	return append(out, []int64{1000, 2048}, []int64{1000})
}

func (m model) numel() (n int64) {
	for _, shape := range m.shapes {
		n += numel(shape)
	}
	return n
}

func numel(shape []int64) int64 {
	n := int64(1)
	for _, size := range shape {
		n *= size
	}
	return n
}

// parameters makes tensors with gradients of random numbers.
func (m model) parameters() ([]*ts.Tensor, error) {
	var out []*ts.Tensor
	for _, shape := range m.shapes {
		value, err := ts.Empty(shape, gotch.Float, gotch.CPU)
		if err != nil {
			return nil, err
		}
		grad, err := ts.Randn(shape, gotch.Float, gotch.CPU)
		if err != nil {
			return nil, err
		}
		if err := torch.SetGrad(value, grad); err != nil {
			return nil, err
		}
		grad.MustDrop()
		out = append(out, value)
	}
	return out, nil
}

// ours is gtg's way, as at a step: measure, and change something only when there
// is something to change.
type ours struct {
	grads *torch.Grads
	stats []torch.Stat
	norms []float64
	norm  float64 // of the gradients as they were made
}

func newOurs(tensors []*ts.Tensor) (*ours, error) {
	grads, err := torch.NewGrads(tensors)
	if err != nil {
		return nil, err
	}
	o := &ours{grads: grads, norms: make([]float64, len(tensors))}
	o.norm, err = o.measure()
	return o, err
}

func (o *ours) measure() (float64, error) {
	var err error
	if o.stats, err = o.grads.Measure(o.stats); err != nil {
		return 0, err
	}
	for i := range o.stats {
		if o.stats[i].NonFinite > 0 {
			return 0, fmt.Errorf("gradient %d is not finite", i)
		}
		o.norms[i] = o.stats[i].Norm
	}
	return clip.TotalNorm(2, o.norms...), nil
}

func (o *ours) clip(limit float64) error {
	norm, err := o.measure()
	if err != nil || norm <= limit {
		return err
	}
	return o.grads.Apply(limit/norm, 0, 0)
}

// restore multiplies the gradients by 2 when they were clipped to a half.
func (o *ours) restore() (float64, error) {
	norm, err := o.measure()
	if err == nil && norm < o.norm*0.75 {
		norm, err = 2*norm, o.grads.Apply(2, 0, 0)
	}
	return norm, err
}

// gotchClip is what a program would write with gotch's operations.
func gotchClip(tensors []*ts.Tensor, limit float64) error {
	total := 0.0
	for _, t := range tensors {
		grad, err := t.Grad(false)
		if err != nil {
			return err
		}
		norm, err := grad.Norm(false)
		if err != nil {
			return err
		}
		v := norm.Float64Values()[0]
		total += v * v
		norm.MustDrop()
		grad.MustDrop()
	}
	total = math.Sqrt(total)
	if total <= limit {
		return nil
	}
	factor := ts.FloatScalar(limit / total)
	defer factor.MustDrop()
	for _, t := range tensors {
		grad, err := t.Grad(false)
		if err != nil {
			return err
		}
		if err := grad.MulScalar_(factor); err != nil {
			return err
		}
		grad.MustDrop()
	}
	return nil
}
