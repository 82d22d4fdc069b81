package programs

import (
	"fmt"

	"github.com/sugarme/gotch/nn"
)

// optimizer builds what the recipe says, for all parameters.
func optimizer(r Recipe, vs *nn.VarStore) (*nn.Optimizer, error) {
	var config nn.OptimizerConfig
	switch r.Optimizer {
	case "sgd":
		config = nn.NewSGDConfig(r.Momentum, 0, r.WeightDecay, false)
	case "adam":
		config = nn.NewAdamConfig(0.9, 0.999, r.WeightDecay)
	case "adamw":
		config = nn.NewAdamWConfig(0.9, 0.999, r.WeightDecay)
	case "rmsprop":
		config = nn.NewRMSPropConfig(0.99, 1e-8, r.WeightDecay, r.Momentum, false)
	default:
		return nil, fmt.Errorf("optimizer %q is not known", r.Optimizer)
	}
	return config.Build(vs, r.LR)
}
