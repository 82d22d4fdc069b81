package score

import (
	"slices"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// class scores the faulty runs of one class, or of all. Precision needs all the
// runs there are; without them it is of none.
func class(name corpus.Class, of, all []*Outcome) Class {
	c := Class{Class: name, Runs: len(of)}
	var caught, alarmed, right, same, passing, resolved, firings int
	var delays []int64
	for _, o := range of {
		if first := o.first(); first != nil {
			alarmed++
			if accepts(o.Label.Class, first) {
				right++
			}
		}
		e := o.caught()
		if e == nil {
			continue
		}
		caught++
		delays = append(delays, e.Step-o.Label.Onset)
		if e.Step <= max(o.Label.Onset, o.Label.Leap) {
			same++
		}
		n, ofOneKind := o.firings()
		firings += n
		c.MostFirings, c.MostOfAKind = max(c.MostFirings, n), max(c.MostOfAKind, ofOneKind)
		if o.passed() {
			passing++
			if o.resolved() {
				resolved++
			}
		}
	}
	c.Recall, c.First, c.Precision = share(caught, len(of)), share(right, alarmed), precision(name, all)
	c.Median, c.P90 = quantile(delays, 0.5), quantile(delays, 0.9)
	c.SameStep, c.Resolved = share(same, caught), share(resolved, passing)
	if caught > 0 {
		c.Firings = float64(firings) / float64(caught)
	}
	return c
}

// precision looks at the runs, whatever their class, that open with an alarm of a
// kind of this class.
func precision(name corpus.Class, all []*Outcome) Share {
	var hits, of int
	for _, o := range all {
		e := o.opening()
		if e == nil || !slices.Contains(name.Kinds(), e.Kind) {
			continue
		}
		of++
		if during(&o.Label, e.Step) && accepts(o.Label.Class, e) {
			hits++
		}
	}
	return share(hits, of)
}

// quantile is the smallest value that at least the share q of all do not exceed;
// 0 of none.
func quantile(x []int64, q float64) int64 {
	if len(x) == 0 {
		return 0
	}
	slices.Sort(x)
	i := int(q * float64(len(x)))
	if float64(i) == q*float64(len(x)) {
		i--
	}
	return x[max(i, 0)]
}
