package hooks

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-140d0f39/gtg/internal/torch"
	"github.com/seed-140d0f39/gtg/monitor"
)

// image is a sketch whose first sums are these.
func image(sums ...float64) *torch.Sketch {
	s := &torch.Sketch{}
	copy(s.Sums[:], sums)
	return s
}

func TestSuccessiveSketches(t *testing.T) {
	for _, scale := range []float64{1, 1e-200, 1e200} { // no product leaves float64's range on the way to a cosine
		var x successive
		require.Zero(t, x.see(image(3*scale, 4*scale), 5*scale), "nothing before it")
		got := x.see(image(-8*scale, 0), 8*scale)
		require.InDelta(t, -0.6, got.Cosine.Or(9), 1e-12)
		require.InDelta(t, math.Sqrt(1.36/torch.SketchSize), got.Error.Or(9), 1e-12)
		require.False(t, got.Cosine2.Known())
		if scale == 1 {
			require.InDelta(t, -24, got.Dot.Or(9), 1e-12)
		}
		got = x.see(image(0, 1*scale), 1*scale)
		require.Zero(t, got.Cosine.Or(9))
		require.InDelta(t, 0.8, got.Cosine2.Or(9), 1e-12)
		require.InDelta(t, math.Sqrt(1.64/torch.SketchSize), got.Error.Or(9), 1e-12, "that of the larger")
		got = x.see(image(-5*scale, 0), 4*scale)
		require.Equal(t, monitor.Known(1), got.Cosine2, "an estimate above 1 is no cosine")
	}
}

func TestSuccessiveAfterAGap(t *testing.T) {
	other := image(1)
	other.Layout = 7
	for what, gap := range map[string]func(x *successive){
		"forgotten":      func(x *successive) { x.forget() },
		"no sketch":      func(x *successive) { require.Zero(t, x.see(nil, 1)) },
		"not finite":     func(x *successive) { require.Zero(t, x.see(image(1), math.Inf(1))) },
		"another layout": func(x *successive) { require.Zero(t, x.see(other, 1)) },
	} {
		var x successive
		x.see(image(1), 1)
		x.see(image(1), 1)
		require.True(t, x.see(image(1), 1).Cosine2.Known(), what)
		gap(&x)
		require.Zero(t, x.see(image(1), 1), what)
		got := x.see(image(1), 1)
		require.True(t, got.Cosine.Known() && got.Dot.Known() && got.Error.Known(), what)
		require.False(t, got.Cosine2.Known(), what)
		require.True(t, x.see(image(1), 1).Cosine2.Known(), what)
	}
}

// A gradient of 0 has a product but no direction.
func TestSuccessiveOfNothing(t *testing.T) {
	var x successive
	x.see(image(2), 2)
	require.Equal(t, monitor.Successive{Dot: monitor.Known(0)}, x.see(image(), 0))
	got := x.see(image(3), 3)
	require.Zero(t, got.Dot.Or(9))
	require.False(t, got.Cosine.Known())
	require.Equal(t, 1.0, got.Cosine2.Or(9))
	require.InDelta(t, math.Sqrt(2.0/torch.SketchSize), got.Error.Or(9), 1e-12)
}

func TestSuccessiveAllocatesNothing(t *testing.T) {
	var x successive
	s := image(1, 2, 3)
	require.Zero(t, testing.AllocsPerRun(10, func() { x.see(s, 4) }))
}
