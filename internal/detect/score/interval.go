package score

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// An Interval holds the true value in 95 of 100 repetitions.
type Interval struct {
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

const outside = 0.05 // the share of repetitions in which it does not

// Poisson is the exact interval of the mean of a Poisson variable that was seen
// to be count (Garwood 1936): quantiles of the chi-square distribution with
// 2·count and 2·count + 2 degrees of freedom, halved.
func Poisson(count int) Interval {
	var i Interval
	if count > 0 {
		i.Low = distuv.ChiSquared{K: 2 * float64(count)}.Quantile(outside/2) / 2
	}
	i.High = distuv.ChiSquared{K: 2*float64(count) + 2}.Quantile(1-outside/2) / 2
	return i
}

// Wilson is the score interval of a probability of which hits in n trials came
// true (Wilson 1927). Of no trials it is 0 to 1.
func Wilson(hits, n int) Interval {
	if n == 0 {
		return Interval{0, 1}
	}
	z := distuv.UnitNormal.Quantile(1 - outside/2)
	trials := float64(n)
	p := float64(hits) / trials
	middle := p + z*z/(2*trials)
	half := z * math.Sqrt(p*(1-p)/trials+z*z/(4*trials*trials))
	scale := 1 + z*z/trials
	return Interval{max((middle-half)/scale, 0), min((middle+half)/scale, 1)}
}

// A Rate is a number of events in a number of steps, per 10,000 steps.
type Rate struct {
	Events int   `json:"events"`
	Steps  int64 `json:"steps"`
	// Per10000 and Interval are 0 where there are no steps.
	Per10000 float64  `json:"per_10000_steps"`
	Interval Interval `json:"interval_95"`
}

func rate(events int, steps int64) Rate {
	r := Rate{Events: events, Steps: steps}
	if steps == 0 {
		return r
	}
	unit := 1e4 / float64(steps)
	i := Poisson(events)
	r.Per10000, r.Interval = float64(events)*unit, Interval{i.Low * unit, i.High * unit}
	return r
}

// A Share is how many of a number of runs have something.
type Share struct {
	Hits     int      `json:"hits"`
	Of       int      `json:"of"`
	Value    float64  `json:"share"` // 0 of no runs
	Interval Interval `json:"interval_95"`
}

func share(hits, of int) Share {
	s := Share{Hits: hits, Of: of, Interval: Wilson(hits, of)}
	if of > 0 {
		s.Value = float64(hits) / float64(of)
	}
	return s
}
