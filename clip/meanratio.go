package clip

import "fmt"

type meanRatio struct {
	k     float64
	count int64
	mean  float64 // of the norms before this step
}

// MeanRatio clips by a threshold of k times the mean of the global norms of all
// steps before, as they were before clipping (the heuristic of Pascanu, Mikolov
// and Bengio 2013, section 3.2, who name half to ten times this average). There is
// no warm-up: the first step is left alone, the second is compared with the
// first. After(100, MeanRatio(1)) waits for a mean of 100 steps.
//
// Take k of at most 1: the mean of an unstable run is itself too large. On the
// temporal-order problem (see [Percentile]) 0.5 and 1 solve 20 runs of 20 and 5
// and 10 none. The mean never forgets: of a run whose norms have fallen since the
// start it is too high for long.
//
// Norms that are not finite, of gradients with elements that were zeroed, or 0
// are not remembered.
func MeanRatio(k float64) Policy { return &meanRatio{k: k} }

func (*meanRatio) Name() string { return "mean_ratio" }

func (m *meanRatio) Validate() error {
	if !positive(m.k) {
		return fmt.Errorf("clip: MeanRatio(%v): the threshold's ratio to the mean norm has to be a number above 0, as in MeanRatio(1)", m.k)
	}
	return nil
}

func (m *meanRatio) Decide(g Gradient) Decision {
	d := clipTo(g, m.k*m.mean)
	if g.ordinary() {
		m.count++
		m.mean += (g.Norm - m.mean) / float64(m.count)
	}
	return d
}

// meanRatioState is what a MeanRatio remembers, in JSON.
type meanRatioState struct {
	Count int64   `json:"count"`
	Mean  float64 `json:"mean"`
}

func (m *meanRatio) State() ([]byte, error) { return marshal(meanRatioState{m.count, m.mean}) }

func (m *meanRatio) Restore(state []byte) error {
	var s meanRatioState
	if err := unmarshal("MeanRatio", state, &s, "count", "mean"); err != nil {
		return err
	}
	if s.Count < 0 || s.Mean < 0 || s.Count == 0 && s.Mean != 0 {
		return fmt.Errorf("clip: the state of MeanRatio has the mean %v of %d norms, want both at least 0, and 0 of none", s.Mean, s.Count)
	}
	m.count, m.mean = s.Count, s.Mean
	return nil
}
