package hooks

import (
	"errors"
	"fmt"
	"math"

	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/clip"
	"github.com/seed-140d0f39/gtg/internal/torch"
)

// ErrNonFinite is returned by [ClipGradNorm] when a gradient holds a NaN or an
// infinity, which no factor mends.
var ErrNonFinite = errors.New("a gradient is not finite")

// GradNorms is what [Norms] measures.
type GradNorms struct {
	// Total is the L2 norm over all gradients, as if they were one vector; NaN
	// or +Inf when NonFinite is not 0.
	Total float64
	// Each has the L2 norm of each tensor's gradient; NaN where a tensor has no
	// gradient.
	Each []float64
	// Max is the largest magnitude of any finite element.
	Max float64
	// NonFinite counts the elements that are NaN or infinite, Zeros those that
	// are exactly 0.
	NonFinite, Zeros int64
}

// Norms measures the gradients of the tensors, in one native pass, for loops
// without an optimizer. Sums of squares are accumulated in float64, whatever
// the gradients' dtype. A tensor without a gradient counts as 0.
func Norms(tensors []*ts.Tensor) (GradNorms, error) {
	stats, err := torch.Gradients(tensors)
	if err != nil {
		return GradNorms{}, fmt.Errorf("gtg: norms of %d tensors: %w", len(tensors), err)
	}
	n := GradNorms{Each: make([]float64, len(stats))}
	for i := range stats {
		s := &stats[i]
		if !s.Defined() {
			n.Each[i] = -1
			continue
		}
		n.Each[i] = s.Norm
		n.Max = max(n.Max, s.Max)
		n.NonFinite += s.NonFinite
		n.Zeros += s.Zeros
	}
	n.Total = clip.TotalNorm(2, n.Each...)
	for i := range stats {
		if !stats[i].Defined() {
			n.Each[i] = math.NaN()
		}
	}
	return n, nil
}

// ClipGradNorm scales the gradients of the tensors, in place and all by one
// factor, so that their total L2 norm is at most max, and returns the total
// norm from before (Goodfellow, Bengio and Courville, Deep Learning, equation
// 10.48). Gradients within max are not written to. max is above 0; +Inf only
// measures. [NewClipper] is for every other policy.
//
// When a gradient is not finite, nothing is changed and the error is
// [ErrNonFinite], beside the total norm: skip the step.
func ClipGradNorm(tensors []*ts.Tensor, max float64) (float64, error) {
	policy := clip.Norm(max)
	if err := policy.Validate(); err != nil {
		return 0, err
	}
	n, err := Norms(tensors)
	if err != nil {
		return 0, err
	}
	if n.NonFinite > 0 {
		return n.Total, fmt.Errorf("gtg: %w: %d elements", ErrNonFinite, n.NonFinite)
	}
	d := policy.Decide(clip.Gradient{Norm: n.Total, Max: n.Max})
	if d.Changes() {
		grads, err := torch.NewGrads(tensors)
		if err == nil {
			err = grads.Apply(d.Factor, 0, 0)
		}
		if err != nil {
			return n.Total, fmt.Errorf("gtg: %w", err)
		}
	}
	return n.Total, nil
}
