package zaplog_test

import (
	"context"
	"os"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/seed-140d0f39/gtg/adapters/zaplog"
	"github.com/seed-140d0f39/gtg/monitor"
)

func console() *zap.Logger {
	return zap.New(zapcore.NewCore(zapcore.NewConsoleEncoder(zapcore.EncoderConfig{
		MessageKey: "m", LevelKey: "l", NameKey: "n", EncodeLevel: zapcore.LowercaseLevelEncoder,
		ConsoleSeparator: " ",
	}), os.Stdout, zapcore.InfoLevel))
}

func ExampleNew() {
	s := zaplog.New(console(), zaplog.WithInfoEvery(100))
	_ = s.Start(&monitor.Run{Name: "demo", Device: "cpu"})
	_ = s.Step(&monitor.Step{Step: 99, Loss: monitor.Known(0.5)})
	_ = s.Step(&monitor.Step{Step: 100, Loss: monitor.Known(0.5), GradNorm: monitor.Known(2)})
	_ = s.Event(&monitor.Event{Step: 101, Kind: monitor.Cliff, State: monitor.Firing, Severity: monitor.Warning,
		Summary: "The gradient norm leapt to 90."})
	_ = s.Close(context.Background(), &monitor.End{Step: 101, Reason: monitor.Closed})
	// Output:
	// info gtg run started {"run": "demo", "device": "cpu"}
	// info gtg step {"run": "demo", "step": 100, "loss": 0.5, "grad_norm": 2}
	// warn gtg gradient cliff {"run": "demo", "step": 101, "kind": "cliff", "state": "firing", "severity": "warning", "summary": "The gradient norm leapt to 90."}
	// info gtg run ended {"run": "demo", "step": 101, "reason": "closed"}
}

func ExampleStep() {
	s := &monitor.Step{Step: 5, Loss: monitor.Known(0.25)}
	console().Info("checkpoint written", zap.Object("at", zaplog.Step(s)))
	// Output: info checkpoint written {"at": {"step": 5, "loss": 0.25}}
}

func ExampleEvent() {
	e := &monitor.Event{Step: 5, Kind: monitor.Plateau}
	console().Info("learning rate halved", zap.Object("because", zaplog.Event(e)))
	// Output: info learning rate halved {"because": {"step": 5, "kind": "plateau"}}
}
