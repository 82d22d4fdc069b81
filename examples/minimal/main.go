// Command minimal is the smallest complete training loop under gtg: a line is
// fitted to four points. "gtg doctor" runs it.
package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/nn"
	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/hooks"
)

func main() {
	first, last, err := train()
	if err == nil && !(last < first/10) {
		err = fmt.Errorf("the loss went from %.4g to %.4g, and should have fallen", first, last)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "minimal:", err)
		os.Exit(1)
	}
	fmt.Printf("loss %.4g before, %.4g after\n", first, last)
}

// train fits y = w x + b to points of y = 2x + 1 and returns the first loss
// and the last.
func train() (first, last float64, err error) {
	x, err := ts.OfSlice([]float32{-1, 0, 1, 2})
	if err != nil {
		return 0, 0, err
	}
	y, err := ts.OfSlice([]float32{-1, 1, 3, 5})
	if err != nil {
		return 0, 0, err
	}
	x, y = x.MustView([]int64{4, 1}, true), y.MustView([]int64{4, 1}, true)

	vs := nn.NewVarStore(gotch.CPU)
	model := nn.NewLinear(vs.Root(), 1, 1, nn.DefaultLinearConfig())
	opt, err := nn.DefaultSGDConfig().Build(vs, 0.1)
	if err != nil {
		return 0, 0, err
	}
	guard, err := hooks.Attach(opt)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, guard.Close()) }()

	const steps = 100
	for step := range steps {
		loss := model.Forward(x).MustMseLoss(y, 1 /* mean */, true)
		last = loss.Float64Values()[0]
		if step == 0 {
			first = last
		}
		if err := opt.BackwardStep(loss); err != nil {
			return 0, 0, err
		}
		loss.MustDrop()
	}
	return first, last, nil
}
