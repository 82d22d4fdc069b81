package rivals_test

import (
	"fmt"
	"math"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
	"github.com/seed-140d0f39/gtg/internal/detect/rivals"
	"github.com/seed-140d0f39/gtg/monitor"
)

func ExampleRules() {
	run := &monitor.Run{}
	for _, rule := range rivals.Rules(run, &corpus.Label{Steps: 1000}) {
		if rule.Observe(&monitor.Step{Step: 1, Loss: monitor.Known(math.NaN())}) == monitor.Holding {
			fmt.Println(rule.Name())
		}
	}
	// Output:
	// SageMaker ExplodingTensor
	// Megatron-LM spiky loss or gradient
	// Lightning SpikeDetection
}
