package digest_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-140d0f39/gtg/adapters/runlog"
	"github.com/seed-140d0f39/gtg/monitor"
)

// synthetic writes the log of a run that learns: of so many steps of so many
// parameters, with one spike of the gradient norm.
func synthetic(t testing.TB, out io.Writer, steps, params int, spike int64) {
	rng := rand.New(rand.NewPCG(1, 2))
	buffered := bufio.NewWriterSize(out, 1<<20)
	w := runlog.NewWriter(buffered)
	run := &monitor.Run{Name: "synthetic"}
	for i := range params {
		run.Params = append(run.Params, monitor.Param{Name: fmt.Sprintf("layer%d.weight", i), Shape: []int64{64, 64}, Numel: 4096})
	}
	require.NoError(t, w.Start(run))
	s := monitor.Step{ZeroGrads: make([]int64, params), ParamGradNorms: make([]monitor.Number, params)}
	for i := range int64(steps) {
		s.Step = i + 1
		s.T, s.LR = monitor.Known(0.01*float64(i)), monitor.Known(1e-3)
		s.Loss = monitor.Known((0.2 + 2*math.Exp(-float64(i)/(0.1*float64(steps)))) * math.Exp(0.1*rng.NormFloat64()))
		scale := math.Exp(0.2 * rng.NormFloat64())
		if s.Step == spike {
			scale = 1e6
		}
		var sum float64
		for j := range params {
			v := scale * (1 + 0.1*rng.Float64())
			s.ParamGradNorms[j] = monitor.Known(v)
			sum += v * v
		}
		s.GradNorm, s.NonFinite = monitor.Known(math.Sqrt(sum)), monitor.Known(0)
		s.Clip = monitor.Clip{Policy: "outlier", Factor: monitor.Known(1), Threshold: monitor.Known(10 * math.Sqrt(float64(params)))}
		s.GTGSeconds = monitor.Known(1e-4)
		if i%50 == 0 {
			s.Curvature = &monitor.Curvature{GTHG: monitor.Known(sum * rng.ExpFloat64()), Rho: monitor.Known(rng.ExpFloat64()), RhoLimit: monitor.Known(2)}
		} else {
			s.Curvature = nil
		}
		require.NoError(t, w.Step(&s))
	}
	require.NoError(t, w.Close(context.Background(), nil))
	require.NoError(t, buffered.Flush())
}

func TestWriteBig(t *testing.T) {
	path := os.Getenv("GTG_BIG")
	if path == "" {
		t.Skip()
	}
	f, err := os.Create(path)
	require.NoError(t, err)
	synthetic(t, f, 1_000_000, 20, 777_777)
	f.Close()
}
