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
	var total totalNorm
	for i := range stats {
		s := &stats[i]
		if !s.Defined() {
			n.Each[i] = math.NaN()
			continue
		}
		n.Each[i] = s.Norm
		n.Max = max(n.Max, s.Max)
		n.NonFinite += s.NonFinite
		n.Zeros += s.Zeros
		total.add(s.Norm)
	}
	n.Total = total.norm()
	return n, nil
}

// ClipGradNorm scales the gradients of the tensors, in place and all by one
// factor, so that their total L2 norm is at most max, and returns the total
// norm from before (Goodfellow, Bengio and Courville, Deep Learning, equation
// 10.48). Gradients within max are not written to. max is above 0; +Inf only
// measures.
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
		if err := torch.Apply(tensors, d.Factor, 0, 0); err != nil {
			return n.Total, fmt.Errorf("gtg: %w", err)
		}
	}
	return n.Total, nil
}

// totalNorm combines the norms of parts into the norm of the whole, also where
// the squares leave float64's range.
type totalNorm struct {
	squares, largest float64
	nan              bool
	inf              bool
	scaled           float64 // sum of squares in units of largest
}

func (t *totalNorm) add(norm float64) {
	switch {
	case math.IsNaN(norm):
		t.nan = true
	case math.IsInf(norm, 0):
		t.inf = true
	case norm > 0:
		t.squares += norm * norm
		if norm > t.largest {
			q := t.largest / norm
			t.scaled = 1 + t.scaled*q*q
			t.largest = norm
		} else {
			q := norm / t.largest
			t.scaled += q * q
		}
	}
}

func (t *totalNorm) norm() float64 {
	switch {
	case t.nan:
		return math.NaN()
	case t.inf:
		return math.Inf(1)
	case t.largest == 0:
		return 0
	case math.IsInf(t.squares, 0) || t.squares < 1e-290:
		return t.largest * math.Sqrt(t.scaled)
	}
	return math.Sqrt(t.squares)
}
