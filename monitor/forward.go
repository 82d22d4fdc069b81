package monitor

import (
	"math"
	"slices"
	"strings"
)

const (
	// forwardRecords is over how many of the run's first records the signal is followed,
	// and forwardFew how many of them say something.
	forwardRecords = 64
	forwardFew     = 3
	forwardInput   = 16
	// forwardHuge is one of how many layers may look as if it were given huge inputs.
	forwardHuge = 4
	// forwardNone is from which size on an input is that of a bias without a gradient, but for
	// rounding, rather than one in large units: such as that of an attention's keys, or one
	// that a layer norm takes away again.
	forwardNone = 1e5
	// forwardGap is how far at least such inputs lie above those of all other layers, as a
	// signal that explodes from layer to layer does not.
	forwardGap = 1e3
)

// forward is how the signal changes on its way through the network, as the gradients
// tell: that of a layer's weight is the sum over examples of δaᵀ, that of its bias the
// sum of δ, so the ratio of their root mean squares is about the size of the activations
// a that the layer is given. Units of the loss and of the gradient cancel out. It is
// followed at the run's beginning, before a bias's gradient has come near 0.
type forward struct {
	Records int64 `json:"records"`
	// Size is the logarithm of the size of the largest inputs that layers are given, but for
	// the largest quarter and one at least; Growth the same less that of the smallest. Both
	// are means over the records. Layers need no order, and there may be several branches.
	Size   float64 `json:"size"`
	Growth float64 `json:"growth"`
	// Least is the smallest that either was in one record: a network that begins well and is
	// driven to explode by its first steps has small ones.
	Least float64 `json:"least"`
	// Input is the logarithm of the size of the largest input of a layer, over the first
	// forwardInput records that tell: later a bias's gradient may be all but gone. Layer is
	// whose it was in the last of them.
	Input  float64 `json:"input"`
	Inputs int64   `json:"inputs"`
	Layer  int     `json:"layer"`
}

// layer is a weight and the bias of the same layer, with what turns the ratio of their
// norms into one of root mean squares.
type layer struct {
	weight, bias int
	log          float64
}

// layers finds the weights that have a bias, in forward order: its neighbour of the same
// module, as many numbers as the weight has rows, which no weight before it has. Names
// without a dot are all of one module.
func layers(run *Run, weights []int) []layer {
	var found []layer
	taken := -1
	for _, i := range weights {
		w := run.Params[i]
		if len(w.Shape) < 2 {
			continue
		}
		for _, j := range [2]int{i - 1, i + 1} {
			if j < 0 || j >= len(run.Params) || j == taken {
				continue
			}
			b := run.Params[j]
			if len(b.Shape) == 1 && b.Numel == w.Shape[0] && b.Numel > 0 && module(b.Name) == module(w.Name) {
				taken = j
				found = append(found, layer{i, j, (math.Log(float64(b.Numel)) - math.Log(float64(max(w.Numel, 1)))) / 2})
				break
			}
		}
	}
	return found
}

// module is a parameter's name without its last part.
func module(name string) string { return name[:max(strings.LastIndexByte(name, '.'), 0)] }

// input is the logarithm of the size of the activations that the layer is given.
func (l *layer) input(norms []Number) (size float64, ok bool) {
	w, ok := norms[l.weight].Finite()
	b, ok2 := norms[l.bias].Finite()
	if !ok || !ok2 || w <= 0 || b <= 0 {
		return 0, false
	}
	return math.Log(w) - math.Log(b) + l.log, true
}

// observe takes the norms of one step's gradients.
func (f *forward) observe(s *slope, norms []Number) {
	if len(s.layers) == 0 || f.Records >= forwardRecords {
		return
	}
	sizes, seen := &s.sizes, 0
	most, at := math.Inf(-1), -1
	for i := range s.layers[:min(len(s.layers), depthSeen)] {
		v, ok := s.layers[i].input(norms)
		if !ok {
			continue
		}
		if v > most && v < math.Log(forwardNone) {
			most, at = v, i
		}
		sizes[seen] = v
		seen++
	}
	if at >= 0 && f.Inputs < forwardInput {
		f.Inputs++
		f.Input += (most - f.Input) / float64(f.Inputs)
		f.Layer = at
	}
	if seen < depthLayers {
		return
	}
	sorted := sizes[:seen]
	slices.Sort(sorted)
	if n, _ := slices.BinarySearch(sorted, math.Log(forwardNone)); n >= depthLayers && n < seen && sorted[n]-sorted[n-1] > math.Log(forwardGap) {
		sorted = sorted[:n]
	}
	// A bias whose gradient is 0 but for rounding, such as that of an attention's keys, makes
	// its layer's input look huge.
	large := sorted[len(sorted)-1-max(len(sorted)/forwardHuge, 1)]
	f.Records++
	f.Size += (large - f.Size) / float64(f.Records)
	f.Growth += (large - sorted[0] - f.Growth) / float64(f.Records)
	if least := min(large, large-sorted[0]); f.Records == 1 || least < f.Least {
		f.Least = least
	}
}
