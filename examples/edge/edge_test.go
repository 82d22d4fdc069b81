package main

import (
	"bytes"
	"context"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/nn"
	"go.uber.org/goleak"

	"github.com/seed-140d0f39/gtg/monitor"
)

func TestMain(m *testing.M) {
	// Collecting garbage in the middle of one of gotch's operations can crash what
	// has nothing attached; what has collects between steps.
	debug.SetGCPercent(-1)
	goleak.VerifyTestMain(m)
}

func TestChebyshev(t *testing.T) {
	for x := -1.0; x <= 1; x += 1.0 / 16 {
		require.InDelta(t, 8*math.Pow(x, 4)-8*x*x+1, chebyshev(4, x), 1e-14)
		require.InDelta(t, x, chebyshev(1, x), 1e-15)
	}
}

// The loss is that of the network's equations, written out.
func TestLoss(t *testing.T) {
	const hidden, points = 3, 5
	n, err := newNet(nn.NewVarStore(gotch.CPU), hidden, points, rand.New(rand.NewPCG(4, 0)))
	require.NoError(t, err)
	var sum float64
	for i := range points {
		x := -1 + 2*float64(i)/(points-1)
		state := []float64{x}
		for layer := 0; layer < len(n.parameters); layer += 2 {
			if layer > 0 {
				for j := range state {
					state[j] = math.Tanh(state[j])
				}
			}
			weights, next := n.parameters[layer].Float64Values(), n.parameters[layer+1].Float64Values()
			for j := range next {
				for k := range state {
					next[j] += state[k] * weights[k*len(next)+j]
				}
			}
			state = next
		}
		sum += math.Pow(state[0]-chebyshev(degree, x), 2)
	}
	require.InDelta(t, sum/points/2, n.loss().Float64Values()[0], 1e-14)
	require.Equal(t, gotch.Double, n.loss().DType())
}

func outcomes() []*outcome {
	rising := &outcome{lr: 0.1, steps: 90, verdict: []monitor.Finding{{Section: "8.2.1", Finding: "Fine."}}}
	for i, s := range []float64{0.4, 0.8, 1.1, 0.9, 1, 1.2} {
		rising.looks = append(rising.looks, look{1 + 15*i, 1 / float64(i+1), 20 * s, s})
	}
	rising.rhos = rhos{{61, 1.5}, {60, 7}, {76, 2.5}}
	below := *rising
	below.lr, below.looks = 0.01, below.looks[:2]
	return []*outcome{rising, &below}
}

func TestOutcome(t *testing.T) {
	o := outcomes()
	require.Equal(t, 31, o[0].first())
	require.Zero(t, o[1].first())
	s := o[0].sharpness()
	require.InDelta(t, 1.1, s.mean, 1e-12)
	require.Equal(t, "1.100 (1.000–1.200)", s.String())
	require.InDelta(t, 2, o[0].rho().mean, 1e-12)
	require.True(t, math.IsNaN(o[1].sharpness().mean), "no looks in the last third")

	var out strings.Builder
	o[0].print(&out)
	require.Contains(t, out.String(), "first above 1 at step 31; its mean over the last third is 1.100 (1.000–1.200)")
	require.Equal(t, 6, strings.Count(out.String(), "  step "))
	out.Reset()
	o[1].print(&out)
	require.Contains(t, out.String(), "did not come to 1")
}

func TestWriteTable(t *testing.T) {
	var out strings.Builder
	writeTable(&out, outcomes())
	lines := strings.Split(out.String(), "\n")
	require.Len(t, lines, 5)
	require.Equal(t, "| 0.1 | 20.0 | 0.400 | step 31 | 1.100 (1.000–1.200) | 2.000 | 1.000 → 0.17 | Fine. |", lines[2])
	require.Contains(t, lines[3], "| never |")
	for _, line := range lines[:4] {
		require.Equal(t, 9, strings.Count(line, "|"))
	}
}

func do(t *testing.T, args string) (*outcome, string) {
	t.Helper()
	c, err := parse(append([]string{"-output=", "-metrics="}, strings.Fields(args)...), t.Output())
	require.NoError(t, err)
	var progress bytes.Buffer
	o, err := train(t.Context(), c, t.Output(), &progress)
	require.NoError(t, err)
	return o, progress.String()
}

// The sharpness rises to 2/η and stays there, ρ = 2 with it, the loss comes down
// all the same, and gtg does not call it ill-conditioned.
func TestSharpnessHoversAtTheEdge(t *testing.T) {
	if testing.Short() {
		t.Skip("trains networks")
	}
	for _, args := range []string{"-lr=0.2 -steps=3000", "-lr=0.1 -steps=4000"} {
		o, events := do(t, args+" -hidden=16 -every=25")
		require.Less(t, o.looks[0].sharpness, 0.95, args)
		require.NotZero(t, o.first(), args)
		s := o.sharpness()
		require.InDelta(t, 1, s.mean, 0.03, args)
		require.Greater(t, s.low, 0.85, args)
		require.Less(t, s.high, 1.15, args)
		require.InDelta(t, 2, o.rho().mean, 0.1, args)
		require.Less(t, o.looks[len(o.looks)-1].loss, o.looks[0].loss/20, args)
		require.NotContains(t, events, string(monitor.IllConditioned), args)
		require.Contains(t, o.verdict[0].Finding, "The curvature limited the step", args)
	}
}

// Far below the edge nothing of the kind is seen.
func TestSmallRateStaysBelow(t *testing.T) {
	if testing.Short() {
		t.Skip("trains a network")
	}
	o, _ := do(t, "-lr=0.01 -steps=500 -hidden=16")
	require.Zero(t, o.first())
	require.Less(t, o.sharpness().high, 0.3)
}

// gtg changes nothing, a run can be done again, and another seed is another run.
func TestSameLossesWithoutGtg(t *testing.T) {
	with, _ := do(t, "-steps=100")
	without, _ := do(t, "-steps=100 -attach=false")
	other, _ := do(t, "-steps=100 -seed=2")
	require.Equal(t, with.looks, without.looks)
	require.Len(t, with.looks, 5)
	require.Len(t, with.rhos, 4)
	require.Empty(t, without.rhos)
	require.NotEqual(t, with.looks, other.looks)
}

func TestRun(t *testing.T) {
	log := filepath.Join(t.TempDir(), "run.gtg.jsonl")
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), []string{"-steps=60", "-output=" + log}, &out, t.Output()))
	require.Contains(t, out.String(), "2/η is 20")
	require.Contains(t, out.String(), "8.2.5")
	lines, err := os.ReadFile(log)
	require.NoError(t, err)
	require.Equal(t, 60, bytes.Count(lines, []byte(`"type":"step"`)))
	require.Contains(t, string(lines), `"policy":"none"`)

	out.Reset()
	require.NoError(t, run(t.Context(), []string{"-table", "-steps=50"}, &out, t.Output()))
	require.Equal(t, 2+len(rates), strings.Count(out.String(), "\n|"))
}

func TestInterrupt(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, run(ctx, []string{"-output=", "-metrics="}, t.Output(), t.Output()), context.Canceled)
}

func TestFlags(t *testing.T) {
	for args, want := range map[string]string{
		"-steps 0":  "-steps 0",
		"-lr -1":    "-lr -1",
		"-points 1": "-points 1",
		"-every 0":  "-every 0",
		"-clip ab":  "outlier",
		"more":      "more",
	} {
		err := run(t.Context(), append([]string{"-output=", "-metrics="}, strings.Fields(args)...), t.Output(), t.Output())
		require.ErrorContains(t, err, want, args)
	}
}
