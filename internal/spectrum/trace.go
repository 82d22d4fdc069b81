package spectrum

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// Trace is an estimate of a trace.
type Trace struct {
	Value         float64
	StandardError float64
	Probes        int
}

// Hutchinson estimates the trace of a symmetric operator as the mean of vᵀHv over
// random v of ±1 (Hutchinson 1990, A Stochastic Estimator of the Trace of the
// Influence Matrix for Laplacian Smoothing Splines). It takes so many probes, one
// product each, 2 or more, or fewer when more, which may be nil, answers false; it
// is asked before each probe but the first two, without which there is no standard
// error. Stopping by how the estimate looks would bias it, so it never does.
func Hutchinson[V any](space Space[V], op Operator[V], probes int, seed uint64, more func() bool) (Trace, error) {
	if probes < 2 {
		return Trace{}, fmt.Errorf("spectrum: %d probes have no standard error: it takes 2", probes)
	}
	t, err := hutchinson(space, op, probes, seed, more)
	if err != nil {
		return Trace{}, fmt.Errorf("spectrum: Hutchinson: %w", err)
	}
	return t, nil
}

func hutchinson[V any](space Space[V], op Operator[V], probes int, seed uint64, more func() bool) (t Trace, err error) {
	v, err := space.Make()
	if err != nil {
		return t, err
	}
	defer space.Free(v)
	hv, err := space.Make()
	if err != nil {
		return t, err
	}
	defer space.Free(hv)

	rng := generator(seed)
	var squares float64 // Welford's sum of squared deviations
	for t.Probes < probes && (t.Probes < 2 || going(more)) {
		if err := space.Random(v, Rademacher, rng.Uint64()); err != nil {
			return t, err
		}
		if _, err := apply(space, op, hv, v, t.Probes+1); err != nil {
			return t, err
		}
		d, err := space.Dot(v, hv)
		if err != nil {
			return t, err
		}
		t.Probes++
		delta := d - t.Value
		t.Value += delta / float64(t.Probes)
		squares += delta * (d - t.Value)
	}
	n := float64(t.Probes)
	t.StandardError = math.Sqrt(squares / (n - 1) / n)
	return t, nil
}

// signs are −1 and 1, each as often as the other.
func signs(rng *rand.Rand) func() float64 {
	var bits uint64
	left := 0
	return func() float64 {
		if left == 0 {
			bits, left = rng.Uint64(), 64
		}
		s := float64(bits&1)*2 - 1
		bits >>= 1
		left--
		return s
	}
}
