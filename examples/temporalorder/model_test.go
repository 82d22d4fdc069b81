package main

import (
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/nn"

	"github.com/seed-140d0f39/gtg/internal/torch"
)

func seededModel(t *testing.T) (*nn.VarStore, *model) {
	t.Helper()
	require.NoError(t, torch.Seed(1))
	vs := nn.NewVarStore(gotch.CPU)
	m, err := newModel(vs)
	require.NoError(t, err)
	return vs, m
}

// values has the parameters, or their gradients, in float64.
func values(vs *nn.VarStore, gradients bool) map[string][]float64 {
	all := map[string][]float64{}
	for name, v := range vs.Variables() {
		if gradients {
			all[name] = v.MustGrad(false).Float64Values(true)
		} else {
			all[name] = v.Float64Values()
		}
	}
	runtime.KeepAlive(vs) // the variables above are copies of its own
	return all
}

// reference returns the logits of the paper's network, written from its
// equations, in float64 and one number at a time.
func reference(p map[string][]float64, b batch) [][]float64 {
	inputs, states, outputs := p["rnn.weight_ih"], p["rnn.weight_hh"], p["head.weight"]
	logits := make([][]float64, b.rows)
	for r := range logits {
		h := make([]float64, hidden)
		for at := range b.length {
			x := int(b.symbols[at*b.rows+r])
			next := slices.Clone(p["rnn.bias"])
			for i := range next {
				next[i] += inputs[i*symbols+x]
				for j := range h {
					next[i] += states[i*hidden+j] * h[j]
				}
				next[i] = math.Tanh(next[i])
			}
			h = next
		}
		logits[r] = slices.Clone(p["head.bias"])
		for c := range logits[r] {
			for j := range h {
				logits[r][c] += outputs[c*hidden+j] * h[j]
			}
		}
	}
	return logits
}

func referenceLoss(p map[string][]float64, b batch) float64 {
	var loss float64
	for r, logits := range reference(p, b) {
		var sum float64
		for _, l := range logits {
			sum += math.Exp(l)
		}
		loss += math.Log(sum) - logits[b.classes[r]]
	}
	return loss / float64(b.rows)
}

// The loss and all of its 3054 derivatives are those of the reference, whose
// derivatives are taken by central differences.
func TestGradient(t *testing.T) {
	vs, m := seededModel(t)
	p := values(vs, false)
	b := draw(rand.New(rand.NewPCG(1, 1)), 3, 12)
	loss, err := m.loss(b)
	require.NoError(t, err)
	defer loss.MustDrop()
	require.InDelta(t, referenceLoss(p, b), loss.Float64Values()[0], 1e-6)
	loss.MustBackward()

	const step = 1e-5
	checked := 0
	for name, gradient := range values(vs, true) {
		for i := range gradient {
			at := p[name][i]
			p[name][i] = at + step
			above := referenceLoss(p, b)
			p[name][i] = at - step
			below := referenceLoss(p, b)
			p[name][i] = at
			want := (above - below) / (2 * step)
			require.InDelta(t, want, gradient[i], 1e-6+1e-4*math.Abs(want), "%s[%d]", name, i)
			checked++
		}
	}
	require.Equal(t, 50*6+50*50+50+4*50+4, checked)
}

func TestErrors(t *testing.T) {
	// gotch's NoGrad switches gradients off for one thread of the operating system.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	vs, m := seededModel(t)
	b := draw(rand.New(rand.NewPCG(1, 1)), 500, 20)
	want := 0
	for r, logits := range reference(values(vs, false), b) {
		if slices.Index(logits, slices.Max(logits)) != int(b.classes[r]) {
			want++
		}
	}
	got, err := m.errors(b)
	require.NoError(t, err)
	// Two logits may be so near to each other that rounding decides.
	require.InDelta(t, want, got, 2)
}

func TestInitialValues(t *testing.T) {
	vs, _ := seededModel(t)
	first := values(vs, false)
	for name, v := range first {
		var mean, square float64
		for _, x := range v {
			mean += x / float64(len(v))
			square += x * x / float64(len(v))
		}
		n := float64(len(v))
		switch name {
		case "rnn.bias", "head.bias":
			require.Zero(t, square, name)
		default:
			// Five standard deviations of the estimates.
			require.InDelta(t, 0, mean, 5*0.1/math.Sqrt(n), name)
			require.InDelta(t, 0.01, square, 5*0.01*math.Sqrt(2/n), name)
		}
	}
	again, _ := seededModel(t)
	require.Equal(t, first, values(again, false), "a seed has one model")
}
