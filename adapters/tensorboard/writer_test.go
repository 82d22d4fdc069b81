package tensorboard_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/seed-140d0f39/gtg/adapters/tensorboard"
	"github.com/seed-140d0f39/gtg/monitor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	known = monitor.Known
	ctx   = context.Background()
)

func norms(values ...float64) (all []monitor.Number) {
	for _, v := range values {
		all = append(all, known(v))
	}
	return all
}

func writer(t testing.TB, out *bytes.Buffer, options ...tensorboard.Option) *tensorboard.Writer {
	w, err := tensorboard.NewWriter(out, options...)
	require.NoError(t, err)
	return w
}

func started(t testing.TB, out *bytes.Buffer, options ...tensorboard.Option) *tensorboard.Writer {
	w := writer(t, out, options...)
	require.NoError(t, w.Start(&monitor.Run{Name: "r", Started: time.Unix(1000, 0), Params: []monitor.Param{{Name: "a"}, {Name: "b"}, {}}}))
	return w
}

// written closes the writer and decodes what it wrote, but for the first
// record and the text about the run.
func written(t testing.TB, w *tensorboard.Writer, out *bytes.Buffer) []line {
	require.NoError(t, w.Close(ctx, nil))
	lines := decode(t, out.Bytes())
	require.GreaterOrEqual(t, len(lines), 2)
	require.Equal(t, "brain.Event:2", lines[0].FileVersion)
	return lines[2:]
}

// tags tells which tags were written at which steps.
func tags(lines []line) map[string][]int64 {
	all := map[string][]int64{}
	for _, l := range lines {
		all[l.Tag] = append(all[l.Tag], l.Step)
	}
	return all
}

// golden writes the run of scripts/golden_tensorboard.py.
func golden(t testing.TB) []byte {
	var out bytes.Buffer
	w := writer(t, &out, tensorboard.WithHistogramsEvery(10), tensorboard.WithParams(1))
	require.NoError(t, w.Start(&monitor.Run{Name: "golden", Started: time.Unix(1700000000, 250_000_000), Device: "cpu",
		Optimizer: &monitor.Optimizer{Kind: "sgd", LR: known(0.5)},
		Params:    []monitor.Param{{Name: "a", Numel: 4}, {Name: "b", Numel: 3}, {Name: "c", Numel: 2}, {Name: "d", Numel: 1}}}))
	require.NoError(t, w.Step(&monitor.Step{Step: 7, T: known(1.5), Loss: known(2.302585092994046), LR: known(0.5), GradNorm: known(64),
		ParamGradNorms: norms(64, 0.0078125, 0, 0.0078125), ParamNorms: norms(1, 1, 1, 1), NonFinite: known(0),
		Clip: monitor.Clip{Policy: "norm", Clipped: true, Factor: known(0.25), Threshold: known(16), NormAfter: known(16)},
		Curvature: &monitor.Curvature{GTHG: known(-3), Rayleigh: known(-3. / 4096), Rho: known(-3. / 32768), LambdaMax: known(1e300),
			LambdaMin: known(math.NaN()), SpectralRadii: []monitor.SpectralRadius{{Name: "lstm.weight_hh", Radius: known(1.0625)}}},
		GTGSeconds: known(0.001)}))
	require.NoError(t, w.Event(&monitor.Event{Step: 7, Kind: monitor.Cliff, State: monitor.Firing, Severity: monitor.Warning,
		Param: "lstm.weight_hh", Summary: "The gradient norm leapt to 64.", Advice: "Lower the learning rate.", Section: "8.2.4",
		Values: map[string]float64{"norm": 64}}))
	require.NoError(t, w.Step(&monitor.Step{Step: 8, T: known(2), Loss: known(2.25), Action: monitor.ActionSkip}))
	require.NoError(t, w.Close(ctx, &monitor.End{Step: 8, T: known(2.5), Reason: monitor.Closed,
		Verdict: []monitor.Finding{{Section: "8.2.4", Finding: "cliffs", Evidence: "One, at step 7."}}}))
	return out.Bytes()
}

// The oracle is a file that the writers of TensorBoard and PyTorch made.
func TestGolden(t *testing.T) {
	want, err := os.ReadFile("testdata/golden.tfevents")
	require.NoError(t, err)
	got := golden(t)
	require.Equal(t, decode(t, want), decode(t, got))
	require.True(t, bytes.Equal(want, got), "byte for byte")
}

// The oracle is what TensorBoard's reader found in the golden file.
func TestGoldenAsRead(t *testing.T) {
	b, err := os.ReadFile("testdata/golden.json")
	require.NoError(t, err)
	var want []line
	require.NoError(t, json.Unmarshal(b, &want))
	require.Equal(t, want, decode(t, golden(t)))
}

// One record, with every byte worked out by hand but the checksums, which are
// those of a CRC-32C worked out bit by bit. The CRC-32C of "123456789" is e3069283 (RFC 3720).
func TestAKnownRecord(t *testing.T) {
	var out bytes.Buffer
	w := writer(t, &out)
	require.NoError(t, w.Start(&monitor.Run{}))
	skip := out.Len()
	require.NoError(t, w.Step(&monitor.Step{Step: 1, T: known(2), Loss: known(1)}))
	require.NoError(t, w.Close(ctx, nil))
	require.Equal(t, []byte{
		0x1a, 0, 0, 0, 0, 0, 0, 0, // 26 bytes follow
		0x12, 0x9b, 0xd8, 0x2d,
		0x09, 0, 0, 0, 0, 0, 0, 0, 0x40, // wall_time: 2
		0x10, 1, // step: 1
		0x2a, 13, // summary
		0x0a, 11, // its value
		0x0a, 4, 'l', 'o', 's', 's', // its tag
		0x15, 0, 0, 0x80, 0x3f, // its simple_value: 1
		0x65, 0xd7, 0x83, 0x80,
	}, out.Bytes()[skip:])
}

func TestTheDecoderSeesDamage(t *testing.T) {
	b := golden(t)
	for _, i := range []int{0, 8, 12, 40, len(b) - 1} {
		bad := bytes.Clone(b)
		bad[i] ^= 1
		_, err := frames(bad)
		require.Error(t, err, i)
	}
}

// Every number of a step arrives under its key.
func TestScalars(t *testing.T) {
	var out bytes.Buffer
	w := started(t, &out, tensorboard.WithPrefix("gtg/"))
	c := &monitor.Curvature{GTHG: known(1), Rayleigh: known(2), Rho: known(3), RhoPreconditioned: known(4), RhoLimit: known(5), PredictedChange: known(6),
		LossChange: known(7), GTU: known(8), UTHU: known(9), LambdaMax: known(10), LambdaMaxResidual: known(11), LambdaMin: known(12),
		LambdaMinResidual: known(13), Trace: known(14), TraceError: known(15), Seconds: known(16)}
	require.NoError(t, w.Step(&monitor.Step{Step: 1, Loss: known(17), LR: known(18), GradNorm: known(19), NonFinite: known(20), Zeroed: 21,
		Clip: monitor.Clip{Factor: known(22), Threshold: known(23), NormAfter: known(24), Lower: known(-25), Upper: known(26),
			Groups: []monitor.ClipGroup{{Name: "head", Norm: known(27), NormAfter: known(28), Threshold: known(29)}}},
		Successive: monitor.Successive{Cosine: known(31), Cosine2: known(32), Dot: known(33), Error: known(34)},
		Curvature:  c, GTGSeconds: known(30)}))
	got := map[string]any{}
	for _, l := range written(t, w, &out) {
		got[l.Tag] = l.Scalar
	}
	want := map[string]any{}
	for tag, v := range map[string]float64{"curvature.gthg": 1, "curvature.rayleigh": 2, "curvature.rho": 3, "curvature.rho_preconditioned": 4,
		"curvature.rho_limit": 5, "curvature.predicted_change": 6, "curvature.loss_change": 7, "curvature.gtu": 8, "curvature.uthu": 9,
		"curvature.lambda_max": 10, "curvature.lambda_max_residual": 11, "curvature.lambda_min": 12, "curvature.lambda_min_residual": 13,
		"curvature.trace": 14, "curvature.trace_error": 15, "curvature.seconds": 16, "loss": 17, "lr": 18, "grad_norm": 19, "nonfinite": 20,
		"zeroed": 21, "clip.factor": 22, "clip.threshold": 23, "clip.norm_after": 24, "clip.lower": -25, "clip.upper": 26,
		"clip.groups.norm/head": 27, "clip.groups.norm_after/head": 28, "clip.groups.threshold/head": 29, "gtg_seconds": 30,
		"successive.cosine": 31, "successive.cosine2": 32, "successive.dot": 33, "successive.error": 34} {
		want["gtg/"+tag] = v
	}
	require.Equal(t, want, got)
}

func TestUnknownIsNotWritten(t *testing.T) {
	var out bytes.Buffer
	w := started(t, &out)
	require.NoError(t, w.Step(&monitor.Step{Step: 1}))
	require.NoError(t, w.Step(&monitor.Step{Step: 2, Curvature: &monitor.Curvature{}, ParamNorms: []monitor.Number{{}, {}}}))
	require.Empty(t, written(t, w, &out))
}

// The times are the run's, whatever the clock says.
func TestWallTime(t *testing.T) {
	for name, start := range map[string]time.Time{"known": time.Unix(1000, 500_000_000), "unknown": {}} {
		t.Run(name, func(t *testing.T) {
			var base float64
			if !start.IsZero() {
				base = 1000.5
			}
			var out bytes.Buffer
			w := writer(t, &out)
			require.NoError(t, w.Start(&monitor.Run{Started: start}))
			require.NoError(t, w.Step(&monitor.Step{Step: 1, T: known(0.25), Loss: known(1)}))
			require.NoError(t, w.Step(&monitor.Step{Step: 2, Loss: known(1)}))
			require.NoError(t, w.Step(&monitor.Step{Step: 3, T: known(math.NaN()), Loss: known(1)}))
			require.NoError(t, w.Event(&monitor.Event{Step: 3, Kind: monitor.Plateau}))
			require.NoError(t, w.Close(ctx, &monitor.End{Step: 3, T: known(9), Verdict: []monitor.Finding{{}}}))
			var got []float64
			for _, l := range decode(t, out.Bytes()) {
				got = append(got, l.WallTime-base)
			}
			require.Equal(t, []float64{0, 0, 0.25, 0.25, 0.25, 0.25, 9}, got)
		})
	}
}

func TestScalarsEvery(t *testing.T) {
	var out bytes.Buffer
	w := started(t, &out, tensorboard.WithScalarsEvery(10))
	for i := int64(1); i <= 35; i++ {
		s := &monitor.Step{Step: i, Loss: known(1), Action: monitor.ActionStep}
		switch i {
		case 3:
			s.Action = monitor.ActionSkip
		case 4:
			s.NonFinite = known(1)
		case 5:
			s.Loss = known(math.NaN())
		case 6:
			s.GradNorm = known(math.Inf(1))
		case 17:
			s.Curvature = &monitor.Curvature{GTHG: known(1)}
		}
		require.NoError(t, w.Step(s))
	}
	got := tags(written(t, w, &out))
	require.Equal(t, []int64{1, 3, 4, 5, 6, 11, 21, 31}, got["loss"])
	require.Equal(t, []int64{17}, got["curvature.gthg"])
	require.Equal(t, []int64{3}, got["action.skip"])
}

func TestActionsAreCounted(t *testing.T) {
	var out bytes.Buffer
	w := started(t, &out)
	for i, a := range []monitor.Action{monitor.ActionSkip, monitor.ActionStep, "", monitor.ActionSkip, monitor.ActionRollback, monitor.ActionStop} {
		require.NoError(t, w.Step(&monitor.Step{Step: int64(i + 1), Action: a}))
	}
	var got []string
	for _, l := range written(t, w, &out) {
		got = append(got, fmt.Sprint(l.Step, l.Tag, l.Scalar))
	}
	require.Equal(t, []string{"1action.skip1", "4action.skip2", "5action.rollback1", "6action.stop1"}, got)
}

func TestHistogramsEvery(t *testing.T) {
	run := func(t *testing.T, options ...tensorboard.Option) map[string][]int64 {
		var out bytes.Buffer
		w := started(t, &out, options...)
		for i := int64(1); i <= 25; i++ {
			s := &monitor.Step{Step: i, ParamGradNorms: norms(1, 0, 3)}
			if i%7 == 0 { // norms that are measured on other steps than the histograms are due
				s.ParamNorms, s.UpdateNorms = norms(1, 2, 3), norms(1, 2, 3)
			}
			require.NoError(t, w.Step(s))
		}
		return tags(written(t, w, &out))
	}
	got := run(t, tensorboard.WithHistogramsEvery(10), tensorboard.WithParams(2))
	require.Equal(t, []int64{1, 11, 21}, got["param_grad_norms.log10"])
	require.Equal(t, []int64{1, 11, 21}, got["param_grad_norms.zero"])
	require.Equal(t, []int64{1, 11, 21}, got["param_grad_norms/a"])
	require.Equal(t, []int64{1, 11, 21}, got["param_grad_norms/b"])
	require.Equal(t, []int64{7, 21}, got["param_norms.log10"])
	require.Equal(t, []int64{7, 21}, got["update_norms.log10"])
	require.NotContains(t, got, "param_grad_norms/2", "the third")
	require.Contains(t, run(t, tensorboard.WithParams(99)), "param_grad_norms/2", "a parameter without a name")
	require.Empty(t, run(t, tensorboard.WithHistogramsEvery(0)))
}

// A histogram counts every norm that has a logarithm once, in the bucket that
// holds it, and the buckets are those of every other histogram.
func TestHistogramProperties(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		var values []monitor.Number
		var finite []float64
		zero := 0
		for range 1 + r.IntN(60) {
			v := math.Pow(10, 630*r.Float64()-320)
			switch r.IntN(10) {
			case 0:
				v = 0
			case 1:
				v = []float64{math.NaN(), math.Inf(1), math.SmallestNonzeroFloat64, math.MaxFloat64}[r.IntN(4)]
			case 2:
				v = math.Pow(10, float64(r.IntN(10)))
			}
			if v == 0 {
				zero++
			} else if !math.IsNaN(v) && !math.IsInf(v, 0) {
				finite = append(finite, math.Log10(v))
			}
			values = append(values, known(v))
		}
		values = append(values, monitor.Number{})
		var out bytes.Buffer
		w := started(t, &out)
		require.NoError(t, w.Step(&monitor.Step{Step: 1, ParamGradNorms: values}))
		lines := written(t, w, &out)
		require.EqualValues(t, zero, lines[len(lines)-1].Scalar)
		if len(finite) == 0 {
			require.Len(t, lines, 1)
			continue
		}
		b := lines[0].Buckets
		total := 0.
		for i, bucket := range b {
			left, right := bucket[0].(float64), bucket[1].(float64)
			if i > 0 {
				require.Equal(t, math.Trunc(left*8), left*8)
				require.Equal(t, b[i-1][1], left)
			}
			n := 0.
			for _, v := range finite {
				inside := v >= left && (v < right || i == len(b)-1)
				if i == 0 {
					inside = v < right || len(b) == 1
				}
				if inside {
					n++
				}
			}
			require.Equal(t, n, bucket[2])
			total += n
		}
		require.EqualValues(t, len(finite), total)
	}
}

func TestTexts(t *testing.T) {
	var out bytes.Buffer
	w := writer(t, &out)
	require.NoError(t, w.Start(&monitor.Run{Name: "a|b\n<c>", Framework: "gotch", Config: map[string]any{
		"bad": math.NaN(), "func": func() {}, "long": strings.Repeat("ü", 1<<20), "panics": (*stringer)(nil)}}))
	require.NoError(t, w.Event(&monitor.Event{Step: 9, Kind: "cliff\xff", State: monitor.Resolved, Severity: monitor.Info, Since: 4, Class: monitor.ClassSaddle,
		Param: "w_[0]\xff", Summary: "*" + strings.Repeat("long ", 1<<16), Values: map[string]float64{"z": math.Inf(1), "a": 0.1}}))
	require.NoError(t, w.Close(ctx, &monitor.End{Step: 9, Verdict: []monitor.Finding{{Section: "8.2.1", Finding: "none", Evidence: "ρ < 2"}}}))
	lines := decode(t, out.Bytes()) // which refuses what is not UTF-8
	require.Less(t, out.Len(), 50_000)
	require.Equal(t, "run", lines[1].Tag)
	require.Contains(t, lines[1].Text, "| run | a&#124;b &lt;c> |\n|---|---|\n| framework | gotch |\n| config.bad | NaN |\n")
	require.Equal(t, "events/cliff\uFFFD", lines[2].Tag)
	require.Contains(t, lines[2].Text, "**info**, resolved at step 9 since step 4: w\\_\\[0\\]\uFFFD\n\n\\*long long")
	require.Contains(t, lines[2].Text, "| value |  |\n|---|---|\n| class | saddle |\n| a | 0.1 |\n| z | +Inf |\n")
	require.Equal(t, "verdict", lines[3].Tag)
	require.Equal(t, "| section | finding | evidence |\n|---|---|---|\n| 8.2.1 | none | ρ &lt; 2 |\n", lines[3].Text)
	for _, l := range lines[1:] {
		require.Equal(t, "text", l.Plugin)
	}
}

type stringer struct{ s string }

func (s *stringer) String() string { return s.s }

// A run that goes on says so, that TensorBoard forgets what was after it.
func TestResume(t *testing.T) {
	var out bytes.Buffer
	w := started(t, &out)
	require.NoError(t, w.Step(&monitor.Step{Step: 500, Loss: known(1)}))
	require.NoError(t, w.Step(&monitor.Step{Step: 501, Loss: known(1)}))
	lines := written(t, w, &out)
	require.Equal(t, line{WallTime: 1000, Step: 500, SessionLog: 1}, lines[0])
	require.Len(t, lines, 3)
}

func TestCreate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "runs", "first")
	before := time.Now().Unix()
	var paths []string
	for range 3 {
		w, err := tensorboard.Create(dir, tensorboard.WithSuffix(".gtg"))
		require.NoError(t, err)
		paths = append(paths, w.Path())
		require.NoError(t, w.Start(&monitor.Run{Name: "r"}))
		require.NoError(t, w.Step(&monitor.Step{Step: 1, Loss: known(0.5)}))
		require.NoError(t, w.Close(ctx, nil))
		b, err := os.ReadFile(w.Path())
		require.NoError(t, err)
		require.Len(t, decode(t, b), 3)
	}
	for _, p := range paths {
		m := regexp.MustCompile(`^events\.out\.tfevents\.(\d{10})\..+\.\d+\.\d+\.gtg$`).FindStringSubmatch(filepath.Base(p))
		require.NotNil(t, m, p)
		require.GreaterOrEqual(t, m[1], fmt.Sprint(before))
	}
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 3, "each has a file of its own")
}

func TestBadInput(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for want, make := range map[string]func() (*tensorboard.Writer, error){
		`Create(""): want a folder`:   func() (*tensorboard.Writer, error) { return tensorboard.Create("") },
		"not a directory":             func() (*tensorboard.Writer, error) { return tensorboard.Create(filepath.Join(file, "sub")) },
		"NewWriter(nil)":              func() (*tensorboard.Writer, error) { return tensorboard.NewWriter(nil) },
		"WithScalarsEvery(0): want 1": func() (*tensorboard.Writer, error) { return tensorboard.Create("x", tensorboard.WithScalarsEvery(0)) },
		"WithHistogramsEvery(-1): want 1": func() (*tensorboard.Writer, error) {
			return tensorboard.Create("x", tensorboard.WithHistogramsEvery(-1))
		},
		"WithParams(-2): want the number":   func() (*tensorboard.Writer, error) { return tensorboard.Create("x", tensorboard.WithParams(-2)) },
		"WithFlushEvery(0s): want more":     func() (*tensorboard.Writer, error) { return tensorboard.Create("x", tensorboard.WithFlushEvery(0)) },
		`WithSuffix("/../x"): want the end`: func() (*tensorboard.Writer, error) { return tensorboard.Create("x", tensorboard.WithSuffix("/../x")) },
	} {
		w, err := make()
		require.ErrorContains(t, err, want)
		require.Nil(t, w)
	}
	_, err := tensorboard.NewWriter(&bytes.Buffer{}, tensorboard.WithParams(1), tensorboard.WithHistogramsEvery(0))
	require.ErrorContains(t, err, "WithHistogramsEvery(0) says never")
	require.NoFileExists(t, "x")
}

func TestCallsOutOfOrder(t *testing.T) {
	var out bytes.Buffer
	w := writer(t, &out)
	require.ErrorContains(t, w.Step(&monitor.Step{Step: 1}), "before Start")
	require.ErrorContains(t, w.Event(&monitor.Event{}), "before Start")
	require.NoError(t, w.Close(ctx, &monitor.End{Verdict: []monitor.Finding{{}}}))
	require.Zero(t, out.Len())
	require.ErrorContains(t, w.Start(&monitor.Run{}), "closed")
	require.ErrorContains(t, w.Step(&monitor.Step{Step: 1}), "closed")
	require.ErrorContains(t, w.Event(&monitor.Event{}), "closed")
	require.ErrorContains(t, w.Close(ctx, nil), "closed")
}

// A disk that is full ends the file with a whole record, and every later call
// says so.
func TestAFullDisk(t *testing.T) {
	full := errors.New("no space left on device")
	for _, space := range []int{0, 100, 400, 3000} {
		disk := &disk{space: space, err: full}
		w, err := tensorboard.NewWriter(disk)
		require.NoError(t, err)
		err = w.Start(&monitor.Run{Name: "r"})
		for i := int64(1); i <= 100 && err == nil; i++ {
			require.NoError(t, w.Step(&monitor.Step{Step: i, Loss: known(1)}))
			err = w.Event(&monitor.Event{Step: i, Kind: monitor.Cliff})
		}
		require.ErrorIs(t, err, full)
		require.ErrorContains(t, err, "tensorboard: the event file ends here")
		require.ErrorIs(t, w.Step(&monitor.Step{Step: 101}), full)
		require.ErrorIs(t, w.Event(&monitor.Event{Step: 101}), full)
		require.ErrorIs(t, w.Close(ctx, &monitor.End{Verdict: []monitor.Finding{{}}}), full)
		require.LessOrEqual(t, disk.Len(), space)
	}
	if f, err := os.OpenFile("/dev/full", os.O_WRONLY, 0); err == nil { // where there is one
		defer f.Close()
		w, err := tensorboard.NewWriter(f)
		require.NoError(t, err)
		require.ErrorContains(t, w.Start(&monitor.Run{}), "no space left")
	}
}

// disk takes so many bytes.
type disk struct {
	bytes.Buffer
	space int
	err   error
}

func (d *disk) Write(b []byte) (int, error) {
	n := min(len(b), d.space-d.Len())
	_, _ = d.Buffer.Write(b[:n])
	if n < len(b) {
		return n, d.err
	}
	return n, nil
}

// What waits in memory is bounded, whatever the interval.
func TestBufferingIsBounded(t *testing.T) {
	out := &shared{}
	w, err := tensorboard.NewWriter(out, tensorboard.WithFlushEvery(time.Hour))
	require.NoError(t, err)
	require.NoError(t, w.Start(&monitor.Run{}))
	begin := out.len()
	for i := int64(1); i <= 5000; i++ {
		require.NoError(t, w.Step(&monitor.Step{Step: i, Loss: known(1), GradNorm: known(1)}))
	}
	require.Greater(t, out.len(), begin+2*64<<10)
	require.NoError(t, w.Close(ctx, nil))
}

func TestFlushEvery(t *testing.T) {
	out := &shared{}
	w, err := tensorboard.NewWriter(out, tensorboard.WithFlushEvery(time.Millisecond))
	require.NoError(t, err)
	require.NoError(t, w.Start(&monitor.Run{}))
	for i := int64(1); i <= 3; i++ {
		before := out.len()
		require.NoError(t, w.Step(&monitor.Step{Step: i, Loss: known(1)}))
		require.Eventually(t, func() bool { return out.len() > before }, 10*time.Second, time.Millisecond)
	}
	require.NoError(t, w.Close(ctx, nil))
}

// shared is a buffer that the writer's timer and the test use at once.
type shared struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *shared) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(b)
}

func (s *shared) len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Len()
}

type nowhere struct{}

func (nowhere) Write(b []byte) (int, error) { return len(b), nil }

func everything(params int) *monitor.Step {
	s := &monitor.Step{Step: 1, T: known(1), Loss: known(1), LR: known(1), GradNorm: known(1), NonFinite: known(0), GTGSeconds: known(1),
		Clip: monitor.Clip{Factor: known(1), Threshold: known(1), NormAfter: known(1)}}
	for i := range params {
		s.ParamGradNorms = append(s.ParamGradNorms, known(float64(i+1)))
	}
	return s
}

func TestAStepDoesNotAllocate(t *testing.T) {
	w, err := tensorboard.NewWriter(nowhere{}, tensorboard.WithHistogramsEvery(1))
	require.NoError(t, err)
	require.NoError(t, w.Start(&monitor.Run{}))
	s := everything(100)
	require.NoError(t, w.Step(s))
	for range 200 { // until the buffer has its size
		require.NoError(t, w.Step(s))
	}
	require.LessOrEqual(t, testing.AllocsPerRun(100, func() {
		s.Step++
		_ = w.Step(s)
	}), 0.0)
	require.NoError(t, w.Close(ctx, nil))
}

func BenchmarkStep(b *testing.B) {
	w, _ := tensorboard.NewWriter(nowhere{})
	_ = w.Start(&monitor.Run{})
	s := everything(1000)
	b.ReportAllocs()
	for b.Loop() {
		s.Step++
		_ = w.Step(s)
	}
	_ = w.Close(ctx, nil)
}
