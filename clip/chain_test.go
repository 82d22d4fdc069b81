package clip

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

// The second policy sees what the first has left.
func TestChainMeasuresAgain(t *testing.T) {
	all := tensors{vector("a", 3, 40)}
	d := all.clip(t, Chain(Value(4), Norm(2.5)))
	require.Equal(t, []Decision{
		{Factor: 1, Lower: -4, Upper: 4, Threshold: 4, Again: true},
		{Factor: 0.5, Threshold: 2.5},
	}, d)
	require.Equal(t, []float64{1.5, 2}, all.grads())

	all = tensors{vector("a", 3, 40)}
	all.clip(t, Chain(Norm(2.5), Value(4)))
	require.InEpsilon(t, 2.5, normOf(2, all.grads()), 1e-15, "the other order is another policy")
}

func TestChainLooksOnceWhereNothingChanged(t *testing.T) {
	all := tensors{vector("a", 3, 4)}
	d := all.clip(t, Chain(Value(10), Norm(2.5)))
	require.Equal(t, []Decision{{Factor: 0.5, Threshold: 2.5}}, d)
	d = all.clip(t, Chain(None(), Value(10), Norm(20)))
	require.Equal(t, []Decision{{Factor: 1, Threshold: 10}}, d, "the first threshold is reported")
	d = all.clip(t, Chain(Norm(1), None(), Norm(3)))
	require.Len(t, d, 2)
	require.Equal(t, Decision{Factor: 1, Threshold: 3}, d[1])
	require.Equal(t, []Decision{{Factor: 1}}, all.clip(t, Chain(None())))
}

// Needs are divided among the members: each sees the p-norms and units of its own.
func TestChainDividesTheMeasurements(t *testing.T) {
	p := Chain(PNorm(1, 7), PNorm(3, 100), AGC(1, Except("b")), PNorm(0.5, 1), AGC(0.5, Axis(1, "w"), Except("a")))
	all := tensors{vector("a", 3, 4), newTensor("w", 1, 2), vector("b", 0, 0)}
	needs, err := Bind(p, all.params())
	require.NoError(t, err)
	require.Equal(t, []float64{1, 3, 0.5}, needs.PNorms)
	require.Equal(t, []Unit{{0, -1}, {1, 0}, {1, 1}, {2, -1}}, needs.Units)

	copy(all[1].grad, []float64{3, 0})
	d := all.clip(t, p)
	require.Len(t, d, 4, "PNorm(1), AGC(1), PNorm(0.5) act, then AGC(0.5) is asked")
	require.InEpsilon(t, 1, normOf(0.5, all.grads()), 1e-12)
}

func TestChainInAChain(t *testing.T) {
	all := tensors{vector("a", 3, 40)}
	d := all.clip(t, Chain(Chain(Value(20), Value(4)), Chain(Chain(Norm(2.5)), Value(1))))
	require.Len(t, d, 4)
	require.Equal(t, []float64{1, 1}, all.grads())
}

func TestChainKeepsTheRecordOfGroups(t *testing.T) {
	record := []GroupDecision{{Name: "all", Params: []int{0}, Norm: 5, Threshold: 10}}
	idle := Groups(Group{"all", nil, Norm(10)})
	d := tensors{vector("a", 3, 4)}.clip(t, Chain(idle, Norm(7)))
	require.Equal(t, []Decision{{Factor: 1, Threshold: 7, Groups: record}}, d)
	d = tensors{vector("a", 3, 4)}.clip(t, Chain(idle, Norm(2.5)))
	require.Equal(t, []Decision{{Factor: 0.5, Threshold: 2.5, Groups: record}}, d)
}

// A policy in a chain remembers what it was shown, once a step.
func TestChainLearnsOnceAStep(t *testing.T) {
	p, q := MeanRatio(1), MeanRatio(1)
	c := Chain(p, Value(4), q)
	for step := range int64(10) {
		tensors{vector("a", 3, 40)}.step(t, c, Gradient{Step: step + 1})
	}
	for policy, mean := range map[Policy]float64{p: normOf(2, []float64{3, 40}), q: 5} {
		data, err := policy.State()
		require.NoError(t, err)
		var s meanRatioState
		require.NoError(t, json.Unmarshal(data, &s))
		require.Equal(t, int64(10), s.Count)
		require.InEpsilon(t, mean, s.Mean, 1e-12)
	}
}

// An interrupted look leaves the next step no trace.
func TestChainBeginsAnewAtEachStep(t *testing.T) {
	p := Chain(Value(4), Norm(2.5))
	require.True(t, p.Decide(Gradient{Norm: 10, Max: 8}).Again)
	require.True(t, p.Decide(Gradient{Norm: 10, Max: 8}).Clamps())
}

func TestChainRestoreTakesAllBack(t *testing.T) {
	create := func() Policy {
		return Chain(MeanRatio(1), Value(1), Percentile(10, 9), Groups(Group{"all", nil, MeanRatio(2)}))
	}
	p := bound(t, create)
	for range 3 {
		p.Decide(Gradient{Norm: 1})
	}
	saved, err := p.State()
	require.NoError(t, err)
	for state, want := range map[string]string{
		`[{"count":2,"mean":7},null,{"norms":[1]},{"all":{"count":1,"mean":-2}}]`: "the mean -2",
		`[{"count":2,"mean":7},null,{"norms":[0]},{"all":{"count":1,"mean":2}}]`:  "the norm 0",
		`[{"count":2,"mean":7},{},{"norms":[1]},{"all":{"count":1,"mean":2}}]`:    "remembers nothing",
		`[{"count":2,"mean":7},null,{"norms":[1]}]`:                               "is of 3 policies, this one has 4",
		`[]`:   "is of 0 policies, this one has 4",
		`null`: "the state of Chain",
		`{}`:   "the state of Chain",
	} {
		require.ErrorContains(t, p.Restore([]byte(state)), want)
		after, err := p.State()
		require.NoError(t, err)
		require.Equal(t, string(saved), string(after), state)
	}
	require.NoError(t, p.Restore(saved))
	require.Error(t, p.Restore(nil), "a chain that remembers has a state")
	require.NoError(t, Chain(Norm(1), Value(1)).Restore(nil))
	require.NoError(t, Chain(Norm(1), Value(1)).Restore([]byte("null")))
}

func TestChainRefuses(t *testing.T) {
	require.ErrorContains(t, Chain().Validate(), "a chain has at least one policy")
	require.ErrorContains(t, Chain(Norm(1), nil).Validate(), "a policy is nil")
	err := Chain(Norm(-1), Value(nan)).Validate()
	require.ErrorContains(t, err, "Norm(-1)")
	require.ErrorContains(t, err, "Value(NaN)")
	_, err = Bind(Chain(Norm(1), AGC(1, Except("c"))), model)
	require.ErrorContains(t, err, `"c" matches none`)
}
