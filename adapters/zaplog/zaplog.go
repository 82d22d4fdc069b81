// Package zaplog writes a run's steps and events to a [zap.Logger].
//
// The logger stays the caller's: it is named "gtg", but never built, synced or
// replaced, and its level, sampling and output are in force. Messages are
// constant, one for each kind of event, so that a sampler or a search can tell
// them apart; all that varies is in the fields, under the names that the run log
// uses (grad_norm, lr, nonfinite, …). Non-finite numbers are what the logger's
// encoder makes of them, which is the strings "NaN", "+Inf" and "-Inf" in zap's
// own JSON encoder.
//
// Steps are logged at debug level. An event is logged at the level of what it
// says: an error when something critical begins, a warning for a warning, and
// info for what is merely worth knowing and for what is over. At a level that is
// off nothing is allocated.
//
// With package hooks records arrive a moment after the step, in the sink's own
// goroutine. Nothing is logged above the error level, where zap would end the
// program.
package zaplog

import (
	"context"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/seed-140d0f39/gtg/monitor"
)

// An Option changes what is logged.
type Option func(*sink)

// WithInfoEvery logs every nth step (n, 2n, 3n, …) at info level, the others at
// debug level as ever. 0 is none, the default.
func WithInfoEvery(n int64) Option { return func(s *sink) { s.every = n } }

// WithParams includes the values that a step has for each parameter. There are
// as many as the model has parameters, in every step.
func WithParams() Option { return func(s *sink) { s.params = true } }

// New returns a sink that writes to log. A nil logger logs nothing.
func New(log *zap.Logger, options ...Option) monitor.Sink {
	if log == nil {
		log = zap.NewNop()
	}
	s := &sink{log: log.Named("gtg")}
	for _, o := range options {
		o(s)
	}
	return s
}

type sink struct {
	log    *zap.Logger
	every  int64
	params bool
}

// Start logs what the run is. Everything that follows carries its name.
func (s *sink) Start(r *monitor.Run) error {
	if r.Name != "" {
		s.log = s.log.With(zap.String("run", r.Name))
	}
	if entry := s.log.Check(zapcore.InfoLevel, "run started"); entry != nil {
		entry.Write(zap.Inline((*runObject)(r)))
	}
	return nil
}

func (s *sink) Step(st *monitor.Step) error {
	level := zapcore.DebugLevel
	if s.every > 0 && st.Step%s.every == 0 {
		level = zapcore.InfoLevel
	}
	entry := s.log.Check(level, "step")
	switch {
	case entry == nil:
	case s.params:
		entry.Write(zap.Inline((*stepObject)(st)), zap.Inline((*paramsObject)(st)))
	default:
		entry.Write(zap.Inline((*stepObject)(st)))
	}
	return nil
}

func (s *sink) Event(e *monitor.Event) error {
	if entry := s.log.Check(level(e), message(e.Kind)); entry != nil {
		entry.Write(zap.Inline((*eventObject)(e)))
	}
	return nil
}

// Close logs the verdict. The logger is the caller's to sync.
func (s *sink) Close(_ context.Context, end *monitor.End) error {
	if end == nil {
		return nil
	}
	if entry := s.log.Check(zapcore.InfoLevel, "run ended"); entry != nil {
		entry.Write(zap.Inline((*endObject)(end)))
	}
	return nil
}

func level(e *monitor.Event) zapcore.Level {
	switch {
	case e.State == monitor.Resolved:
		return zapcore.InfoLevel
	case e.Severity == monitor.Critical:
		return zapcore.ErrorLevel
	case e.Severity == monitor.Warning:
		return zapcore.WarnLevel
	}
	return zapcore.InfoLevel
}

// message is the constant message of a kind of event.
func message(k monitor.Kind) string {
	switch k {
	case monitor.NonFinite:
		return "loss or gradient not finite"
	case monitor.Cliff:
		return "gradient cliff"
	case monitor.LossSpike:
		return "loss spike"
	case monitor.Exploding:
		return "gradient exploding"
	case monitor.Vanishing:
		return "gradient vanishing"
	case monitor.Frozen:
		return "parameters frozen"
	case monitor.Dead:
		return "parameter dead"
	case monitor.Diverging:
		return "loss diverging"
	case monitor.Oscillating:
		return "loss oscillating"
	case monitor.Stagnating:
		return "loss stagnating"
	case monitor.Plateau:
		return "plateau"
	case monitor.IllConditioned:
		return "step too long for the curvature"
	case monitor.CriticalPoint:
		return "critical point"
	case monitor.ClipSaturated:
		return "clipping on nearly every step"
	case monitor.ClipIdle:
		return "clipping never acts"
	case monitor.RisingGradient:
		return "gradient rising while the loss falls"
	}
	return "event"
}
