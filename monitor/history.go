package monitor

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
)

const (
	// blocks is how many blocks a history holds at most. When it is full,
	// neighbours are merged, so that it holds 32 to 64 blocks of equal length over
	// the whole run, be it a thousand records or ten million.
	blocks = 64
	// grain is how many values make the smallest block, which stands for their
	// median: one outlier does not show.
	grain = 8
)

// history is a series from its first value to its last at a resolution of at
// most 1/32 of its length.
type history struct {
	Size    int       `json:"size"`  // values in a block: grain times a power of two
	Means   []float64 `json:"means"` // each block's mean of medians, oldest first
	Sum     float64   `json:"sum"`   // over the medians of the block that is being filled
	Medians int       `json:"medians"`
	Buffer  []float64 `json:"buffer"` // fewer than grain values
}

func newHistory() history {
	return history{Size: grain, Means: make([]float64, 0, blocks), Buffer: make([]float64, 0, grain)}
}

// push takes the next value, which is finite, and says whether it completed a
// block.
func (h *history) push(v float64) bool {
	h.Buffer = append(h.Buffer, v)
	if len(h.Buffer) < grain {
		return false
	}
	slices.Sort(h.Buffer)
	h.Sum += h.Buffer[grain/2-1]/2 + h.Buffer[grain/2]/2
	h.Buffer = h.Buffer[:0]
	h.Medians++
	if h.Medians < h.Size/grain {
		return false
	}
	h.Means = append(h.Means, h.Sum/float64(h.Medians))
	h.Sum, h.Medians = 0, 0
	if len(h.Means) == blocks {
		for i := range blocks / 2 {
			h.Means[i] = h.Means[2*i]/2 + h.Means[2*i+1]/2
		}
		h.Means = h.Means[:blocks/2]
		h.Size *= 2
	}
	return true
}

// late compares the last quarter of the run with the quarter before it: by how
// much the series fell, where it is, and the standard error of both, estimated
// from the differences between neighbouring blocks, which a slow trend hardly
// widens. It needs at least 8 blocks.
func (h *history) late() (fall, level, err float64) {
	k := len(h.Means) / 4
	half := h.Means[len(h.Means)-2*k:]
	var before, jumps float64
	for i, m := range half {
		if i < k {
			before += m / float64(k)
		} else {
			level += m / float64(k)
		}
		if i > 0 {
			jumps += math.Abs(m - half[i-1])
		}
	}
	// The mean difference of two normal values is 2/√π standard deviations.
	deviation := jumps / float64(len(half)-1) * math.Sqrt(math.Pi) / 2
	return before - level, level, deviation * math.Sqrt(2/float64(k))
}

// quarters are the means of the four quarters of the run. It needs at least 4 blocks.
func (h *history) quarters() (q [4]float64) {
	k := len(h.Means) / 4
	for i, m := range h.Means[len(h.Means)-4*k:] {
		q[i/k] += m / float64(k)
	}
	return q
}

// UnmarshalJSON takes back a history and checks that it can go on.
func (h *history) UnmarshalJSON(data []byte) error {
	type plain history
	var p plain
	if err := json.Unmarshal(data, &p); err != nil {
		return err
	}
	if p.Size < grain || p.Size%grain != 0 || len(p.Means) >= blocks || len(p.Buffer) >= grain ||
		p.Medians < 0 || p.Medians >= p.Size/grain {
		return fmt.Errorf("a history of %d blocks of %d with %d and %d over, want fewer than %d blocks of a multiple of %d",
			len(p.Means), p.Size, p.Medians, len(p.Buffer), blocks, grain)
	}
	fresh := newHistory()
	fresh.Size, fresh.Sum, fresh.Medians = p.Size, p.Sum, p.Medians
	fresh.Means = append(fresh.Means, p.Means...)
	fresh.Buffer = append(fresh.Buffer, p.Buffer...)
	*h = fresh
	return nil
}
