package main

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// Every sequence is one by the definition: A or B in the second and in the
// sixth tenth, nowhere else, and a class that says which.
func TestDraw(t *testing.T) {
	names := map[string]int64{"AA": 0, "BA": 1, "AB": 2, "BB": 3}
	const rows = 20_000
	for _, length := range []int{10, 20, 27, 60} {
		b := draw(rand.New(rand.NewPCG(1, 1)), rows, length)
		tenth := length / 10
		classCounts, firstCounts, secondCounts := make([]int, classes), make([]int, tenth), make([]int, tenth)
		otherCounts := make([]int, symbols-messages)
		for r := range rows {
			message := ""
			var places []int
			for at := range length {
				switch s := b.symbols[at*rows+r]; s {
				case symbolA, symbolB:
					message += string("AB"[s])
					places = append(places, at)
				default:
					otherCounts[s-messages]++
				}
			}
			require.Len(t, places, 2)
			firstCounts[places[0]-tenth]++
			secondCounts[places[1]-length/2]++
			require.Equal(t, names[message], b.classes[r])
			classCounts[b.classes[r]]++
		}
		requireUniform(t, classCounts)
		requireUniform(t, firstCounts)
		requireUniform(t, secondCounts)
		requireUniform(t, otherCounts)
	}
}

// requireUniform compares counts with equal shares. The limit is exceeded by
// chance once in more than 10,000 times for up to 5 degrees of freedom.
func requireUniform(t *testing.T, counts []int) {
	t.Helper()
	total := 0
	for _, n := range counts {
		total += n
	}
	var chi2 float64
	for _, n := range counts {
		expected := float64(total) / float64(len(counts))
		chi2 += (float64(n) - expected) * (float64(n) - expected) / expected
	}
	require.Less(t, chi2, 26.0, "%v", counts)
}

func TestDrawDependsOnTheSeedOnly(t *testing.T) {
	again := func(seed, stream uint64) batch { return draw(rand.New(rand.NewPCG(seed, stream)), 20, 20) }
	require.Equal(t, again(1, 0), again(1, 0))
	require.NotEqual(t, again(1, 0), again(2, 0))
	require.NotEqual(t, again(1, 0), again(1, 100))
}

func TestOneHot(t *testing.T) {
	b := batch{rows: 1, length: 3, symbols: []int64{2, 0, 5}}
	require.Equal(t, []float32{
		0, 0, 1, 0, 0, 0,
		1, 0, 0, 0, 0, 0,
		0, 0, 0, 0, 0, 1}, b.oneHot())
}
