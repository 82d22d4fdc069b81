package hooks

import (
	"errors"
	"fmt"

	"github.com/sugarme/gotch/nn"
	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/torch"
)

// Step is for platforms whose linker cannot interpose (any but Linux): there an
// attached loop calls guard.Step(opt, loss) where it called
// opt.BackwardStep(loss). It works on Linux too, with the same effect.
func (g *Guard) Step(opt *nn.Optimizer, loss *ts.Tensor) error {
	if opt == nil || loss == nil {
		return errors.New("gtg: Step needs the optimizer and the loss, neither of them nil")
	}
	optimizer, err := torch.Find(opt)
	if err != nil {
		return fmt.Errorf("gtg: %w", err)
	}
	g.mu.Lock()
	a := g.attachment
	g.mu.Unlock()
	if !a.Is(optimizer) {
		return errors.New("gtg: this guard watches another optimizer: call guard.Reattach with the one that was built last")
	}
	if err := opt.ZeroGrad(); err != nil {
		return fmt.Errorf("gtg: %w", err)
	}
	return a.Step(loss, opt.Step)
}
