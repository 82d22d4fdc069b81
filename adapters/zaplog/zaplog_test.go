package zaplog_test

import (
	"bytes"
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/seed-140d0f39/gtg/adapters/runlog"
	"github.com/seed-140d0f39/gtg/adapters/zaplog"
	"github.com/seed-140d0f39/gtg/monitor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var known = monitor.Known

func everything() *monitor.Step {
	return &monitor.Step{
		Step: 7, T: known(1.25), Loss: known(math.NaN()), LR: known(1e-3), GradNorm: known(math.Inf(1)),
		ParamGradNorms: []monitor.Number{known(0.1), {}, known(math.Inf(1))},
		ParamNorms:     []monitor.Number{known(1)}, UpdateNorms: []monitor.Number{},
		ZeroGrads: []int64{0, -1, 3}, NonFinite: known(2),
		Clip: monitor.Clip{Policy: "groups", Clipped: true, Factor: known(0.5), Threshold: known(12), NormAfter: known(6),
			Groups: []monitor.ClipGroup{{Name: "a", Clipped: true, Norm: known(24)}}},
		Successive: monitor.Successive{Cosine: known(-0.75), Cosine2: known(1), Dot: known(math.Inf(-1)), Error: known(0.0625)},
		Action:     monitor.ActionSkip,
		Curvature: &monitor.Curvature{GTHG: known(-3), Rayleigh: known(math.Inf(-1)), Rho: known(-0.5), RhoLimit: known(3.8),
			PredictedChange: known(-0.25), LossChange: known(-0.125), GTU: known(-2), UTHU: known(-4), LambdaMax: known(5), LambdaMin: known(-1),
			LambdaMaxResidual: known(0.25), LambdaMinResidual: known(0.125), Converged: true, Trace: known(-7), TraceError: known(0.5),
			SpectralRadii: []monitor.SpectralRadius{{Name: "rnn.weight_hh_l0[r]", Radius: known(1.25), Residual: known(0.01), Converged: true}, {Radius: known(0.5)}},
			Method:        "hvp", Seconds: known(0.375)},
		GTGSeconds: known(0.5),
	}
}

var (
	run = &monitor.Run{Name: "r", Started: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Framework: "f", Device: "cpu",
		Params:    []monitor.Param{{Name: "w"}},
		Optimizer: &monitor.Optimizer{Kind: "adam", LR: known(0.1), Momentum: known(0.9), Beta1: known(1), Beta2: known(2), WeightDecay: known(0)}}
	event = &monitor.Event{Step: 7, Kind: monitor.Cliff, State: monitor.Resolved, Severity: monitor.Warning, Since: 3, Param: "w",
		Summary: "s", Advice: "a", Section: "8.2.4", Class: monitor.ClassSaddle, Values: map[string]float64{"z": 1, "a": math.Inf(1)}}
	end = &monitor.End{Step: 7, T: known(2), Reason: monitor.Closed, Verdict: []monitor.Finding{{Section: "8.2.1", Finding: "f", Evidence: "e"}}}
)

func deliver(t *testing.T, s monitor.Sink, step *monitor.Step) {
	require.NoError(t, s.Start(run))
	require.NoError(t, s.Step(step))
	require.NoError(t, s.Event(event))
	require.NoError(t, s.Close(t.Context(), end))
}

func objects(t *testing.T, lines []byte) (all []map[string]any) {
	for line := range bytes.Lines(lines) {
		var o map[string]any
		require.NoError(t, json.Unmarshal(line, &o))
		all = append(all, o)
	}
	return all
}

// What zap's JSON encoder makes of a record is what the run log has for it: the
// same keys, the same values, the same words for what is not finite.
func TestTheFieldsAreThoseOfTheRunLog(t *testing.T) {
	var log, file bytes.Buffer
	core := zapcore.NewCore(zapcore.NewJSONEncoder(zapcore.EncoderConfig{}), zapcore.AddSync(&log), zapcore.DebugLevel)
	deliver(t, zaplog.New(zap.New(core), zaplog.WithParams()), everything())
	deliver(t, runlog.NewWriter(&file), everything())
	got, want := objects(t, log.Bytes()), objects(t, file.Bytes())
	require.Len(t, got, 4)
	for i := range want {
		delete(want[i], "type")
		delete(want[i], "schema")
		want[i]["run"] = "r"
	}
	want[0]["params"] = 1.0 // the log says how many, the file which
	want[0]["started"] = got[0]["started"]
	require.Equal(t, want, got)
}

func TestMessagesAndLevels(t *testing.T) {
	core, logs := observer.New(zapcore.DebugLevel)
	s := zaplog.New(zap.New(core).Named("mine"), zaplog.WithInfoEvery(3))
	require.NoError(t, s.Start(run))
	for i := int64(1); i <= 6; i++ {
		require.NoError(t, s.Step(&monitor.Step{Step: i}))
	}
	for _, e := range logs.TakeAll()[1:] {
		require.Equal(t, "step", e.Message)
		require.Equal(t, "mine.gtg", e.LoggerName)
		require.Equal(t, "r", e.ContextMap()["run"])
		want := zapcore.DebugLevel
		if step := e.ContextMap()["step"].(int64); step%3 == 0 {
			want = zapcore.InfoLevel
		}
		require.Equal(t, want, e.Level)
		require.Len(t, e.ContextMap(), 2, "what is unknown is left out")
	}
	seen := map[string]bool{}
	for _, k := range append(monitor.Kinds(), "of another day") {
		for _, c := range []struct {
			state    monitor.State
			severity monitor.Severity
			level    zapcore.Level
		}{
			{monitor.Firing, monitor.Critical, zapcore.ErrorLevel},
			{monitor.Instant, monitor.Critical, zapcore.ErrorLevel},
			{monitor.Firing, monitor.Warning, zapcore.WarnLevel},
			{monitor.Firing, monitor.Info, zapcore.InfoLevel},
			{monitor.Resolved, monitor.Critical, zapcore.InfoLevel},
			{monitor.Resolved, monitor.Warning, zapcore.InfoLevel},
		} {
			require.NoError(t, s.Event(&monitor.Event{Kind: k, State: c.state, Severity: c.severity}))
			require.Equal(t, c.level, logs.All()[logs.Len()-1].Level)
		}
		entries := logs.TakeAll()
		for _, e := range entries {
			require.Equal(t, entries[0].Message, e.Message, "one message for each kind")
		}
		require.False(t, seen[entries[0].Message], "%s has the message of another kind", k)
		seen[entries[0].Message] = true
	}
	require.NoError(t, s.Close(t.Context(), nil))
	require.Zero(t, logs.Len())
}

func TestParamsOnlyOnRequest(t *testing.T) {
	core, logs := observer.New(zapcore.DebugLevel)
	require.NoError(t, zaplog.New(zap.New(core)).Step(everything()))
	require.NotContains(t, logs.All()[0].ContextMap(), "param_grad_norms")
}

func TestNothingIsAllocatedWhenTheLevelIsOff(t *testing.T) {
	core, _ := observer.New(zapcore.ErrorLevel)
	for name, s := range map[string]monitor.Sink{
		"off": zaplog.New(zap.New(core), zaplog.WithInfoEvery(2), zaplog.WithParams()),
		"nil": zaplog.New(nil),
	} {
		step := everything()
		require.Zero(t, testing.AllocsPerRun(100, func() {
			step.Step++
			_ = s.Step(step)
			_ = s.Event(event)
		}), name)
	}
}

func TestANilLoggerLogsNothing(t *testing.T) {
	deliver(t, zaplog.New(nil), everything())
}

func BenchmarkStep(b *testing.B) {
	for name, level := range map[string]zapcore.Level{"on": zapcore.DebugLevel, "off": zapcore.InfoLevel} {
		b.Run(name, func(b *testing.B) {
			core := zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), zapcore.AddSync(discard{}), level)
			s, step := zaplog.New(zap.New(core)), everything()
			b.ReportAllocs()
			for b.Loop() {
				_ = s.Step(step)
			}
		})
	}
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
