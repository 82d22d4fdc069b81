package hooks

import (
	"math/rand/v2"
	"time"
)

const (
	// budgetReserve is the part of the budget that is kept for times when a
	// detector has fired, or when eigenvalues are wanted.
	budgetReserve = 1.0 / 3
	// budgetFirst is the step of the first measurement: what the first steps cost
	// says little, since memory is still being allocated.
	budgetFirst = 5
	// budgetJitter spreads the intervals, so that a measurement does not always
	// meet the same batch of an epoch.
	budgetJitter = 0.25
)

// budget decides which steps an expensive instrument may measure, so that it
// costs a given share of the time. It has no clock: it is told how long
// everything took.
type budget struct {
	share float64 // of the elapsed time; 0: only every
	every int64   // a fixed interval in steps; 0: by share

	random  *rand.Rand
	spent   time.Duration // by the instrument so far
	cost    time.Duration // of one measurement, recently
	last    int64         // the step that was measured last
	started time.Duration // when counting began
	next    time.Duration // not before
}

// newBudget spends a share of the time, or measures at a fixed interval of steps.
func newBudget(share float64, every int64) *budget {
	return &budget{share: share, every: every, random: rand.New(rand.NewPCG(1, 2))}
}

// due says whether the step is to be measured, elapsed after the start. Closer
// asks for more than usual, from what was kept in reserve.
func (b *budget) due(step int64, elapsed time.Duration, closer bool) bool {
	switch {
	case step == b.last: // a step's second backward pass
		return false
	case b.every > 0:
		return step%b.every == 0
	case b.last == 0:
		return step >= budgetFirst
	case closer:
		return b.allows(b.cost, elapsed)
	}
	return elapsed >= b.next && b.afford(b.cost, elapsed, b.share*(1-budgetReserve))
}

// allows says whether something that costs so much is within the whole budget.
func (b *budget) allows(cost, elapsed time.Duration) bool {
	return b.every > 0 || b.afford(cost, elapsed, b.share)
}

func (b *budget) afford(cost, elapsed time.Duration, share float64) bool {
	return (b.spent + cost).Seconds() <= share*(elapsed-b.started).Seconds()
}

// left is how much may be spent now.
func (b *budget) left(elapsed time.Duration) time.Duration {
	if b.every > 0 {
		return time.Hour
	}
	return time.Duration(b.share*float64(elapsed-b.started)) - b.spent
}

// measured says what the measurement of a step cost; ordinary ones set the pace.
func (b *budget) measured(step int64, elapsed, cost time.Duration, ordinary bool) {
	b.spent += cost
	b.last = step
	if !ordinary || b.share == 0 {
		return
	}
	if b.cost == 0 {
		b.cost = cost
	} else {
		b.cost += (cost - b.cost) / 4
	}
	wait := float64(b.cost)/(b.share*(1-budgetReserve)) - float64(b.cost) // after this one has ended
	b.next = elapsed + time.Duration(wait*(1+budgetJitter*(2*b.random.Float64()-1)))
}

// used is the share that was really spent.
func (b *budget) used(elapsed time.Duration) float64 {
	if elapsed <= b.started {
		return 0
	}
	return b.spent.Seconds() / (elapsed - b.started).Seconds()
}
