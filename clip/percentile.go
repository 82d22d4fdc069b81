package clip

import "fmt"

// PercentileMaxWindow is the largest window of [Percentile].
const PercentileMaxWindow = 1_000_000

type percentile struct {
	p      float64
	window int
	norms  quantile
}

// Percentile clips by a threshold that is the p-th percentile, from 0 to 100, of
// the last window global norms, the step's own among them, all as they were
// before clipping (AutoClip: Seetharaman, Wichern, Pardo and Le Roux 2020; their
// window is the whole run). Between two norms it is interpolated
// linearly. The paper recommends p = 10, which makes a normalized gradient of
// nine steps in ten; 0 clips to the smallest norm and 100 never clips. The first
// step is never clipped. A window takes 20 bytes a norm, at most
// [PercentileMaxWindow] of them.
//
// A high percentile does not hold an unstable run: its norms are already large.
// On the temporal-order problem of Pascanu, Mikolov and Bengio (2013, length 20,
// learning rate 0.2), 10 and 50 solve it in 20 runs of 20, 90 in 8.
//
// Norms that are not finite, of gradients with elements that were zeroed, or 0
// are not remembered: with zeros the threshold could become 0 and stop the
// training.
func Percentile(p float64, window int) Policy {
	c := &percentile{p: p, window: window}
	if c.Validate() == nil {
		c.norms = newQuantile(p/100, window)
	}
	return c
}

func (*percentile) Name() string { return "percentile" }

func (c *percentile) Validate() error {
	if !(c.p >= 0 && c.p <= 100) {
		return fmt.Errorf("clip: Percentile(%v, %d): a percentile is from 0 to 100, as in Percentile(10, 10000)", c.p, c.window)
	}
	if c.window < 1 || c.window > PercentileMaxWindow {
		return fmt.Errorf("clip: Percentile(%v, %d): a window holds from 1 to %d norms, as in Percentile(10, 10000)",
			c.p, c.window, PercentileMaxWindow)
	}
	return nil
}

func (c *percentile) Decide(g Gradient) Decision {
	if g.ordinary() {
		c.norms.add(g.Norm)
	}
	return clipTo(g, c.norms.value())
}

// percentileState is what a Percentile remembers, in JSON.
type percentileState struct {
	Norms []float64 `json:"norms"` // oldest first
}

func (c *percentile) State() ([]byte, error) {
	return marshal(percentileState{c.norms.appendTo(make([]float64, 0, c.norms.len()))})
}

func (c *percentile) Restore(state []byte) error {
	var s percentileState
	if err := unmarshal("Percentile", state, &s, "norms"); err != nil {
		return err
	}
	if s.Norms == nil || len(s.Norms) > c.window {
		return fmt.Errorf("clip: the state of Percentile has %d norms, want a list of at most %d, the window", len(s.Norms), c.window)
	}
	for _, v := range s.Norms {
		if !positive(v) {
			return fmt.Errorf("clip: the state of Percentile has the norm %v, want only positive ones", v)
		}
	}
	fresh := newQuantile(c.p/100, c.window)
	for _, v := range s.Norms {
		fresh.add(v)
	}
	c.norms = fresh
	return nil
}
