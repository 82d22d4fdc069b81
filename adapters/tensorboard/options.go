package tensorboard

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// An Option changes what a [Writer] writes, and when.
type Option func(*options)

type options struct {
	scalarsEvery    int64
	histogramsEvery int64
	params          int
	flushEvery      time.Duration
	prefix          string
	suffix          string
}

func defaults() options {
	return options{scalarsEvery: 1, histogramsEvery: 100, flushEvery: 5 * time.Second}
}

// WithScalarsEvery writes a step's scalars when n steps have passed since the
// last that were written; the default is 1, every step. What is rare is written
// always: curvature on the steps that measured it, and all scalars of a step that was
// not finite or not done.
func WithScalarsEvery(n int64) Option { return func(o *options) { o.scalarsEvery = n } }

// WithHistogramsEvery writes each histogram, and what [WithParams] asks for, when
// n steps have passed since it was last written. The default is 100; 0 writes
// none.
func WithHistogramsEvery(n int64) Option { return func(o *options) { o.histogramsEvery = n } }

// WithParams writes param_grad_norms/NAME for the first n parameters of the run,
// as often as the histograms. The default is none.
func WithParams(n int) Option { return func(o *options) { o.params = n } }

// WithFlushEvery says how long what was written may wait in memory before it is
// in the file. The default is 5 seconds. Events never wait.
func WithFlushEvery(d time.Duration) Option { return func(o *options) { o.flushEvery = d } }

// WithPrefix begins every tag, e.g. with "gtg/", for a folder in which the
// program keeps scalars of the same names.
func WithPrefix(prefix string) Option { return func(o *options) { o.prefix = clean(prefix) } }

// WithSuffix ends the name of the file that [Create] makes, e.g. with ".gtg".
func WithSuffix(suffix string) Option { return func(o *options) { o.suffix = suffix } }

func (o *options) check() error {
	switch {
	case o.scalarsEvery < 1:
		return fmt.Errorf("tensorboard: WithScalarsEvery(%d): want 1 or more steps", o.scalarsEvery)
	case o.histogramsEvery < 0:
		return fmt.Errorf("tensorboard: WithHistogramsEvery(%d): want 1 or more steps, or 0 for none", o.histogramsEvery)
	case o.params < 0:
		return fmt.Errorf("tensorboard: WithParams(%d): want the number of parameters, 0 or more", o.params)
	case o.params > 0 && o.histogramsEvery == 0:
		return errors.New("tensorboard: WithParams writes as often as the histograms, and WithHistogramsEvery(0) says never")
	case o.flushEvery <= 0:
		return fmt.Errorf("tensorboard: WithFlushEvery(%v): want more than 0", o.flushEvery)
	case strings.ContainsAny(o.suffix, "/\\\x00"):
		return fmt.Errorf("tensorboard: WithSuffix(%q): want the end of a file's name, with no / or \\ in it", o.suffix)
	}
	return nil
}

// due says when something that is written every n steps is written next.
type due struct {
	last    int64
	written bool
}

// at says whether n steps have passed. A step before the last, which a rollback
// or a resume may bring, is due too.
func (d *due) at(step, n int64) bool {
	if d.written && step >= d.last && step-d.last < n {
		return false
	}
	d.last, d.written = step, true
	return true
}
