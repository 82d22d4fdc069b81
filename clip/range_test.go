package clip

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// warm is a range that has seen n log-normal values around 1.
func warm(seed uint64, n int) (*Range, func() float64) {
	rng := rand.New(rand.NewPCG(seed, 0))
	next := func() float64 { return math.Exp(0.3 * rng.NormFloat64()) }
	r := NewRange()
	for range n {
		r.Observe(next())
	}
	return r, next
}

func state(t *testing.T, r *Range) string {
	t.Helper()
	data, err := json.Marshal(r)
	require.NoError(t, err)
	return string(data)
}

// The window's statistics against sorting the last values anew.
func TestRangeKeepsTheLastValuesSorted(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 0))
	var r Range
	var all []float64
	for range 1000 {
		v := 1 + rng.IntN(20) // many are equal; none is an outlier
		r.Observe(float64(v))
		all = append(all, float64(v))
		recent := slices.Clone(all[max(0, len(all)-RangeWindow):])
		slices.Sort(recent)
		require.Equal(t, recent, r.sorted[:r.n])
		require.Equal(t, len(recent), r.Count())
		require.Equal(t, recent[len(recent)/2], r.Median())
		require.Equal(t, recent[len(recent)-1], r.Max())
	}
}

// The limit against its definition, on a window whose quantiles are known:
// the natural logarithms are those of a normal distribution of deviation 0.5.
func TestRangeLimit(t *testing.T) {
	var r Range
	for i := range RangeWindow {
		p := (float64(i) + 0.5) / RangeWindow
		r.Observe(3 * math.Exp(0.5*math.Sqrt2*math.Erfinv(2*p-1)))
	}
	require.InEpsilon(t, 3, r.Median(), 0.01)
	require.InEpsilon(t, 0.5, r.spread(), 0.02)
	require.InEpsilon(t, 3*math.Exp(RangeSpread*0.5), r.Limit(), 0.06)

	r = Range{}
	for range RangeWindow {
		r.Observe(7)
	}
	require.Equal(t, 7.0*RangeRatio, r.Limit(), "a constant run is judged by the ratio")

	two := NewRangeRatio(2)
	for range RangeWindow {
		two.Observe(7)
	}
	require.Equal(t, 14.0, two.Limit())
	for _, bad := range []float64{0, 1, -3, math.NaN(), math.Inf(1)} {
		require.Equal(t, *NewRange(), *NewRangeRatio(bad))
	}
}

func TestRangeWarmsUp(t *testing.T) {
	var r Range
	require.Zero(t, r.Median())
	require.Zero(t, r.Max())
	for range RangeWarmUp {
		require.False(t, r.Ready())
		limit, outlier := r.Observe(1)
		require.True(t, math.IsInf(limit, 1))
		require.False(t, outlier)
	}
	require.True(t, r.Ready())
	limit, outlier := r.Observe(30)
	require.True(t, outlier, "the first step that is judged")
	require.Equal(t, 5.0, limit)
	require.Equal(t, limit, r.Limit(), "an outlier does not widen the range")
}

func TestRangeIgnoresWhatHasNoLogarithm(t *testing.T) {
	r, next := warm(4, 200)
	before := state(t, r)
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), -1, 0, math.Copysign(0, -1)} {
		limit, outlier := r.Observe(v)
		require.Equal(t, r.Limit(), limit)
		require.False(t, outlier)
		require.Equal(t, before, state(t, r))
	}
	_, outlier := r.Observe(next())
	require.False(t, outlier)
}

func TestRangeAcceptsALastingLevel(t *testing.T) {
	r, next := warm(5, 200)
	for i := 1; i <= RangeRebase; i++ {
		require.Less(t, r.Median(), 2.0)
		_, outlier := r.Observe(1000 * next())
		require.True(t, outlier)
		require.Equal(t, i == RangeRebase, r.Rebased())
	}
	require.Equal(t, RangeRebase, r.Count())
	require.Greater(t, r.Median(), 500.0)
	for !r.Ready() {
		_, outlier := r.Observe(1000 * next())
		require.False(t, outlier)
		require.False(t, r.Rebased())
	}
	require.Greater(t, r.Median(), 500.0)
	_, outlier := r.Observe(1000 * 1000)
	require.True(t, outlier, "a cliff of the new level")
}

// Cliffs that are rare stay outliers for ever.
func TestRangeRejectsRareCliffsForEver(t *testing.T) {
	r, next := warm(6, 200)
	for step := range 20_000 {
		if step%10 == 0 {
			_, outlier := r.Observe(1000)
			require.True(t, outlier, step)
		} else {
			_, outlier := r.Observe(next())
			require.False(t, outlier, step)
		}
	}
}

// A mode that the warm-up did not hold is rejected until it has come
// RangeRebase times, and then is part of the range.
func TestRangeAcceptsAModeThatComesLate(t *testing.T) {
	r, next := warm(7, 200)
	rejected := 0
	for step := range 20_000 {
		v := next()
		if step%6 == 0 {
			v *= 1000
		}
		if _, outlier := r.Observe(v); outlier {
			rejected++
		}
	}
	require.Equal(t, RangeRebase, rejected)
}

// Multiplying by a power of 2 is exact, and so must every judgement be.
func TestRangeHasNoUnit(t *testing.T) {
	for _, scale := range []float64{0x1p-900, 0x1p-10, 0x1p10, 0x1p900} {
		rng := rand.New(rand.NewPCG(8, 0))
		var a, b Range
		for range 5000 {
			v := math.Exp(2 * rng.NormFloat64() * rng.ExpFloat64())
			limit, outlier := a.Observe(v)
			scaled, same := b.Observe(v * scale)
			require.Equal(t, limit*scale, scaled)
			require.Equal(t, outlier, same)
		}
	}
}

func TestRangeAtTheEndsOfFloat64(t *testing.T) {
	for _, v := range []float64{math.SmallestNonzeroFloat64, math.MaxFloat64} {
		var r Range
		for range 2 * RangeWindow {
			limit, outlier := r.Observe(v)
			require.False(t, outlier)
			require.GreaterOrEqual(t, limit, v)
		}
		r.Observe(1)
		require.False(t, math.IsNaN(r.Limit()))
	}
	var mixed Range
	for i := range 3 * RangeWindow {
		mixed.Observe([]float64{math.SmallestNonzeroFloat64, math.MaxFloat64, 1}[i%3])
		require.False(t, math.IsNaN(mixed.Limit()))
	}
}

// After every step of a run with outliers and new levels: save, restore, and
// go on exactly as the range that never stopped.
func TestRangeGoesOnAfterRestore(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 0))
	var r, copied Range
	for step := range 3000 {
		v := math.Exp(0.3 * rng.NormFloat64())
		if step%1000 > 900 || rng.IntN(20) == 0 {
			v *= 1000
		}
		require.NoError(t, json.Unmarshal([]byte(state(t, &r)), &copied))
		limit, outlier := r.Observe(v)
		limitCopied, outlierCopied := copied.Observe(v)
		require.Equal(t, limit, limitCopied)
		require.Equal(t, outlier, outlierCopied)
		require.Equal(t, r.Rebased(), copied.Rebased())
		require.Equal(t, state(t, &r), state(t, &copied))
	}
}

func TestRangeRefusesGarbage(t *testing.T) {
	for _, c := range []struct{ state, says string }{
		{``, "unexpected end"},
		{`null`, "ratio"},
		{`[]`, "cannot unmarshal"},
		{`{}`, "ratio is 0"},
		{`{"ratio":5}`, "no window"},
		{`{"ratio":0.5,"window":[]}`, "ratio is 0.5"},
		{`{"ratio":5,"window":[1,0]}`, "the value 0"},
		{`{"ratio":5,"window":[-1]}`, "the value -1"},
		{`{"ratio":5,"window":["NaN"]}`, "cannot unmarshal"},
		{`{"ratio":5,"window":[1e999]}`, "cannot unmarshal"},
		{`{"ratio":5,"window":[1],"rejected":[9]}`, "1 rejected values with 0 ages"},
		{`{"ratio":5,"window":[1],"rejected":[9],"ages":[128]}`, "age 128"},
		{`{"ratio":5,"window":[1],"rejected":[9],"ages":[-1]}`, "age -1"},
		{`{"ratio":5,"window":[1],"rejected":[9,9],"ages":[3,3]}`, "age 3"},
		{`{"ratio":5,"window":[1],"rejected":[-9],"ages":[3]}`, "the value -9"},
	} {
		r, _ := warm(10, 100)
		before := *r
		require.ErrorContains(t, r.UnmarshalJSON([]byte(c.state)), c.says, c.state)
		require.Equal(t, before, *r, c.state)
	}
	long, err := json.Marshal(rangeState{Ratio: 5, Window: slices.Repeat([]float64{1}, RangeWindow+1)})
	require.NoError(t, err)
	require.ErrorContains(t, NewRange().UnmarshalJSON(long), "129 values")
}

// Whatever is accepted as a state is a state: it is written back as it was
// read, and the range works.
func FuzzRangeUnmarshalJSON(f *testing.F) {
	r, _ := warm(11, 300)
	r.Observe(1000)
	good, _ := r.MarshalJSON()
	f.Add(good)
	f.Add([]byte(`{"ratio":5,"window":[5e-324,1.7e308],"rejected":[1,2],"ages":[127,0],"rebased":true}`))
	f.Add([]byte(`{"ratio":1.0000000000000002,"window":[]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var a, b Range
		if a.UnmarshalJSON(data) != nil {
			require.Equal(t, Range{}, a)
			return
		}
		require.NoError(t, b.UnmarshalJSON([]byte(state(t, &a))))
		require.Equal(t, state(t, &a), state(t, &b))
		for _, v := range []float64{1, math.MaxFloat64, math.SmallestNonzeroFloat64, 1e10} {
			for range RangeWindow {
				limit, _ := a.Observe(v)
				again, _ := b.Observe(v)
				require.False(t, math.IsNaN(limit))
				require.Equal(t, limit, again)
			}
		}
	})
}

func BenchmarkRangeObserve(b *testing.B) {
	rng := rand.New(rand.NewPCG(12, 0))
	values := make([]float64, 4096)
	for i := range values {
		values[i] = math.Exp(0.3 * rng.NormFloat64())
	}
	var r Range
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		r.Observe(values[i%len(values)])
		i++
	}
}
