package hooks

import (
	"context"
	"log/slog"

	"github.com/seed-140d0f39/gtg/monitor"
)

// fallback says what matters to the standard logger when the caller gave no
// logger: a step that was skipped or clipped must not go unsaid.
type fallback struct{ run string }

func (f *fallback) Start(r *monitor.Run) error { f.run = r.Name; return nil }

func (*fallback) Step(*monitor.Step) error { return nil }

func (f *fallback) Event(e *monitor.Event) error {
	level := slog.LevelWarn
	switch {
	case e.Severity == monitor.Info:
		return nil
	case e.State == monitor.Resolved:
		level = slog.LevelInfo
	case e.Severity == monitor.Critical:
		level = slog.LevelError
	}
	slog.Default().Log(context.Background(), level, "gtg: "+e.Summary,
		"run", f.run, "step", e.Step, "kind", string(e.Kind), "state", string(e.State), "advice", e.Advice)
	return nil
}

func (*fallback) Close(context.Context, *monitor.End) error { return nil }
