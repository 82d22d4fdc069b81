package hooks

import (
	"fmt"
	"path"
	"time"

	"github.com/seed-140d0f39/gtg/internal/spectrum"
	"github.com/seed-140d0f39/gtg/internal/torch"
	"github.com/seed-140d0f39/gtg/monitor"
)

// DefaultRecurrent are the names of recurrent weights in gotch's own LSTM and GRU,
// and in PyTorch.
var DefaultRecurrent = []string{"*w_hh*", "*weight_hh*"}

// gates name the square blocks of a recurrent weight by their number, in libtorch's
// order: one in a plain recurrent layer, three in a GRU, four in an LSTM.
var gates = map[int64][]string{1: {""}, 3: {"/reset", "/update", "/new"}, 4: {"/input", "/forget", "/cell", "/output"}}

// radiusTime is how long a look at the recurrent weights may take at most, beside
// a few products with the Hessian.
const radiusTime = 10 * time.Millisecond

// recurrent is one square matrix among the parameters.
type recurrent struct {
	name  string
	param int // place in the run
	size  int
	gate  int // of so many in the parameter
	gates int
}

// radii measures the spectral radii of recurrent weights, one after another.
type radii struct {
	patterns []string
	all      []recurrent
	next     int
	values   []float64
}

// bind finds the matrices among the run's parameters.
func (r *radii) bind(params []monitor.Param) {
	r.all, r.next = nil, 0
	for i, p := range params {
		if !matches(r.patterns, p.Name) || len(p.Shape) != 2 || p.Shape[1] < 1 || p.Shape[0]%p.Shape[1] != 0 {
			continue
		}
		for gate, suffix := range gates[p.Shape[0]/p.Shape[1]] {
			r.all = append(r.all, recurrent{name: p.Name + suffix, param: i, size: int(p.Shape[1]), gate: gate, gates: int(p.Shape[0] / p.Shape[1])})
		}
	}
}

func matches(patterns []string, name string) bool {
	for _, p := range patterns {
		if ok, _ := path.Match(p, name); ok {
			return true
		}
	}
	return false
}

// measure adds the radii of the matrices whose turn it is to the record, as many
// as there is time for, and one at least.
func (r *radii) measure(optimizer *torch.Optimizer, places []int, limit time.Duration, out *monitor.Curvature) error {
	deadline := time.Now().Add(max(limit, radiusTime))
	more := func() bool { return time.Now().Before(deadline) }
	for range r.all {
		w := r.all[r.next]
		r.next = (r.next + 1) % len(r.all)
		if place := places[w.param]; place >= 0 {
			radius, err := r.one(optimizer, place, w, more)
			if err != nil {
				return fmt.Errorf("the spectral radius of %s: %w", w.name, err)
			}
			out.SpectralRadii = append(out.SpectralRadii, monitor.SpectralRadius{Name: w.name, Radius: monitor.Known(radius.Value),
				Residual: monitor.Known(radius.Error), Converged: radius.Converged})
		}
		if !more() {
			break
		}
	}
	return nil
}

func (r *radii) one(optimizer *torch.Optimizer, place int, w recurrent, more func() bool) (spectrum.Radius, error) {
	n := w.size * w.size
	r.values = zeros(r.values, n*w.gates)
	if err := optimizer.Values(place, r.values); err != nil {
		return spectrum.Radius{}, err
	}
	m, err := spectrum.NewMatrix(w.size, r.values[w.gate*n:(w.gate+1)*n])
	if err != nil {
		return spectrum.Radius{}, err
	}
	return spectrum.SpectralRadius[[]float64](m.Space(), m, spectrum.RadiusOptions{}, more)
}
