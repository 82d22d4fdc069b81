package score

import (
	"fmt"
	"io/fs"
	"runtime"
	"sync"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
	"github.com/seed-140d0f39/gtg/monitor"
)

// Options say what to do beside judging the runs with gtg.
type Options struct {
	Rivals bool // judge the rules of others too
	Check  bool // look into the invariances
}

// Judge reads each label's run once, several runs at a time, and returns what was
// said of them, in the order of the labels.
func Judge(folder fs.FS, labels []corpus.Label, o Options) []Outcome {
	out := make([]Outcome, len(labels))
	next := make(chan int)
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for i := range next {
				out[i] = judge(folder, labels[i], o)
			}
		})
	}
	for i := range labels {
		next <- i
	}
	close(next)
	workers.Wait()
	return out
}

func judge(folder fs.FS, label corpus.Label, options Options) Outcome {
	o := Outcome{Label: label}
	var m *monitor.Monitor
	var others []*contender
	var checks []*trial
	begin := func(run *monitor.Run) {
		if m != nil { // the log of a run that was resumed
			return
		}
		m = monitor.New(run)
		if options.Rivals {
			others = contenders(run, &o.Label)
		}
		if options.Check {
			checks = trials(run, label.File)
		}
	}
	o.Err = corpus.Steps(folder, label.File, begin, func(s *monitor.Step) {
		if m == nil { // a log without a run line
			begin(&monitor.Run{})
		}
		o.Steps++
		events := m.Observe(s)
		o.Events = append(o.Events, events...)
		for _, c := range others {
			c.observe(s)
		}
		for _, c := range checks {
			c.observe(s, events)
		}
	})
	for _, c := range others {
		o.Rivals = append(o.Rivals, c.out)
	}
	for _, c := range checks {
		o.Checks = append(o.Checks, c.check)
	}
	if o.Err == nil && (o.Steps != label.Steps || o.Steps == 0) {
		o.Err = fmt.Errorf("score: %s has %d steps, its label says %d", label.File, o.Steps, label.Steps)
	}
	return o
}
