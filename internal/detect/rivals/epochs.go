package rivals

import "github.com/seed-140d0f39/gtg/internal/detect/corpus"

// parts is how many epochs a run is taken to have.
const parts = 100

// epochs divides a run into stretches of so many epochs.
type epochs struct {
	steps      int64 // of the run
	each       int64 // epochs in a stretch
	seen       int64
	accuracies []float64
}

func newEpochs(l *corpus.Label, each int64) epochs {
	return epochs{steps: max(l.Steps, 1), each: each, accuracies: l.Accuracies}
}

// next takes a record and returns how many stretches are over, and whether one has
// just ended.
func (e *epochs) next() (over int64, ends bool) {
	before := e.seen * parts / (e.each * e.steps)
	e.seen++
	over = e.seen * parts / (e.each * e.steps)
	return over, over > before
}

// known returns the accuracies up to now. They were taken at equal intervals, the
// last at the end.
func (e *epochs) known() []float64 {
	n := int64(len(e.accuracies))
	return e.accuracies[:min(e.seen*n/e.steps, n)]
}
