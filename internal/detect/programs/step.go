package programs

import (
	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/ts"
)

// step does one step of the training, with what goes wrong in it.
func (t *trainer) step(step int64, order *order) error {
	done := float64(step-1) / float64(t.Steps)
	t.opt.SetLR(t.breaker.lr(step, t.LR*schedules[t.Schedule](done)/t.unit()))
	t.breaker.parameters(step)
	size := t.Batch
	if t.NextBatch > 0 && done >= 0.5 {
		size = t.NextBatch
	}
	batch := t.breaker.batch(step, t.task.training.rows(order.next(size)))
	defer batch.drop()
	out := t.task.forward(batch.x, true)
	defer out.MustDrop()
	loss := t.breaker.loss(step, t.penalised(t.task.loss(out, batch.y)))
	defer loss.MustDrop()
	return t.opt.BackwardStep(loss)
}

// unit is the one that losses are in.
func (r *Recipe) unit() float64 {
	if r.Unit == 0 {
		return 1
	}
	return r.Unit
}

// penalised adds the L2 penalty of the weights to the loss, in the recipe's unit.
func (t *trainer) penalised(loss *ts.Tensor) *ts.Tensor {
	if u := t.unit(); u != 1 {
		loss = loss.MustMulScalar(ts.FloatScalar(u), true)
	}
	if t.Penalty == 0 {
		return loss
	}
	for _, p := range t.network.params {
		if p.role == weight {
			squares := p.tensor.MustSquare(false).MustSum(gotch.Float, true).MustMulScalar(ts.FloatScalar(t.Penalty), true)
			loss = loss.MustAdd(squares, true)
			squares.MustDrop()
		}
	}
	return loss
}
