package hooks

import (
	"fmt"
	"math"
	"strconv"
	"sync"

	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/clip"
	"github.com/seed-140d0f39/gtg/internal/torch"
	"github.com/seed-140d0f39/gtg/monitor"
)

// Clipper clips the gradients of a fixed list of tensors by any policy, for
// loops without an optimizer.
type Clipper struct {
	mu      sync.Mutex
	grads   *torch.Grads
	clipper clipper
	count   int
	step    int64
}

// NewClipper returns a Clipper for the tensors. Their names are what a policy's
// patterns match; without names they are "0", "1", … It is an error when the
// policy is not valid or cannot serve these tensors, when a tensor is nil, and
// when there is a number of names other than none or one each.
func NewClipper(policy clip.Policy, tensors []*ts.Tensor, names ...string) (*Clipper, error) {
	if isNil(policy) {
		return nil, fmt.Errorf("gtg: NewClipper: the policy is nil: use clip.None() to leave gradients alone")
	}
	if err := policy.Validate(); err != nil {
		return nil, err
	}
	if len(names) != 0 && len(names) != len(tensors) {
		return nil, fmt.Errorf("gtg: NewClipper: %d names for %d tensors: give one each, or none", len(names), len(tensors))
	}
	grads, err := torch.NewGrads(tensors)
	if err != nil {
		return nil, fmt.Errorf("gtg: NewClipper: %w", err)
	}
	params := make([]clip.Param, len(tensors))
	places := make([]int, len(tensors))
	for i, t := range tensors {
		shape, err := t.Size()
		if err != nil {
			return nil, fmt.Errorf("gtg: NewClipper: the shape of tensor %d: %w", i, err)
		}
		params[i] = clip.Param{Name: strconv.Itoa(i), Shape: shape, Numel: 1}
		if names != nil {
			params[i].Name = names[i]
		}
		for _, n := range shape {
			params[i].Numel *= n
		}
		places[i] = i
	}
	c := &Clipper{grads: grads, clipper: clipper{policy: policy}, count: len(tensors)}
	if err := c.clipper.bind(params, places); err != nil {
		return nil, err
	}
	return c, nil
}

// Clip measures the tensors' gradients, has the policy decide, and changes them
// in place. It returns the total L2 norm from before and what was done, as the
// record of a step has it.
//
// When a gradient is not finite, nothing is changed, an adaptive policy learns
// nothing, and the error is [ErrNonFinite]: skip the step.
func (c *Clipper) Clip() (norm float64, done monitor.Clip, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.step++
	g := clip.Gradient{Step: c.step, LR: math.NaN(), GTHG: math.NaN()}
	if err := c.clipper.again(c.grads, &g); err != nil {
		return 0, done, fmt.Errorf("gtg: %w", err)
	}
	norm = g.Norm
	err = c.clipper.clip(c.grads, g, c.count, &done)
	if err == nil && g.NonFinite > 0 {
		err = fmt.Errorf("%w: %d elements", ErrNonFinite, g.NonFinite)
	}
	if err != nil {
		err = fmt.Errorf("gtg: %w", err)
	}
	return norm, done, err
}
