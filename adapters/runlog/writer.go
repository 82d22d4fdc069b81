package runlog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/seed-140d0f39/gtg/monitor"
)

const (
	flushEvery = time.Second
	flushBytes = 64 << 10
)

var errClosed = errors.New("runlog: the log is closed")

// Writer writes a run log. What it is given reaches the file within a second,
// and at once with an event, so that a process that is killed leaves a readable
// log behind. It is a [monitor.Sink].
//
// The first write that fails, on a full disk for one, ends the log: nothing is
// written any more, and every later call returns that error. The log is then
// readable up to where it ends.
type Writer struct {
	mu    sync.Mutex
	out   io.Writer
	file  *os.File // what Close has to close; nil for NewWriter
	buf   []byte
	armed bool
	timer *time.Timer
	err   error
}

var _ monitor.Sink = (*Writer)(nil)

// NewWriter returns a Writer to out, which stays the caller's to close.
func NewWriter(out io.Writer) *Writer {
	w := &Writer{out: out}
	w.timer = time.AfterFunc(flushEvery, w.tick)
	w.timer.Stop()
	return w
}

// An Option says what Create does with a log that is there already.
type Option func(*creation)

type creation struct{ append, overwrite bool }

// Append goes on after the last line of the file that is there: the log of a
// run that is resumed.
func Append() Option { return func(c *creation) { c.append = true } }

// Overwrite replaces the file that is there.
func Overwrite() Option { return func(c *creation) { c.overwrite = true } }

// Create returns a Writer to a new file. Without an option a file that is there
// and not empty is left alone, and the error wraps [os.ErrExist].
func Create(path string, options ...Option) (*Writer, error) {
	var c creation
	for _, o := range options {
		o(&c)
	}
	if c.append && c.overwrite {
		return nil, errors.New("runlog: Append and Overwrite exclude each other")
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return nil, fmt.Errorf("runlog: %w", err)
	}
	if err := c.prepare(f); err != nil {
		return nil, errors.Join(fmt.Errorf("runlog: %s: %w", path, err), f.Close())
	}
	w := NewWriter(f)
	w.file = f
	return w, nil
}

func (c creation) prepare(f *os.File) error {
	if c.overwrite {
		if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
			return err
		}
		return f.Truncate(0)
	}
	info, err := f.Stat()
	switch {
	case err != nil:
		return err
	case info.Size() == 0:
		return nil
	case c.append:
		return mend(f, info.Size())
	}
	return fmt.Errorf("%w and is not empty: choose another path, or append to it or overwrite it on purpose", os.ErrExist)
}

// Start writes the run line.
func (w *Writer) Start(r *monitor.Run) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.buf = appendRun(w.buf, r)
		w.flush()
	}
	return w.err
}

// Step writes a step line.
func (w *Writer) Step(s *monitor.Step) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return w.err
	}
	w.buf = appendStep(w.buf, s)
	switch {
	case len(w.buf) >= flushBytes:
		w.flush()
	case !w.armed:
		w.armed = true
		w.timer.Reset(flushEvery)
	}
	return w.err
}

// Event writes an event line.
func (w *Writer) Event(e *monitor.Event) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.buf = appendEvent(w.buf, e)
		w.flush()
	}
	return w.err
}

// Close writes the end line, unless end is nil, and what is still buffered. A
// file is synced and closed. A write that is under way cannot be called back,
// so the context is of no use here.
func (w *Writer) Close(_ context.Context, end *monitor.End) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil && end != nil {
		w.buf = appendEnd(w.buf, end)
	}
	w.flush()
	w.timer.Stop()
	err := w.err
	if w.file != nil {
		if info, e := w.file.Stat(); e == nil && info.Mode().IsRegular() && err == nil {
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
		w.err = fmt.Errorf("runlog: the log ends here: %w", err)
		w.buf = nil
	}
}
