package hooks

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sugarme/gotch/nn"

	"github.com/seed-140d0f39/gtg/adapters/dashboard"
	"github.com/seed-140d0f39/gtg/adapters/prom"
	"github.com/seed-140d0f39/gtg/adapters/runlog"
	"github.com/seed-140d0f39/gtg/clip"
	"github.com/seed-140d0f39/gtg/internal/delivery"
	"github.com/seed-140d0f39/gtg/internal/torch"
	"github.com/seed-140d0f39/gtg/monitor"
)

// ErrAttached is returned when an optimizer already has a guard.
var ErrAttached = torch.ErrAttached

// Guard watches over one optimizer. Its methods may be called from any
// goroutine, and from sinks; not from a clipping policy or a detector, which
// work while the guard is busy with a step.
type Guard struct {
	options *options
	thread  *torch.Thread // that Attach locked, nil when it did not
	started time.Time
	hub     *delivery.Hub
	// The live page, nil without one.
	dashboard *dashboard.Server

	done chan struct{}
	err  atomic.Pointer[error]

	closing sync.Once
	lost    error // what Close returns

	mu         sync.Mutex // the fields below
	optimizer  *torch.Optimizer
	grads      *torch.Grads
	attachment *torch.Attachment
	run        *monitor.Run
	monitor    *monitor.Monitor // nil before the first step
	params     params
	step       monitor.Step // the record, used again at every step
	clipper    clipper
	successive successive
	curvature  *curvature // nil when it is not measured
	updates    updates
	rollback   *rollback // nil without
	// Guard.stepped, made once.
	whenStepped func()
	skipped     int           // steps in a row
	counted     time.Duration // of this step, in its record
	tail        time.Duration // of the last step, not in its record
	stopped     bool
	closed      bool
	fenced      bool
	fault       error // of gtg's own, after which the guard is off
	complaints  map[string]bool
}

// runs counts the guards of this process, for the default names.
var runs atomic.Int64

// Attach puts a guard on the optimizer, on the goroutine that trains. With no
// options the guard watches everything, skips steps whose gradients are not
// finite, clips cliffs, and says so through [slog.Default]; see the options for
// logs, metrics and files.
//
// It is an error when opt is nil, has no parameters, is attached already, or
// belongs to another version of gotch than the one that gtg knows, and when an
// option is not valid. The optimizer is then as it was.
func Attach(opt *nn.Optimizer, opts ...Option) (*Guard, error) {
	g, err := attach(opt, opts)
	if err != nil {
		return nil, fmt.Errorf("gtg: %w", err)
	}
	return g, nil
}

func attach(opt *nn.Optimizer, opts []Option) (g *Guard, err error) {
	// What has been done so far is undone on every way out but the last.
	var undo []func()
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("an option's value panicked: %v", p)
		}
		if err != nil {
			for i := len(undo) - 1; i >= 0; i-- {
				undo[i]()
			}
		}
	}()
	o, err := newOptions(opts)
	if err != nil {
		return nil, err
	}
	optimizer, err := torch.Find(opt)
	if err != nil {
		return nil, err
	}
	g = &Guard{options: o, optimizer: optimizer, grads: optimizer.Grads(), started: time.Now(), done: make(chan struct{})}
	hyper, err := optimizer.Describe()
	if err != nil {
		return nil, err
	}
	g.updates.every, g.whenStepped = o.updateRatios, g.stepped
	if g.rollback, err = newRollback(o.rollback, hyper.Kind); err != nil {
		return nil, err
	}
	g.run = describe(hyper, g.started)
	g.run.Name, g.run.Config = o.name, o.config
	if o.name == "" {
		g.run.Name = defaultName(runs.Load() + 1)
	}
	if o.lockThread {
		g.thread = torch.LockThread()
		undo = append(undo, g.thread.Unlock)
	}
	if g.attachment, err = optimizer.Attach(!o.lockThread, g.onStep); err != nil {
		return nil, err
	}
	undo = append(undo, g.attachment.Detach)
	if err := g.fit(); err != nil {
		return nil, err
	}
	if err := g.resume(); err != nil {
		return nil, err
	}
	if o.curvature != nil {
		o.curvature.sameData, o.curvature.recurrent = o.sameData, o.recurrent
		g.curvature = newCurvature(o.curvature, optimizer, hyper, g.run)
		g.attachment.OnBackward(g.measureCurvature)
	}
	if err := g.openSinks(); err != nil {
		return nil, err
	}
	if o.fence {
		fence.up()
		g.fenced = true
	}
	runs.Add(1)
	return g, nil
}

// fit has the policy look at the parameters before the first step, so that one
// that cannot serve them is refused here.
func (g *Guard) fit() error {
	g.clipper.policy = g.options.policy
	all, err := g.optimizer.Params()
	if err != nil {
		return err
	}
	described := make([]clip.Param, len(all))
	for i, p := range all {
		described[i] = describeParam(p)
	}
	_, err = clip.Bind(g.options.policy, described)
	return err
}

// openSinks makes the sinks that need a file, a registry or an address.
func (g *Guard) openSinks() error {
	o := g.options
	sinks := o.sinks
	if !o.logged {
		sinks = append(sinks, delivery.Named{Name: "slog", Sink: &fallback{}})
	}
	if o.dashboard != nil {
		defer func() {
			if g.hub == nil {
				g.shutDashboard()
			}
		}()
		live, err := g.openDashboard()
		if err != nil {
			return err
		}
		sinks = append(sinks, live...)
	}
	if o.metrics != nil {
		s, err := prom.New(o.metrics, append([]prom.Option{prom.WithDropped(g.dropped)}, o.promOpts...)...)
		if err != nil {
			return err
		}
		sinks = append(sinks, delivery.Named{Name: "prometheus", Sink: s})
	}
	if o.runLog != "" {
		w, err := runlog.Create(o.runLog, o.runLogOpts...)
		if err != nil {
			return err
		}
		sinks = append(sinks, delivery.Named{Name: "runlog", Sink: w})
	}
	run := g.run.Name
	g.hub = delivery.New(sinks, delivery.WithErrorHandler(func(sink string, err error) {
		slog.Default().Warn("gtg: a sink failed; the run goes on without what it lost", "run", run, "sink", sink, "error", err)
	}))
	g.restoreSinks()
	return nil
}

// dropped tells the metrics what each sink has lost so far.
func (g *Guard) dropped(yield func(sink string, records int64)) {
	for _, s := range g.hub.Stats() {
		yield(s.Sink, s.Dropped)
	}
}

func describe(h torch.Hyper, started time.Time) *monitor.Run {
	known := func(v float64) monitor.Number {
		if v != v {
			return monitor.Number{}
		}
		return monitor.Known(v)
	}
	return &monitor.Run{
		Started:   started,
		Framework: "gotch " + strings.TrimPrefix(torch.GotchVersion, "v") + ", libtorch " + torch.Version(),
		Device:    h.Device,
		Optimizer: &monitor.Optimizer{Kind: h.Kind, LR: known(h.LR), Momentum: known(h.Momentum),
			Beta1: known(h.Beta1), Beta2: known(h.Beta2), WeightDecay: known(h.WeightDecay)},
	}
}

func defaultName(n int64) string {
	name := strings.TrimSuffix(filepath.Base(os.Args[0]), ".exe")
	if n > 1 {
		name += "-" + strconv.FormatInt(n, 10)
	}
	return name
}

// Reattach moves the guard to another optimizer of the same run, for programs
// that build a new one every epoch. Steps are counted on, and the detectors and
// the clipping policy remember what they saw.
func (g *Guard) Reattach(opt *nn.Optimizer) error {
	optimizer, err := torch.Find(opt)
	if err != nil {
		return fmt.Errorf("gtg: %w", err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return errors.New("gtg: this guard is closed: attach the new optimizer with hooks.Attach")
	}
	if g.attachment.Is(optimizer) {
		return nil
	}
	g.flush()
	if g.rollback != nil {
		hyper, err := optimizer.Describe()
		if err == nil {
			err = canRollback(hyper.Kind)
		}
		if err != nil {
			return fmt.Errorf("gtg: %w", err)
		}
	}
	attachment, err := optimizer.Attach(!g.options.lockThread, g.onStep)
	if err != nil {
		return fmt.Errorf("gtg: %w", err)
	}
	g.rollback.free()
	g.attachment.Detach()
	g.optimizer, g.attachment, g.grads = optimizer, attachment, optimizer.Grads()
	g.successive.forget()
	if c := g.curvature; c != nil {
		c.close()
		c.attach(optimizer)
		if !c.off && !c.secant.on {
			attachment.OnBackward(g.measureCurvature)
		}
	}
	return nil
}

// Done is closed when gtg advises the loop to stop, or was told to stop it. A
// loop that does not ask loses nothing but the advice.
func (g *Guard) Done() <-chan struct{} { return g.done }

// Err says why Done is closed, and is nil before.
func (g *Guard) Err() error {
	if err := g.err.Load(); err != nil {
		return *err
	}
	return nil
}

// advise closes Done with the first reason.
func (g *Guard) advise(err error) {
	if g.err.CompareAndSwap(nil, &err) {
		close(g.done)
	}
}

// Verdict goes through the challenges 8.2.1 to 8.2.5 of Deep Learning in order
// and says of each whether the run met it so far.
func (g *Guard) Verdict() []monitor.Finding {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.verdict()
}

func (g *Guard) verdict() (findings []monitor.Finding) {
	defer func() {
		if p := recover(); p != nil {
			findings = nil // a detector's fault is not the program's
		}
	}()
	if g.monitor == nil {
		return monitor.New(g.run).Verdict()
	}
	return g.monitor.Verdict()
}

// Close takes the guard off the optimizer, which steps on as if it had never
// been attached, and has every sink write what it still holds. It returns what
// was lost on the way, or nil: records that a full queue dropped, sinks that
// failed or did not finish before the deadline, a fault of gtg's own. Closing
// again returns the same.
//
// Call it on the goroutine that attached, so that the goroutine's lock to its
// thread can be undone.
func (g *Guard) Close() error {
	g.closing.Do(func() {
		end := g.detach()
		// Not under the lock: a step that is under way, and a sink that asks
		// the guard, do not wait for the sinks.
		ctx, cancel := context.WithTimeout(context.Background(), g.options.deadline)
		defer cancel()
		if err := errors.Join(g.fault, g.hub.Close(ctx, end).Err()); err != nil {
			g.lost = fmt.Errorf("gtg: %w", err)
		}
	})
	return g.lost
}

// detach takes the guard off and says how the run ended.
func (g *Guard) detach() *monitor.End {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.flush()
	g.closed = true
	g.off()
	if g.thread != nil {
		g.thread.Unlock()
	}
	if g.monitor == nil {
		g.hub.Start(g.run)
	}
	end := &monitor.End{Step: g.step.Step, T: monitor.Known(time.Since(g.started).Seconds()), Reason: monitor.Closed,
		Verdict: g.verdict()}
	if g.stopped {
		end.Reason = monitor.Stopped
	}
	return end
}

// off ends the watching.
func (g *Guard) off() {
	g.attachment.Detach()
	g.rollback.free()
	if g.curvature != nil {
		g.curvature.off = true
		g.curvature.close()
	}
	if g.fenced {
		g.fenced = false
		fence.down()
	}
}
