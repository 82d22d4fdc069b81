package hooks

import (
	"errors"
	"fmt"
	"path"
	"reflect"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/seed-140d0f39/gtg/adapters/prom"
	"github.com/seed-140d0f39/gtg/adapters/runlog"
	"github.com/seed-140d0f39/gtg/adapters/zaplog"
	"github.com/seed-140d0f39/gtg/clip"
	"github.com/seed-140d0f39/gtg/internal/delivery"
	"github.com/seed-140d0f39/gtg/monitor"
)

// An Option changes how [Attach] attaches. Options with bad values make Attach
// return an error that names them.
type Option func(*options)

type options struct {
	name         string
	config       map[string]any
	policy       clip.Policy
	detectors    func(*monitor.Run) []monitor.Detector
	sinks        []delivery.Named
	logged       bool // the caller has a place for events: no fallback
	logger       *zap.Logger
	dashboard    *dashboardOptions
	metrics      prometheus.Registerer
	promOpts     []prom.Option
	runLog       string
	runLogOpts   []runlog.Option
	nonFinite    NonFinite
	maxSkips     int
	afterSkips   SkipLimit
	lockThread   bool
	fence        bool
	updateRatios int64
	curvature    *curvatureOptions
	sameData     bool
	recurrent    []string
	rollback     *rollbackOptions
	deadline     time.Duration
	state        []byte
	freshStart   bool

	errs []error
}

// DefaultMaxSkips is how many steps in a row may be skipped before gtg says
// that skipping does not help.
const DefaultMaxSkips = 10

// DefaultCloseDeadline is how long [Guard.Close] waits for the sinks.
const DefaultCloseDeadline = 5 * time.Second

func newOptions(opts []Option) (*options, error) {
	o := &options{
		policy:       clip.Outlier(),
		recurrent:    DefaultRecurrent,
		detectors:    monitor.Detectors,
		maxSkips:     DefaultMaxSkips,
		updateRatios: DefaultUpdateRatios,
		lockThread:   true,
		deadline:     DefaultCloseDeadline,
	}
	for _, opt := range opts {
		if opt == nil {
			o.refuse("an option is nil")
			continue
		}
		opt(o)
	}
	return o, errors.Join(o.errs...)
}

// isNil also finds the nil pointer that an interface hides.
func isNil(v any) bool {
	r := reflect.ValueOf(v)
	return !r.IsValid() || r.Kind() == reflect.Pointer && r.IsNil()
}

func (o *options) refuse(format string, args ...any) {
	o.errs = append(o.errs, fmt.Errorf(format, args...))
}

// WithName names the run in the run log, the logs and the metrics' label run.
// The default is the name of the program, with a number behind it for the
// second optimizer that it attaches and those after it.
func WithName(name string) Option {
	return func(o *options) {
		if name == "" {
			o.refuse("WithName(\"\"): a run's name has at least one character")
		}
		o.name = name
	}
}

// WithConfig notes the program's own settings in the run log's first line.
func WithConfig(config map[string]any) Option {
	return func(o *options) { o.config = config }
}

// WithClip sets the clipping policy. The default is [clip.Outlier], which
// leaves a healthy run alone; [clip.None] only measures. A policy serves one
// optimizer. It is called while the guard is busy with a step: a policy of the
// caller's must not call the guard.
func WithClip(policy clip.Policy) Option {
	return func(o *options) {
		if isNil(policy) {
			o.refuse("WithClip(nil): use clip.None() to leave gradients alone")
			return
		}
		if err := policy.Validate(); err != nil {
			o.errs = append(o.errs, err)
		}
		o.policy = policy
	}
}

// WithDetectors replaces the detectors. The function is called once, when the
// run's parameters are known; [monitor.Detectors] is the default.
func WithDetectors(detectors func(*monitor.Run) []monitor.Detector) Option {
	return func(o *options) {
		if detectors == nil {
			o.refuse("WithDetectors(nil): give a function that returns detectors")
			return
		}
		o.detectors = detectors
	}
}

// WithLogger sends steps and events to a zap logger, see package zaplog.
// Without it, events of severity warning and above go to [slog.Default], so
// that nothing that gtg does to a run goes unsaid; [zap.NewNop] silences that.
func WithLogger(log *zap.Logger, opts ...zaplog.Option) Option {
	return func(o *options) {
		if log == nil {
			o.refuse("WithLogger(nil): use zap.NewNop() for no log")
			return
		}
		o.logged, o.logger = true, log
		o.sinks = append(o.sinks, delivery.Named{Name: "zap", Sink: zaplog.New(log, opts...)})
	}
}

// WithMetrics registers the run's metrics, see package prom.
func WithMetrics(registerer prometheus.Registerer, opts ...prom.Option) Option {
	return func(o *options) {
		if isNil(registerer) {
			o.refuse("WithMetrics(nil): use prometheus.DefaultRegisterer or a registry of your own")
			return
		}
		o.metrics, o.promOpts = registerer, opts
	}
}

// WithRunLog writes the run log to the file, see package runlog.
func WithRunLog(path string, opts ...runlog.Option) Option {
	return func(o *options) {
		if path == "" {
			o.refuse("WithRunLog(\"\"): give the file's path, e.g. run.gtg.jsonl")
			return
		}
		o.runLog, o.runLogOpts = path, opts
	}
}

// WithSink sends steps and events to a sink of the caller's. Its methods are
// called from a goroutine of their own; a sink that is slow, hangs or panics
// loses records and never holds up the loop. What a [monitor.Stateful] remembers is
// part of [Guard.State].
func WithSink(name string, sink monitor.Sink) Option {
	return func(o *options) {
		if name == "" || isNil(sink) {
			o.refuse("WithSink(%q, %v): a sink has a name and is not nil", name, sink)
			return
		}
		o.sinks = append(o.sinks, delivery.Named{Name: name, Sink: sink})
	}
}

// WithNonFinite chooses what becomes of a step whose gradients hold a NaN or an
// infinity, whatever the clipping policy. The default is [SkipStep].
func WithNonFinite(then NonFinite) Option {
	return func(o *options) {
		if !then.valid() {
			o.refuse("WithNonFinite(%d): the choices are SkipStep, ZeroParams, ZeroElements and FailStep", then)
		}
		o.nonFinite = then
	}
}

// WithMaxSkips bounds how often in a row steps are skipped or mended because
// their gradients were not finite: at the nth, [Guard.Err] is set, and then says
// what happens with further ones. The default is [DefaultMaxSkips] and [StopRun].
func WithMaxSkips(n int, then SkipLimit) Option {
	return func(o *options) {
		if n < 1 {
			o.refuse("WithMaxSkips(%d): at least 1 step has to be skipped before skipping can be given up", n)
		}
		if then != StopRun && then != StepAnyway {
			o.refuse("WithMaxSkips: the limit's effect is StopRun or StepAnyway, not %d", then)
		}
		o.maxSkips, o.afterSkips = n, then
	}
}

// WithUpdateRatios measures, at every so many steps, the L2 norm of each parameter
// and of its change in the step, whose ratio says whether the learning rate fits the
// parameter: about 1e-3 is usual, far more is rash, far less is slow. With them goes
// how much the loss depends on the parameter ([monitor.Step.ParamElasticities]). Since a run's
// first steps say most, it is measured at steps 1, 2, 5, 10, 20, 50, … up to the
// interval as well. The default is [DefaultUpdateRatios]; 0 switches it off, and with it what
// the detectors tell by it: steps that are too short, and weights that the loss has never
// depended on.
//
// While the optimizer runs in such a step, a copy of the parameters takes as much
// memory as they have; it is freed right after. Steps that are skipped are not
// measured.
func WithUpdateRatios(every int64) Option {
	return func(o *options) {
		if every < 0 {
			o.refuse("WithUpdateRatios(%d): the interval is at least 1 step, or 0 for none", every)
		}
		o.updateRatios = every
	}
}

// WithCurvature measures gᵀHg from the program's own loss, with the Hessian H:
// the curvature along the gradient, which tells whether the learning rate is too
// long a step (Goodfellow, Bengio and Courville, Deep Learning, section 8.2.1), and,
// when the gradient has become insignificant, both ends of H's spectrum (sections
// 8.2.2 and 8.2.3). share is the share of the training time that it may cost, such
// as [DefaultCurvatureShare]; a measurement takes the time of a few backward
// passes and, while it lasts, the memory of another graph. What is trained stays,
// bit for bit, what it would have been.
//
// Steps whose gradient is the sum of several backward passes are not measured. A
// loss that cannot be differentiated twice is said once, and the run goes on
// without.
func WithCurvature(share float64) Option {
	return func(o *options) {
		if !(share > 0 && share < 1) {
			o.refuse("WithCurvature(%v): a share of the training time is between 0 and 1, as in WithCurvature(0.03)", share)
		}
		o.curvature = &curvatureOptions{share: share}
	}
}

// WithCurvatureEvery is [WithCurvature] at a fixed interval of steps, whatever it
// costs.
func WithCurvatureEvery(steps int64) Option {
	return func(o *options) {
		if steps < 1 {
			o.refuse("WithCurvatureEvery(%d): the interval is at least 1 step", steps)
		}
		o.curvature = &curvatureOptions{every: steps}
	}
}

// WithSameData says that every step has the same data, as in full-batch training.
// Then the change of the loss that the curvature predicts is compared with the one
// that comes, and where a loss cannot be differentiated twice, the curvature of plain
// gradient descent is taken from successive gradients.
func WithSameData() Option {
	return func(o *options) { o.sameData = true }
}

// WithRecurrent names the recurrent weights whose spectral radius is measured
// beside the curvature, by patterns as of [path.Match]: of a radius above 1 what is
// carried through time explodes, below 1 it vanishes (Goodfellow, Bengio and
// Courville, Deep Learning, section 8.2.5). They are square, or three squares (a GRU)
// or four (an LSTM) one above the other. The default is [DefaultRecurrent].
func WithRecurrent(patterns ...string) Option {
	return func(o *options) {
		for _, p := range patterns {
			if _, err := path.Match(p, ""); err != nil {
				o.refuse("WithRecurrent(%q): %w", p, err)
			}
		}
		o.recurrent = patterns
	}
}

// curvatureOptions say how often the curvature is measured.
type curvatureOptions struct {
	share    float64
	every    int64
	sameData bool
	// Patterns of the names of recurrent weights.
	recurrent []string
}

// WithoutThreadLock leaves the calling goroutine free to move between operating
// system threads. Attach locks it to one by default, because libtorch keeps its
// grad mode and its errors for each thread, and a goroutine that moves between
// them while gradients are off leaves a thread behind that cannot train any
// more. Use it only when the loop is locked already.
func WithoutThreadLock() Option {
	return func(o *options) { o.lockThread = false }
}

// WithGCFence has garbage collected between steps only, where no libtorch
// operation of the loop is under way. gotch does not keep its tensors alive
// while libtorch works on them, so a collection in the middle of an operation
// can free a tensor in use and crash the program. The fence switches Go's own
// pacing off for the whole process (as debug.SetGCPercent(-1) does) until
// [Guard.Close], and collects itself when Go's heap or the process has grown
// enough, or comes near the memory limit if there is one.
func WithGCFence() Option {
	return func(o *options) { o.fence = true }
}

// WithCloseDeadline sets how long [Guard.Close] waits for the sinks. The
// default is [DefaultCloseDeadline].
func WithCloseDeadline(d time.Duration) Option {
	return func(o *options) {
		if d <= 0 {
			o.refuse("WithCloseDeadline(%v): the deadline is above 0", d)
		}
		o.deadline = d
	}
}

// WithState goes on from what [Guard.State] returned in an earlier process: the
// steps' count, the clipping policy's and the detectors' memory, and that of the
// sinks that have one ([monitor.Stateful]), which find theirs by their names. A state
// of another version or of a model with other parameters is an error, unless
// [WithFreshStart] says otherwise. A nil state is that of a run that begins.
func WithState(state []byte) Option {
	return func(o *options) { o.state = state }
}

// WithFreshStart has a run start anew, and say so in a warning, where the state
// of [WithState] does not fit: it cannot be read, or is of another version or of
// another model.
func WithFreshStart() Option {
	return func(o *options) { o.freshStart = true }
}
