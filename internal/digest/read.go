package digest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/seed-140d0f39/gtg/adapters/runlog"
	"github.com/seed-140d0f39/gtg/monitor"
)

const (
	keptRuns   = 16 // of one log
	keptErrors = 5  // of lines that could not be read
)

// A Log is what was read of a run log.
type Log struct {
	Runs     []*Digest
	Dropped  int     // runs after the first 16, which were not read
	BadLines int64   // lines that could not be read
	Bad      []error // the first few of those, each a *runlog.LineError
	Torn     bool    // the last line was cut off
	Err      error   // what ended the reading before the log's end
}

// Complaints says in sentences what is wrong with the log.
func (l *Log) Complaints() (all []string) {
	for _, err := range l.Bad {
		all = append(all, err.Error())
	}
	if more := l.BadLines - int64(len(l.Bad)); more > 0 {
		all = append(all, fmt.Sprintf("%d more lines could not be read", more))
	}
	if l.Torn {
		all = append(all, "the last line is cut off and was left out: the program was killed, or is still writing")
	}
	if l.Dropped > 0 {
		all = append(all, fmt.Sprintf("the log has %d more runs, only the first %d were read", l.Dropped, keptRuns))
	}
	if l.Err != nil {
		all = append(all, fmt.Sprintf("reading ended early: %v", l.Err))
	}
	return all
}

// Unreadable is the error of a log with nothing in it that can be used.
type Unreadable struct{ Err error }

func (u *Unreadable) Error() string { return u.Err.Error() }

// Unwrap returns the reason.
func (u *Unreadable) Unwrap() error { return u.Err }

// Read digests a log of any length in one pass. The events are those that the
// log recorded, and so is the verdict. Where the log has none, because another
// program wrote it or because the run was killed before its end, they are found
// by judging its steps, and the digest says so.
//
// A log with several runs gives several digests, see [SameRun]. What cannot be
// read is left out and told in the result. The error is an [*Unreadable] when
// nothing could be read, or the context's; a read that was under way when the
// context ended, of a pipe for one, is left behind.
func Read(ctx context.Context, in io.Reader, source string) (*Log, error) {
	r := reading{log: &Log{}, source: source}
	lines := runlog.NewReader(in)
	batches := parsed(ctx, lines)
	for more := true; more; {
		var b *batch
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case b, more = <-batches:
		}
		if more {
			for i := range b.items {
				r.take(&b.items[i])
			}
			b.recycle()
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	r.finish()
	l := r.log
	l.Torn = lines.Torn()
	if len(l.Runs) == 0 {
		return nil, &Unreadable{l.nothing()}
	}
	return l, nil
}

// nothing says why there is nothing.
func (l *Log) nothing() error {
	switch {
	case l.Err != nil:
		return l.Err
	case len(l.Bad) > 0:
		return fmt.Errorf("not a run log: it has no run line and no step line that can be read; %w", l.Bad[0])
	case l.Torn:
		return errors.New("not a run log: its only line is cut off")
	}
	return errors.New("not a run log: it is empty, or has no run line and no step line")
}

// SameRun says whether a second run line is that of a resume: the name and the
// parameters are the same. (Its steps have to go on, too.)
func SameRun(a, b *monitor.Run) bool {
	return a.Name == b.Name && slices.EqualFunc(a.Params, b.Params, func(a, b monitor.Param) bool {
		return a.Name == b.Name && a.Numel == b.Numel && slices.Equal(a.Shape, b.Shape)
	})
}

// An item is one line of a log, or what is wrong with it.
type item struct {
	runlog.Line
	err  error
	step monitor.Step // the memory of Line.Step
}

type batch struct {
	items []item
	free  chan<- *batch
}

func (b *batch) recycle() { b.free <- b }

const (
	batches    = 4
	batchLines = 256
	batchSize  = 1 << 16 // numbers
)

// parsed reads lines on a goroutine of its own, which is done when the channel
// is closed, or soon after the context has ended.
func parsed(ctx context.Context, lines *runlog.Reader) <-chan *batch {
	free, out := make(chan *batch, batches), make(chan *batch, batches)
	for range batches {
		free <- &batch{items: make([]item, 0, batchLines), free: free}
	}
	go func() {
		defer close(out)
		for more := true; more; {
			select {
			case <-ctx.Done():
				return
			case b := <-free:
				more = b.fill(lines)
				out <- b // never waits: there is room for all
			}
		}
	}()
	return out
}

// fill reads the next lines. It returns false after the last.
func (b *batch) fill(lines *runlog.Reader) (more bool) {
	b.items = b.items[:0]
	for size := 0; len(b.items) < batchLines && size < batchSize; {
		line, err := lines.Next()
		if err == io.EOF {
			return false
		}
		b.items = b.items[:len(b.items)+1]
		it := &b.items[len(b.items)-1]
		it.Line, it.err = line, err
		if s := line.Step; s != nil {
			it.step.CopyFrom(s)
			it.Line.Step = &it.step
			size += len(s.ParamGradNorms) + len(s.ParamNorms) + len(s.UpdateNorms) + len(s.ParamElasticities) + len(s.ZeroGrads)
		}
		if err != nil && !errors.As(err, new(*runlog.LineError)) {
			return false
		}
	}
	return true
}

// reading takes a log's lines to digests, one for each run.
type reading struct {
	log    *Log
	source string

	next     *monitor.Run // a run line whose steps have not come yet
	d        *Digest      // the run that is read; nil before the first
	mon      *monitor.Monitor
	found    Incidents // what the monitor finds
	recorded bool      // the log has events of its own
}

func (r *reading) take(it *item) {
	switch {
	case it.err != nil:
		if errors.As(it.err, new(*runlog.LineError)) {
			r.bad(it.err)
		} else {
			r.log.Err = it.err
		}
	case it.Run != nil:
		if r.next != nil { // a run that took no step
			r.turn(false)
		}
		r.next = it.Run
	case it.Line.Step != nil:
		r.step(it.Number, it.Line.Step)
	case it.Event != nil && r.d != nil && r.next == nil:
		r.recorded = true
		r.d.Event(it.Event)
	case it.End != nil:
		if r.next != nil { // it ends before its first step
			r.turn(true)
		}
		if r.d != nil {
			r.recorded = r.recorded || len(it.End.Verdict) > 0
			r.d.Close(it.End)
		}
	}
}

func (r *reading) bad(err error) {
	if r.log.BadLines++; len(r.log.Bad) < keptErrors {
		r.log.Bad = append(r.log.Bad, err)
	}
}

func (r *reading) step(line int, s *monitor.Step) {
	if r.next != nil || r.d == nil {
		r.turn(r.d != nil && s.Step > r.d.Last)
	}
	if s.Step <= r.d.Last {
		r.bad(&runlog.LineError{Line: line, Err: fmt.Errorf("step: got %d after %d, want steps that increase", s.Step, r.d.Last)})
		return
	}
	r.d.Step(s)
	events := r.mon.Observe(s)
	for i := range events {
		r.found.add(&events[i])
	}
}

// turn goes from the run that is read to the next one. A resume is the same
// run, when its steps go on.
func (r *reading) turn(goesOn bool) {
	next := r.next
	r.next = nil
	if next == nil {
		next = &monitor.Run{}
	}
	if r.d != nil && goesOn && SameRun(r.d.Run, next) {
		r.d.Resume()
		return
	}
	r.judge()
	r.d, r.mon = New(next), monitor.New(next)
	r.found, r.recorded = Incidents{}, false
	r.d.Source = r.source
	if len(r.log.Runs) < keptRuns {
		r.log.Runs = append(r.log.Runs, r.d)
	} else {
		r.log.Dropped++
	}
}

func (r *reading) finish() {
	if r.next != nil {
		r.turn(true)
	}
	r.judge()
}

// judge ends the run that is read with what the monitor says, where the log
// does not.
func (r *reading) judge() {
	if r.d == nil {
		return
	}
	if !r.recorded {
		r.d.Events, r.d.Replayed = r.found, true
	}
	if r.d.Ended == "" || len(r.d.Verdict) == 0 {
		r.d.Verdict, r.d.Judged = r.mon.Verdict(), true
	}
}
