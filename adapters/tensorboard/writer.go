package tensorboard

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/seed-140d0f39/gtg/monitor"
)

// flushBytes is how much is buffered at most, besides the record that is over it.
const flushBytes = 64 << 10

var (
	errClosed     = errors.New("tensorboard: the event file is closed")
	errNotStarted = errors.New("tensorboard: a step, an event or the end before Start")
)

// Writer writes one run's event file. It is a [monitor.Sink].
//
// The first write that fails, on a full disk for one, ends the file: nothing is
// written any more, and every later call returns that error. TensorBoard then
// shows what came before.
type Writer struct {
	mu      sync.Mutex
	options options
	encoder encoder
	out     io.Writer
	file    *os.File // what Close has to close; nil for NewWriter
	path    string
	buf     []byte
	armed   bool
	timer   *time.Timer
	err     error

	begun    bool
	stepped  bool
	started  float64 // the run's start, in seconds since 1970
	wall     float64 // the last known time, likewise
	names    []string
	scalars  due
	gradDue  due
	paramDue due
	moveDue  due
	space    histogram
	actions  map[monitor.Action]int
}

var _ monitor.Sink = (*Writer)(nil)

// NewWriter returns a Writer to out, which stays the caller's to close.
func NewWriter(out io.Writer, options ...Option) (*Writer, error) {
	if out == nil {
		return nil, errors.New("tensorboard: NewWriter(nil): want somewhere to write to")
	}
	o := defaults()
	for _, option := range options {
		option(&o)
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	return newWriter(out, o), nil
}

func newWriter(out io.Writer, o options) *Writer {
	w := &Writer{out: out, options: o, encoder: encoder{prefix: o.prefix}, actions: map[monitor.Action]int{}}
	w.timer = time.AfterFunc(o.flushEvery, w.tick)
	w.timer.Stop()
	return w
}

// Create returns a Writer to a new file in the folder, which it makes if it is
// not there. TensorBoard shows each folder as a run, and calls it by the folder's
// name. The file is named as TensorBoard's own writer names its files, events.out.tfevents.
// with the time, the host, the process and a count, so that an earlier one is never touched.
func Create(dir string, options ...Option) (*Writer, error) {
	o := defaults()
	for _, option := range options {
		option(&o)
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	if dir == "" {
		return nil, errors.New(`tensorboard: Create(""): want a folder, e.g. "runs/first"`)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("tensorboard: %w", err)
	}
	f, err := create(dir, o.suffix)
	if err != nil {
		return nil, fmt.Errorf("tensorboard: %w", err)
	}
	w := newWriter(f, o)
	w.file, w.path = f, f.Name()
	return w, nil
}

// create makes a file that was not there.
func create(dir, suffix string) (*os.File, error) {
	host, err := os.Hostname()
	if err != nil || host == "" {
		host = "localhost"
	}
	host = strings.Map(func(r rune) rune {
		if r == '/' || r == '\\' || r == 0 {
			return '-'
		}
		return r
	}, host)
	name := fmt.Sprintf("events.out.tfevents.%010d.%s.%d", time.Now().Unix(), host, os.Getpid())
	const tries = 1000
	for i := range tries {
		f, err := os.OpenFile(filepath.Join(dir, fmt.Sprintf("%s.%d%s", name, i, suffix)), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if !errors.Is(err, os.ErrExist) {
			return f, err
		}
	}
	return nil, fmt.Errorf("%s: %d files of the name %s are there already", dir, tries, name)
}

// Path returns the path of the file that [Create] made; it is empty for a
// [NewWriter].
func (w *Writer) Path() string { return w.path }

// Start begins the file, with a text that says what the run is.
func (w *Writer) Start(r *monitor.Run) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return w.err
	}
	if !r.Started.IsZero() {
		w.started = float64(r.Started.Unix()) + float64(r.Started.Nanosecond())/1e9
	}
	w.wall = w.started
	w.names = nil
	for i, p := range r.Params[:min(len(r.Params), w.options.params)] {
		name := clean(p.Name)
		if name == "" {
			name = fmt.Sprint(i)
		}
		w.names = append(w.names, name)
	}
	if !w.begun {
		w.buf = w.encoder.version(w.buf, w.wall)
	}
	w.begun = true
	w.encoder.text("run", "", runText(r))
	w.record(0)
	w.flush()
	return w.err
}

// Step writes what is due of a step.
func (w *Writer) Step(s *monitor.Step) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.ready(); err != nil {
		return err
	}
	w.time(s.T)
	if !w.stepped && s.Step > 1 {
		w.buf = w.encoder.start(w.buf, w.wall, s.Step)
	}
	w.stepped = true
	// A step that is out of the ordinary does not change when the next is due.
	if w.scalars.at(s.Step, w.options.scalarsEvery) || remarkable(s) {
		w.encoder.step(s)
	}
	if s.Curvature != nil {
		w.encoder.curvature(s.Curvature)
	}
	w.action(s.Action)
	w.histograms(s)
	w.record(s.Step)
	return w.err
}

// remarkable says whether the step was not finite or not done.
func remarkable(s *monitor.Step) bool {
	notFinite := func(n monitor.Number) bool {
		_, finite := n.Finite()
		return n.Known() && !finite
	}
	return s.NonFinite.Or(0) > 0 || notFinite(s.Loss) || notFinite(s.GradNorm) || s.Action != "" && s.Action != monitor.ActionStep
}

// action counts what was done instead of a step.
func (w *Writer) action(a monitor.Action) {
	switch a {
	case monitor.ActionSkip, monitor.ActionRollback, monitor.ActionStop:
		w.actions[a]++
		w.encoder.scalar("action."+string(a), "", float64(w.actions[a]))
	}
}

// histograms adds those that are due. Each has a time of its own: some norms
// are measured on few steps only.
func (w *Writer) histograms(s *monitor.Step) {
	every := w.options.histogramsEvery
	if every == 0 {
		return
	}
	if s.ParamGradNorms != nil && w.gradDue.at(s.Step, every) {
		zero := w.histogram("param_grad_norms.log10", s.ParamGradNorms)
		w.encoder.scalar("param_grad_norms.zero", "", float64(zero))
		for i, name := range w.names[:min(len(w.names), len(s.ParamGradNorms))] {
			w.encoder.named("param_grad_norms", name, s.ParamGradNorms[i])
		}
	}
	if s.ParamNorms != nil && w.paramDue.at(s.Step, every) {
		w.histogram("param_norms.log10", s.ParamNorms)
	}
	if s.UpdateNorms != nil && w.moveDue.at(s.Step, every) {
		w.histogram("update_norms.log10", s.UpdateNorms)
	}
}

// histogram adds one, unless there is nothing in it, and returns how many norms
// are 0.
func (w *Writer) histogram(tag string, norms []monitor.Number) (zero int) {
	zero = w.space.of(norms)
	if w.space.num > 0 {
		w.encoder.histogram(tag, &w.space)
	}
	return zero
}

// Event writes what a detector found, as a text, and at once.
func (w *Writer) Event(e *monitor.Event) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.ready(); err != nil {
		return err
	}
	w.encoder.text("events", clean(string(e.Kind)), eventText(e))
	w.record(e.Step)
	w.flush()
	return w.err
}

// Close writes the verdict, where there is one, and what is still buffered. A
// file is synced and closed. A write that is under way cannot be called back,
// so the context is of no use here.
func (w *Writer) Close(_ context.Context, end *monitor.End) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil && w.begun && end != nil && len(end.Verdict) > 0 {
		w.time(end.T)
		w.encoder.text("verdict", "", verdictText(end.Verdict))
		w.record(end.Step)
	}
	w.flush()
	w.timer.Stop()
	err := w.err
	if w.file != nil {
		if err == nil {
			err = w.file.Sync()
		}
		err = errors.Join(err, w.file.Close())
		w.file = nil
	}
	if w.err == nil {
		w.err = errClosed
	}
	return err
}

func (w *Writer) ready() error {
	if w.err == nil && !w.begun {
		return errNotStarted
	}
	return w.err
}

// time notes the time of what follows. Without one, it is that of the record before.
func (w *Writer) time(t monitor.Number) {
	if v, ok := t.Finite(); ok {
		w.wall = w.started + v
	}
}

// record buffers what was added, and sees to it that it gets written.
func (w *Writer) record(step int64) {
	w.buf = w.encoder.record(w.buf, w.wall, step)
	switch {
	case len(w.buf) >= flushBytes:
		w.flush()
	case len(w.buf) > 0 && !w.armed:
		w.armed = true
		w.timer.Reset(w.options.flushEvery)
	}
}

// tick is the timer's flush.
func (w *Writer) tick() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.flush()
}

// flush is called with the lock held.
func (w *Writer) flush() {
	w.armed = false
	if w.err != nil || len(w.buf) == 0 {
		return
	}
	n, err := w.out.Write(w.buf)
	if err == nil && n < len(w.buf) {
		err = io.ErrShortWrite
	}
	w.buf = w.buf[:0]
	if err != nil {
		w.err = fmt.Errorf("tensorboard: the event file ends here: %w", err)
		w.buf = nil
	}
}
