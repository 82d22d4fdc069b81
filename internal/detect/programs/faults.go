package programs

import (
	"math"
	"math/rand/v2"

	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/ts"
)

// breaker does what the recipe's fault says, at the step of its onset.
type breaker struct {
	Fault
	onset   int64
	network *network
	random  *rand.Rand
}

// now says whether the fault does something at this step.
func (b *breaker) now(step int64) bool {
	return step == b.onset || b.Lasting && step > b.onset
}

// lr is the learning rate of the step.
func (b *breaker) lr(step int64, lr float64) float64 {
	switch {
	case b.Kind == NegatedStep:
		return -lr
	case b.Kind == Leap && step == b.onset, b.Kind == LongSteps && step >= b.onset:
		return lr * b.Size
	}
	return lr
}

// parameters changes the network before the step.
func (b *breaker) parameters(step int64) {
	if step != b.onset {
		return
	}
	switch b.Kind {
	case Kill:
		b.network.each(func(p param, values []float32) {
			for i := range values {
				values[i] = float32(-b.Size)
			}
		}, func(p param) bool { return p.role == bias && p.hidden })
	case Steeper:
		b.network.each(func(p param, values []float32) {
			for i := range values {
				values[i] *= float32(b.Size)
			}
		}, b.network.multiplied())
	case Requires:
		keep := b.random.IntN(len(b.network.params))
		for i, p := range b.network.params {
			if i != keep {
				p.tensor.MustRequiresGrad_(false)
			}
		}
	}
}

// multiplied are the parameters of which the network is a product: the recurrent
// weights where there are any, all weights otherwise.
func (n *network) multiplied() func(param) bool {
	kind := weight
	for _, p := range n.params {
		if p.role == recurrent {
			kind = recurrent
		}
	}
	return func(p param) bool { return p.role == kind }
}

// each changes the values of some parameters.
func (n *network) each(change func(param, []float32), which func(param) bool) {
	for _, p := range n.params {
		if !which(p) {
			continue
		}
		values := p.tensor.Vals().([]float32)
		change(p, values)
		fresh := tensor(values, p.tensor.MustSize()...)
		ts.NoGrad(func() { p.tensor.Copy_(fresh) })
		fresh.MustDrop()
	}
}

// batch spoils the step's examples, which it drops when it returns others.
func (b *breaker) batch(step int64, e examples) examples {
	if !b.now(step) {
		return e
	}
	switch b.Kind {
	case BigInputs:
		e.x = e.x.MustMulScalar(ts.FloatScalar(b.Size), true)
	case BadLabels:
		rows := e.y.MustSize()[0]
		numbers := make([]int64, rows)
		for i, n := range b.random.Perm(int(rows)) {
			numbers[i] = int64(n)
		}
		index := ts.MustOfSlice(numbers)
		defer index.MustDrop()
		e.y = e.y.MustIndexSelect(0, index, true)
	case InputNaN, InputInf:
		bad := math.NaN()
		if b.Kind == InputInf {
			bad = math.Inf(1)
		}
		shape := e.x.MustSize()
		values := e.x.Vals().([]float32)
		values[b.random.IntN(len(values))] = float32(bad)
		e.x.MustDrop()
		e.x = tensor(values, shape...)
	}
	return e
}

// loss spoils the loss, which it drops when it returns another one.
func (b *breaker) loss(step int64, loss *ts.Tensor) *ts.Tensor {
	switch {
	case b.Kind == NegatedLoss:
		return loss.MustNeg(true)
	case !b.now(step):
		return loss
	}
	switch b.Kind {
	case BadLabels:
		return loss.MustMulScalar(ts.FloatScalar(b.Size), true)
	case LossNaN: // 0/0, as of a mean over a mask that is empty
		none := loss.MustMulScalar(ts.FloatScalar(0), true)
		return none.MustMul(ts.MustOfSlice([]float32{float32(math.Inf(1))}), true).MustSum(gotch.Float, true)
	case LogZero:
		zero := loss.MustMulScalar(ts.FloatScalar(0), false).MustLog(true)
		return loss.MustSub(zero, true)
	}
	return loss
}
