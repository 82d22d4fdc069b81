package clip

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// Each group is clipped by its own norm; what is in none is left alone.
func TestGroupsHavePoliciesOfTheirOwn(t *testing.T) {
	all := tensors{vector("a.w", 3), vector("b.w", 6, 8), vector("a.b", 4), vector("c", 100)}
	d := all.clip(t, Groups(
		Group{"a", []string{"a.*"}, Norm(1)},
		Group{"b", []string{"b.?"}, Value(7)}))
	require.Len(t, d, 1)
	require.InDeltaSlice(t, []float64{0.6, 6, 7, 0.8, 100}, all.grads(), 1e-15)
	require.Equal(t, []GroupDecision{
		{Name: "a", Params: []int{0, 2}, Norm: 5, Threshold: 1, Clipped: true},
		{Name: "b", Params: []int{1}, Norm: 10, Threshold: 7, Clipped: true},
	}, d[0].Groups)
	require.Zero(t, d[0].Threshold, "there is none for the whole")
	require.Equal(t, 1.0, d[0].Factor)
}

func TestGroupsTheRest(t *testing.T) {
	all := tensors{vector("a", 3), vector("b", 6, 8), vector("c", 8)}
	d := all.clip(t, Groups(Group{"rest", nil, Norm(5)}, Group{"b", []string{"b"}, None()}))
	require.Equal(t, []int{0, 2}, d[0].Groups[0].Params)
	require.Equal(t, []int{1}, d[0].Groups[1].Params)
	require.False(t, d[0].Groups[1].Clipped)
	require.InEpsilon(t, 5, normOf(2, []float64{all[0].grad[0], all[2].grad[0]}), 1e-15)
	require.Equal(t, []float64{6, 8}, all[1].grad)

	all = tensors{vector("a", 1), vector("b", 1)}
	d = all.clip(t, Groups(Group{"all", nil, Norm(5)}))
	require.Nil(t, d[0].Params, "nothing to do, nothing to write")
	require.False(t, d[0].Groups[0].Clipped)
	require.Equal(t, 5.0, d[0].Groups[0].Threshold)
}

func TestGroupsOfOneAreTheirPolicy(t *testing.T) {
	for _, c := range policies {
		switch c.create().(type) {
		case *groups, *curvatureLimited: // no groups in groups; gᵀHg is not split
			continue
		case *chain: // second looks: TestChainInsideGroups
			continue
		}
		alone, grouped := bound(t, c.create), bound(t, func() Policy { return Groups(Group{"all", nil, c.create()}) })
		for _, g := range gradients(70, 300, true) {
			g.Norm = TotalNorm(2, alone.complete(g).ParamNorms...) // as groups have it
			g.Max = slices.Max(alone.complete(g).ParamMax)
			a, b := alone.Decide(g), grouped.Decide(g)
			require.Equal(t, a.Changes(), b.Changes(), c.name)
			for i, change := range b.Params {
				want := Change{Factor: a.Factor, Lower: a.Lower, Upper: a.Upper}
				if a.Params != nil {
					want = a.Params[i]
				}
				require.InEpsilon(t, want.Factor, change.Factor, 1e-14, c.name)
				want.Factor, change.Factor = 1, 1
				require.Equal(t, len(want.Units), len(change.Units), c.name)
				want.Units, change.Units = nil, nil
				require.Equal(t, want, change, c.name)
			}
		}
	}
}

// A non-finite element anywhere leaves all groups alone.
func TestGroupsOfAStepThatIsNotFinite(t *testing.T) {
	p := Groups(Group{"a", []string{"a"}, Norm(1)}, Group{"b", []string{"b"}, Norm(1)})
	_, err := Bind(p, tensors{vector("a", 5), vector("b", 5)}.params())
	require.NoError(t, err)
	g := norms(5, nan)
	g.NonFinite = 1
	require.False(t, p.Decide(g).Changes())
	require.Equal(t, Keep(), p.Decide(Gradient{Norm: 5, ParamNorms: []float64{5}}), "other parameters than were bound")
}

func TestGroupsRefuseValues(t *testing.T) {
	for _, c := range []struct {
		p    Policy
		want string
	}{
		{Groups(), "there are no groups; None() leaves gradients alone"},
		{Groups(Group{"", []string{"a"}, None()}), "group 1 has no name"},
		{Groups(Group{"x", []string{"a"}, None()}, Group{"x", nil, None()}), `two groups have the name "x"`},
		{Groups(Group{"x", []string{"a["}, None()}), `group "x": pattern "a[": syntax error in pattern`},
		{Groups(Group{"x", []string{"["}, None()}), `group "x": pattern "["`},
		{Groups(Group{"x", nil, None()}, Group{"y", nil, None()}), `both "x" and "y" have no patterns`},
		{Groups(Group{"x", nil, nil}), `group "x": clip: a policy is nil`},
		{Groups(Group{"x", nil, Norm(-1)}), `group "x": clip: Norm(-1)`},
		{Groups(Group{"x", nil, Groups(Group{"y", nil, None()})}), `the policy of group "x" has groups itself`},
		{Groups(Group{"x", nil, Chain(Norm(1), Groups(Group{"y", nil, None()}))}), `the policy of group "x" has groups itself`},
		{Groups(Group{"x", nil, After(1, Groups(Group{"y", nil, None()}))}), `the policy of group "x" has groups itself`},
	} {
		require.ErrorContains(t, c.p.Validate(), c.want)
	}
	err := Groups(Group{"", nil, Norm(-1)}, Group{"y", []string{"["}, nil}).Validate()
	for _, want := range []string{"group 1 has no name", "Norm(-1)", `pattern "["`, "a policy is nil"} {
		require.ErrorContains(t, err, want, "all that is wrong is named at once")
	}
}

func TestGroupsRefuseParameters(t *testing.T) {
	for _, c := range []struct {
		p    Policy
		want string
	}{
		{Groups(Group{"x", []string{"c.*"}, None()}), `group "x": pattern "c.*" matches none of the parameters: a.weight, a.bias, unused, b.weight`},
		{Groups(Group{"x", []string{"a.*", "c"}, None()}), `pattern "c" matches none`},
		{Groups(Group{"x", []string{"a.*"}, None()}, Group{"y", []string{"*.weight"}, None()}),
			`parameter "a.weight" is matched by both group "x" and group "y"`},
		{Groups(Group{"x", []string{"*"}, None()}, Group{"rest", nil, None()}), `group "rest" gets no parameter`},
		{Groups(Group{"x", nil, AGC(1, Except("b"))}), `group "x": clip: AGC: Except: pattern "b" matches none`},
	} {
		require.NoError(t, c.p.Validate())
		_, err := Bind(c.p, model)
		require.ErrorContains(t, err, c.want)
	}
	twice := Groups(Group{"x", []string{"a.*", "a.weight"}, None()})
	_, err := Bind(twice, model)
	require.NoError(t, err, "two patterns of one group may match the same")

	var many []Param
	for i := range 20 {
		many = append(many, Param{Name: fmt.Sprint("p", i)})
	}
	_, err = Bind(Groups(Group{"x", []string{"q"}, None()}), many)
	require.ErrorContains(t, err, "p0, p1, p2, p3, p4, p5, p6, p7 and 12 more")
}

// Parameters that come in another order stay in their groups, and the groups'
// memories stay theirs.
func TestGroupsBoundAgain(t *testing.T) {
	p := Groups(Group{"a", []string{"a*"}, MeanRatio(1)}, Group{"b", []string{"b"}, MeanRatio(1)})
	tensors{vector("a", 1), vector("b", 10)}.clip(t, p)
	all := tensors{vector("b", 20), vector("new", 5), vector("a2", 0), vector("a", 4)}
	all.clip(t, p)
	require.Equal(t, []float64{10, 5, 0, 1}, all.grads())
}

// A chain in a group looks twice, while the other group has decided.
func TestChainInsideGroups(t *testing.T) {
	all := tensors{vector("a", 3, 40), vector("b", 3, 4), vector("c", 1, 1)}
	d := all.clip(t, Groups(
		Group{"a", []string{"a"}, Chain(Value(4), Norm(1))},
		Group{"b", []string{"b"}, Norm(2.5)},
		Group{"c", []string{"c"}, Chain(Value(4), Norm(5))}))
	require.Len(t, d, 2)
	require.InDeltaSlice(t, []float64{0.6, 0.8, 1.5, 2, 1, 1}, all.grads(), 1e-15)
	require.Equal(t, GroupDecision{Name: "a", Params: []int{0}, Norm: normOf(2, []float64{3, 40}), Threshold: 1, Clipped: true}, d[1].Groups[0],
		"the norm before, the threshold of the last policy that acted")
	require.Equal(t, GroupDecision{Name: "b", Params: []int{1}, Norm: 5, Threshold: 2.5, Clipped: true}, d[1].Groups[1])
	require.False(t, d[1].Groups[2].Clipped)
}

// A p-norm that was not measured is no p-norm of the step before.
func TestGroupsWithoutTheirMeasurements(t *testing.T) {
	p := Groups(Group{"all", nil, PNorm(1, 1)})
	all := tensors{vector("a", 5)}
	require.True(t, changed(all.clip(t, p)))
	require.False(t, p.Decide(norms(0.5)).Changes())
}

func TestGroupsRestore(t *testing.T) {
	create := func() Policy {
		return Groups(Group{"a", []string{"a.*"}, MeanRatio(1)}, Group{"b", []string{"b.*"}, Percentile(10, 9)}, Group{"c", nil, Norm(1)})
	}
	p := bound(t, create)
	p.Decide(Gradient{Norm: 5})
	saved, err := p.State()
	require.NoError(t, err)
	require.JSONEq(t, `{"a":{"count":1,"mean":4},"b":{"norms":[3]}}`, string(saved), "a policy that remembers nothing is not named")

	for state, want := range map[string]string{
		`{"a":{"count":2,"mean":7},"b":{"norms":[-1]}}`:                          "the norm -1",
		`{"a":{"count":2,"mean":7}}`:                                             "the state of Percentile",
		`{"a":{"count":2,"mean":7},"b":{"norms":[1]},"d":{"norms":[1]}}`:         `a group "d" that this policy has not`,
		`{"a":{"count":2,"mean":7},"b":{"norms":[1]},"c":{"norms":[1]}}`:         "for a policy that remembers nothing",
		`{"a":{"count":2,"mean":7},"b":{"norms":[1]},"c":null}`:                  "",
		`{"a":{"count":1,"mean":4},"b":{"norms":[3]},"a":{"count":1,"mean":-4}}`: "the mean -4",
		`[{"count":2,"mean":7}]`:                                                 "the state of Groups",
	} {
		q := bound(t, create)
		require.NoError(t, q.Restore(saved))
		if want == "" {
			require.NoError(t, q.Restore([]byte(state)))
			continue
		}
		require.ErrorContains(t, q.Restore([]byte(state)), want)
		requireSameState(t, p, q)
	}
}

func BenchmarkGroups(b *testing.B) {
	layers := func(count int) func(int) int { return func(i int) int { return i * count / 1000 } }
	for name, group := range map[string]struct {
		count int
		of    func(i int) int
	}{
		"1 group of 1000 parameters":                        {1, layers(1)},
		"10 groups of 1000 parameters":                      {10, layers(10)},
		"100 groups of 1000 parameters":                     {100, layers(100)},
		"100 groups of 1000 parameters, each all over them": {100, func(i int) int { return i % 100 }},
	} {
		count := group.count
		b.Run(name, func(b *testing.B) {
			var params []Param
			var all []Group
			for i := range 1000 {
				params = append(params, Param{Name: fmt.Sprintf("g%d.p%d", group.of(i), i), Shape: []int64{64, 64}, Numel: 4096})
			}
			for i := range count {
				all = append(all, Group{fmt.Sprint(i), []string{fmt.Sprintf("g%d.*", i)}, Norm(1)})
			}
			p := Groups(all...)
			require.NoError(b, p.Validate())
			_, err := Bind(p, params)
			require.NoError(b, err)
			g := Gradient{Norm: 100, Max: 1, ParamNorms: make([]float64, 1000), ParamMax: make([]float64, 1000)}
			for i := range params {
				g.ParamNorms[i], g.ParamMax[i] = float64(1+i%7), 1
			}
			b.ReportAllocs()
			for b.Loop() {
				p.Decide(g)
			}
		})
	}
}
