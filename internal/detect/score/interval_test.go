package score

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestPoisson: the limits of Garwood (1936) as tables print them.
func TestPoisson(t *testing.T) {
	for count, want := range map[int]Interval{
		0:  {0, 3.689},
		1:  {0.0253, 5.572},
		2:  {0.2422, 7.225},
		5:  {1.623, 11.668},
		10: {4.795, 18.390},
		50: {37.111, 65.919},
	} {
		got := Poisson(count)
		require.InDelta(t, want.Low, got.Low, 5e-4, "count %d", count)
		require.InDelta(t, want.High, got.High, 1e-3, "count %d", count)
	}
}

// TestWilson: 8 of 10, and Newcombe (1998), table I, method 3.
func TestWilson(t *testing.T) {
	for _, c := range []struct {
		hits, n int
		want    Interval
	}{
		{8, 10, Interval{0.4902, 0.9433}},
		{81, 263, Interval{0.2553, 0.3662}},
		{15, 148, Interval{0.0624, 0.1605}},
		{0, 20, Interval{0, 0.1611}},
		{1, 29, Interval{0.0061, 0.1718}},
		{0, 0, Interval{0, 1}},
		{20, 20, Interval{1 - 0.1611, 1}},
	} {
		got := Wilson(c.hits, c.n)
		require.InDelta(t, c.want.Low, got.Low, 6e-5, "%d of %d", c.hits, c.n)
		require.InDelta(t, c.want.High, got.High, 6e-5, "%d of %d", c.hits, c.n)
	}
}

func TestRate(t *testing.T) {
	r := rate(2, 40_000)
	require.Equal(t, 0.5, r.Per10000)
	require.InDelta(t, 0.2422/4, r.Interval.Low, 1e-4)
	require.InDelta(t, 7.225/4, r.Interval.High, 1e-3)
	require.Equal(t, Rate{}, rate(0, 0))
}

func TestQuantile(t *testing.T) {
	ten := func() []int64 { return []int64{10, 9, 8, 7, 6, 5, 4, 3, 2, 1} }
	require.EqualValues(t, 5, quantile(ten(), 0.5))
	require.EqualValues(t, 9, quantile(ten(), 0.9))
	require.EqualValues(t, 7, quantile([]int64{7}, 0.9))
	require.EqualValues(t, 2, quantile([]int64{3, 1, 2}, 0.5))
	require.EqualValues(t, 3, quantile([]int64{3, 1, 2}, 0.9))
	require.Zero(t, quantile(nil, 0.5))
}
