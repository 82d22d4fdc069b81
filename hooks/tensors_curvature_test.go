package hooks_test

import (
	"fmt"
	"log"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/hooks"
	"github.com/seed-140d0f39/gtg/internal/torch"
	"github.com/seed-140d0f39/gtg/monitor"
)

func TestCurvatureAndSpectrumOfASaddle(t *testing.T) {
	x := ts.MustOfSlice([]float64{3, 3}).MustSetRequiresGrad(true, true)
	scale := ts.MustOfSlice([]float64{1, -1})
	loss := x.MustMul(x, false).MustMul(scale, true).MustSum(gotch.Double, true)
	defer loss.MustDrop()
	c, err := hooks.Curvature(loss, []*ts.Tensor{x})
	require.NoError(t, err)
	require.InDelta(t, 72, c.GTG, 1e-12)
	require.Zero(t, c.GTHG, "gᵀHg alone does not see the saddle at (s, s)")
	require.Equal(t, []float64{0}, c.Each)
	s, err := hooks.Spectrum(loss, []*ts.Tensor{x}, hooks.SpectrumOptions{Probes: 8})
	require.NoError(t, err)
	require.InDelta(t, 2, s.LambdaMax, 1e-10)
	require.InDelta(t, -2, s.LambdaMin, 1e-10)
	require.True(t, s.Converged)
	require.Equal(t, monitor.ClassSaddle, s.Class())
	require.InDelta(t, 0, s.Trace, 1e-10, "Rademacher probes are exact for a diagonal matrix")
	require.InDelta(t, 0, s.TraceError, 1e-10)

	require.NoError(t, loss.Backward(), "the graph is still there")
	require.Equal(t, []float64{6, -6}, gradientOf(x))
	_, err = hooks.Curvature(loss, []*ts.Tensor{x})
	require.Error(t, err, "now it is used up")
	_, err = hooks.Spectrum(loss, []*ts.Tensor{nil}, hooks.SpectrumOptions{})
	require.ErrorContains(t, err, "nil")
	require.Zero(t, torch.Alive())
}

func TestSpectrumIsScaleFree(t *testing.T) {
	for _, scale := range []float64{1, 1e-7, 1e9} {
		x := ts.MustOfSlice([]float64{1, 1, 1, 1, 1}).MustSetRequiresGrad(true, true)
		d := ts.MustOfSlice([]float64{-3 * scale, -1 * scale, 0, 2 * scale, 7 * scale})
		loss := x.MustMul(x, false).MustMul(d, true).MustSum(gotch.Double, true).MustMulScalar(ts.FloatScalar(0.5), true)
		s, err := hooks.Spectrum(loss, []*ts.Tensor{x}, hooks.SpectrumOptions{})
		require.NoError(t, err)
		require.InEpsilon(t, 7*scale, s.LambdaMax, 1e-9)
		require.InEpsilon(t, -3*scale, s.LambdaMin, 1e-9)
		require.True(t, s.Converged)
		require.True(t, math.IsNaN(s.Trace), "not asked for")
	}
}

// Is the step too long for the curvature? On a bowl that is five times as steep in
// one direction:
func ExampleCurvature() {
	x := ts.MustOfSlice([]float64{5, 1}).MustSetRequiresGrad(true, true)
	loss := x.MustMul(x, false).MustMul(ts.MustOfSlice([]float64{0.5, 2.5}), true).MustSum(gotch.Double, true)
	c, err := hooks.Curvature(loss, []*ts.Tensor{x})
	if err != nil {
		log.Fatal(err)
	}
	const learningRate = 0.5
	fmt.Println("gᵀg", c.GTG, "gᵀHg", c.GTHG, "ρ", learningRate*c.Rayleigh)
	// Output:
	// gᵀg 50 gᵀHg 150 ρ 1.5
}

// A gradient of 0 says nothing of the kind of point; both ends of the spectrum do.
func ExampleSpectrum() {
	x := ts.MustOfSlice([]float64{0, 0}).MustSetRequiresGrad(true, true)
	loss := x.MustMul(x, false).MustMul(ts.MustOfSlice([]float64{1, -1}), true).MustSum(gotch.Double, true)
	s, err := hooks.Spectrum(loss, []*ts.Tensor{x}, hooks.SpectrumOptions{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("from %.3f to %.3f: %s\n", s.LambdaMin, s.LambdaMax, s.Class())
	// Output:
	// from -2.000 to 2.000: saddle
}
