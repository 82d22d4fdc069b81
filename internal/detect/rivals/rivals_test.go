package rivals

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
	"github.com/seed-140d0f39/gtg/monitor"
)

// model has two weights of 100 elements and a bias of 4.
func model() *monitor.Run {
	return &monitor.Run{Params: []monitor.Param{
		{Name: "1.weight", Shape: []int64{10, 10}, Numel: 100}, {Name: "1.bias", Shape: []int64{4}, Numel: 4},
		{Name: "2.weight", Shape: []int64{10, 10}, Numel: 100},
	}}
}

func numbers(x ...float64) []monitor.Number {
	var out []monitor.Number
	for _, v := range x {
		out = append(out, monitor.Known(v))
	}
	return out
}

// named returns the rule of that name, for a run of that many steps and with these
// accuracies.
func named(t *testing.T, name string, steps int64, accuracies ...float64) Rule {
	for _, r := range Rules(model(), &corpus.Label{Steps: steps, Accuracies: accuracies}) {
		if r.Name() == name {
			return r
		}
	}
	require.Fail(t, "no rule "+name)
	return nil
}

// losses feeds losses and returns the places, from 0, at which the rule held.
func losses(r Rule, x ...float64) []int {
	out := []int{}
	for i, v := range x {
		if r.Observe(&monitor.Step{Step: int64(i + 1), Loss: monitor.Known(v)}) == monitor.Holding {
			out = append(out, i)
		}
	}
	return out
}

// norms feeds one record with these norms of the three gradients.
func norms(r Rule, x ...float64) monitor.Condition {
	return r.Observe(&monitor.Step{ParamGradNorms: numbers(x...)})
}

func repeat(v float64, n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = v
	}
	return out
}

func TestRulesAreInOrderAndClaimSomething(t *testing.T) {
	l := &corpus.Label{Steps: 1000, Accuracies: []float64{0.5}}
	first, second := Rules(model(), l), Rules(&monitor.Run{}, &corpus.Label{Steps: 1})
	require.Len(t, second, len(first))
	names := map[string]bool{}
	for i, r := range first {
		require.Equal(t, r.Name(), second[i].Name())
		require.False(t, names[r.Name()], r.Name())
		names[r.Name()] = true
		require.NotEmpty(t, r.Claims())
		require.NotContains(t, r.Claims(), corpus.Healthy)
	}
}

// TestNothingIsKnown: no rule trips over a record that has next to nothing, and none
// that needs gradients takes part.
func TestNothingIsKnown(t *testing.T) {
	for _, run := range []*monitor.Run{model(), {}} {
		for _, r := range Rules(run, &corpus.Label{Steps: 300}) {
			for i := range int64(300) {
				is := r.Observe(&monitor.Step{Step: i + 1})
				require.NotEqual(t, monitor.Holding, is, r.Name())
				for _, gradients := range []string{"vanishing gradient", "VanishingGradient", "AllZero", "dying ReLU", "WeightUpdateRatio", "unstable learning"} {
					if len(r.Name()) >= len(gradients) && r.Name()[len(r.Name())-len(gradients):] == gradients {
						require.Equal(t, monitor.Undecided, is, r.Name())
					}
				}
			}
		}
	}
}

func TestSageMakerGradients(t *testing.T) {
	r := named(t, "SageMaker VanishingGradient", 100)
	// A norm over 100 elements is ten times the mean, over 4 twice.
	require.Equal(t, monitor.Clear, norms(r, 1.01e-6, 2.01e-7, 1))
	require.Equal(t, monitor.Holding, norms(r, 0.99e-6, 2.01e-7, 1))
	require.Equal(t, monitor.Holding, norms(r, 1, 1.99e-7, 1), "a bias is a tensor too")
	require.Equal(t, monitor.Clear, norms(r, math.NaN(), 1, 1))
	require.Equal(t, monitor.Clear, r.Observe(&monitor.Step{ParamGradNorms: []monitor.Number{{}, {}, monitor.Known(1)}}))

	r = named(t, "SageMaker AllZero", 100)
	require.Equal(t, monitor.Clear, norms(r, 1e-30, 1, 1))
	require.Equal(t, monitor.Holding, norms(r, 1, 0, 1))

	r = named(t, "SageMaker ExplodingTensor", 100)
	require.Equal(t, []int{1, 2}, losses(r, 1e300, math.NaN(), math.Inf(1), 1))
	require.Equal(t, monitor.Holding, r.Observe(&monitor.Step{NonFinite: monitor.Known(1)}))
}

func TestSageMakerLoss(t *testing.T) {
	r := named(t, "SageMaker UnchangedTensor(loss)", 100)
	require.Equal(t, []int{4, 5}, losses(r, 1, 2, 1, 1, 1+9e-6, 1, 1+2e-5))

	// Evaluated at the 1st, 11th, 21st, … loss.
	falling := func(share float64) []float64 {
		x := repeat(5, 31)
		x[10], x[20], x[30] = 5*share, 5*share*share, 5*share*share*share
		return x
	}
	require.Empty(t, losses(named(t, "SageMaker LossNotDecreasing", 100), falling(0.9989)...))
	require.Equal(t, []int{10, 20, 30}, losses(named(t, "SageMaker LossNotDecreasing", 100), falling(0.9991)...))
	require.Equal(t, []int{10, 20, 30}, losses(named(t, "SageMaker LossNotDecreasing", 100), falling(1.1)...))
	require.Equal(t, []int{10}, losses(named(t, "SageMaker LossNotDecreasing", 100), append(repeat(-1, 20), -1.1)...), "a loss below 0 that falls")
}

func TestUpdateRatios(t *testing.T) {
	feed := func(r Rule, times int, update float64) (is monitor.Condition) {
		for range times {
			is = r.Observe(&monitor.Step{ParamNorms: numbers(1, 0, 1), UpdateNorms: numbers(0.01, 1, update)})
		}
		return is
	}
	for update, want := range map[float64]monitor.Condition{11: monitor.Holding, 9: monitor.Clear, 2e-8: monitor.Clear, 1e-9: monitor.Holding} {
		require.Equal(t, want, feed(named(t, "SageMaker WeightUpdateRatio", 100), 1, update), "%v", update)
	}
	for update, want := range map[float64]monitor.Condition{0.11: monitor.Holding, 0.09: monitor.Clear, 2e-4: monitor.Clear, 9e-5: monitor.Holding} {
		require.Equal(t, want, feed(named(t, "TheDeepChecker unstable learning", 100), 10, update), "%v", update)
	}
}

func TestMegatron(t *testing.T) {
	x := append(repeat(1, 99), 2, 19.9, 20, math.NaN(), 1, -20)
	require.Equal(t, []int{101, 102, 104}, losses(named(t, "Megatron-LM spiky loss or gradient", 200), x...))
	require.Equal(t, []int{3}, losses(named(t, "Megatron-LM spiky loss or gradient", 200), 1, 100, 1e9, math.Inf(1)), "it learns the baseline of whatever it sees")
}

func TestLightning(t *testing.T) {
	r := named(t, "Lightning SpikeDetection", 100)
	// The mean is 1: three times that is a spike, and it does not enter.
	require.Equal(t, []int{11, 12, 14}, losses(r, append(repeat(1, 10), 2.9, 3.6, 100, 1, math.NaN())...))
	require.Empty(t, losses(named(t, "Lightning SpikeDetection", 100), 1, 0.1, 0.01), "down is not worse")
}

func TestKillLossSpike(t *testing.T) {
	// The window of a run of 1000 steps is 100 losses.
	spikes := func(n int) []float64 { return append(append(repeat(1, 100), repeat(3, n)...), 1) }
	require.Empty(t, losses(named(t, "llm-foundry KillLossSpike", 1000), spikes(4)...))
	require.Equal(t, []int{104}, losses(named(t, "llm-foundry KillLossSpike", 1000), spikes(5)...), "the fifth in a row")
	// A loss that creeps above the first window's: half of a window later.
	creeping := append(repeat(1, 100), repeat(1.5, 300)...)
	require.Equal(t, 199, losses(named(t, "llm-foundry KillLossSpike", 1000), creeping...)[0], "after two windows")
	require.Equal(t, 249, losses(named(t, "llm-foundry KillLossSpike", 1000), append(repeat(1, 200), repeat(1.5, 200)...)...)[0], "half the window")
	require.Empty(t, losses(named(t, "llm-foundry KillLossSpike", 10_000), creeping...), "the window of 10,000 steps is 500")
}
