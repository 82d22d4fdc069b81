package runlog_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-140d0f39/gtg/adapters/runlog"
	"github.com/seed-140d0f39/gtg/monitor"
)

// typical is a step as a run of that many parameters logs it.
func typical(params int, rng *rand.Rand) *monitor.Step {
	known := func() monitor.Number { return monitor.Known(rng.ExpFloat64()) }
	s := &monitor.Step{Step: 1 + rng.Int64N(1e6), T: known(), Loss: known(), LR: monitor.Known(0.001),
		GradNorm: known(), NonFinite: monitor.Known(0), Action: monitor.ActionStep, GTGSeconds: known(),
		Clip: monitor.Clip{Policy: "outlier", Factor: monitor.Known(1), Threshold: known()}}
	for range params {
		s.ParamGradNorms = append(s.ParamGradNorms, known())
		s.ZeroGrads = append(s.ZeroGrads, 0)
	}
	return s
}

func written(t testing.TB, steps ...*monitor.Step) []byte {
	var b bytes.Buffer
	w := runlog.NewWriter(&b)
	for _, s := range steps {
		require.NoError(t, w.Step(s))
	}
	require.NoError(t, w.Close(t.Context(), nil))
	return b.Bytes()
}

func BenchmarkReader(b *testing.B) {
	for _, params := range []int{0, 20, 1000} {
		b.Run(fmt.Sprintf("params=%d", params), func(b *testing.B) {
			line := written(b, typical(params, rand.New(rand.NewPCG(1, 2))))
			b.SetBytes(int64(len(line)))
			b.ReportAllocs()
			r := runlog.NewReader(&endless{line: line})
			for b.Loop() {
				if _, err := r.Next(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkWriter(b *testing.B) {
	for _, params := range []int{0, 20, 1000} {
		b.Run(fmt.Sprintf("params=%d", params), func(b *testing.B) {
			s := typical(params, rand.New(rand.NewPCG(1, 2)))
			b.SetBytes(int64(len(written(b, s))))
			b.ReportAllocs()
			w := runlog.NewWriter(io.Discard)
			for b.Loop() {
				if err := w.Step(s); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// endless gives the same line again and again.
type endless struct {
	line []byte
	at   int
}

func (e *endless) Read(p []byte) (n int, err error) {
	for n < len(p) {
		c := copy(p[n:], e.line[e.at:])
		n, e.at = n+c, (e.at+c)%len(e.line)
	}
	return n, nil
}
