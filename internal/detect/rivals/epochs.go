package rivals

import "github.com/seed-140d0f39/gtg/internal/detect/corpus"

// epochs divides a run into 100 parts.
type epochs struct {
	steps      int64 // of the run
	seen       int64
	accuracies []float64
}

const parts = 100

func newEpochs(l *corpus.Label) epochs {
	return epochs{steps: max(l.Steps, 1), accuracies: l.Accuracies}
}

// next takes a record and returns how many parts are over, and whether one has
// just ended.
func (e *epochs) next() (over int64, ends bool) {
	before := e.seen * parts / e.steps
	e.seen++
	over = e.seen * parts / e.steps
	return over, over > before
}

// known returns the accuracies up to now. They were taken at equal intervals, the
// last at the end.
func (e *epochs) known() []float64 {
	n := int64(len(e.accuracies))
	return e.accuracies[:min(e.seen*n/e.steps, n)]
}
