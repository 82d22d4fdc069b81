package hooks

import (
	"errors"
	"fmt"

	"github.com/sugarme/gotch/nn"
	"github.com/sugarme/gotch/ts"
)

// Step is for platforms whose linker cannot interpose (any but Linux): there an
// attached loop calls guard.Step(opt, loss) where it called
// opt.BackwardStep(loss). It works on Linux too, with the same effect.
func (g *Guard) Step(opt *nn.Optimizer, loss *ts.Tensor) error {
	if opt == nil || loss == nil {
		return errors.New("gtg: Step needs the optimizer and the loss, neither of them nil")
	}
	if err := opt.ZeroGrad(); err != nil {
		return fmt.Errorf("gtg: %w", err)
	}
	g.mu.Lock()
	a := g.attachment
	g.mu.Unlock()
	return a.Step(loss, opt.Step)
}
