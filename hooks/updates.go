package hooks

import (
	"fmt"
	"math"
	"time"

	"github.com/seed-140d0f39/gtg/internal/torch"
	"github.com/seed-140d0f39/gtg/monitor"
)

// DefaultUpdateRatios is at which interval of steps the parameters' norms and the
// norms of their updates are measured.
const DefaultUpdateRatios = 100

// updates measures by how much a step changes the parameters: it copies them, lets
// the optimizer run, and compares. The step's record waits for that.
type updates struct {
	every          int64
	copy           torch.Copy    // of the parameters before the step
	pending        bool          // the record of the step waits for the optimizer
	spent          time.Duration // on this step before the optimizer ran
	sizes, changes []float64     // in the optimizer's order
	norms, moves   []monitor.Number
	elasticities   []monitor.Number
}

// due says whether the step is to be measured: every step that the interval
// divides and, since a run's first steps say most, steps 1, 2, 5, 10, 20, 50, … up
// to the interval.
func (u *updates) due(step int64) bool {
	if u.every <= 0 {
		return false
	}
	if step >= u.every {
		return step%u.every == 0
	}
	for step%10 == 0 {
		step /= 10
	}
	return step == 1 || step == 2 || step == 5
}

// begin copies the parameters where the step is due, after which the record waits.
func (u *updates) begin(g *Guard, r *torch.Report) {
	if !u.due(g.step.Step) {
		return
	}
	if err := g.grads.Copy(&u.copy); err != nil {
		u.off(g, err)
		return
	}
	u.pending = true
	u.sizes, u.changes = zeros(u.sizes, len(r.Stats)), zeros(u.changes, len(r.Stats))
	r.Stepped = g.whenStepped
}

// measure puts the norms into the record.
func (u *updates) measure(g *Guard) {
	if err := u.copy.Moved(u.sizes, u.changes); err != nil {
		u.off(g, err)
		return
	}
	u.norms, u.moves = u.norms[:0], u.moves[:0]
	for _, place := range g.params.index {
		norm, move := monitor.Number{}, monitor.Number{}
		if place >= 0 {
			norm, move = monitor.Known(u.sizes[place]), monitor.Known(u.changes[place])
		}
		u.norms, u.moves = append(u.norms, norm), append(u.moves, move)
	}
	g.step.ParamNorms, g.step.UpdateNorms = u.norms, u.moves
	u.elasticity(&g.step)
}

// elasticity puts into the record how much the loss depends on each parameter.
func (u *updates) elasticity(s *monitor.Step) {
	loss, ok := s.Loss.Finite()
	if !ok || loss == 0 || len(s.ParamGradNorms) != len(u.norms) {
		return
	}
	u.elasticities = u.elasticities[:0]
	for i, norm := range u.norms {
		e := monitor.Number{}
		gradient, ok := s.ParamGradNorms[i].Finite()
		if weight, ok2 := norm.Finite(); ok && ok2 {
			e = monitor.Known(gradient / math.Abs(loss) * weight)
		}
		u.elasticities = append(u.elasticities, e)
	}
	s.ParamElasticities = u.elasticities
}

// drop gives the copy back.
func (u *updates) drop() {
	u.pending = false
	u.copy.Free()
}

func (u *updates) off(g *Guard, err error) {
	u.every = 0
	g.complain(fmt.Sprintf("the updates of parameters are not measured any more, from step %d on", g.step.Step), err)
}

// stepped completes the record that waited for the optimizer.
func (g *Guard) stepped() {
	start := time.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	defer func() {
		if p := recover(); p != nil {
			g.broken(p)
		}
		g.updates.drop()
		g.tail = time.Since(start) - g.counted
	}()
	if !g.updates.pending {
		return // the guard was closed in the meantime
	}
	g.updates.measure(g)
	g.deliver(start, g.updates.spent, false)
}

// flush delivers a record that waits for the optimizer still, without the norms:
// the optimizer failed, or the guard is asked for its state in the middle of a step.
func (g *Guard) flush() {
	if !g.updates.pending {
		return
	}
	defer func() {
		if p := recover(); p != nil {
			g.broken(p)
		}
	}()
	g.updates.drop()
	g.deliver(time.Now(), g.updates.spent, true)
}
