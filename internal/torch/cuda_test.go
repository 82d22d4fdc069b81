package torch

import (
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/ts"
)

// On a device the same numbers come out as on the CPU.
func TestMeasureOnCUDA(t *testing.T) {
	device := gotch.CudaIfAvailable()
	if !device.IsCuda() {
		t.Skip("no CUDA device")
	}
	for _, dtype := range []gotch.DType{gotch.Float, gotch.Double, gotch.Half, gotch.BFloat16} {
		x := ts.MustRandn([]int64{1000}, gotch.Float, gotch.CPU).MustTotype(dtype, true)
		want, err := Values([]*ts.Tensor{x})
		require.NoError(t, err)
		got, err := Values([]*ts.Tensor{x.MustTo(device, false)})
		require.NoError(t, err)
		requireStat(t, want[0], got[0], 1e-6, "on "+device.Name)
	}
}
