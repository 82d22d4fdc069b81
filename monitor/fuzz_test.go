package monitor

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// garbage makes steps out of bytes: any number, any subset of the fields, lists
// of any length, step numbers that repeat and go back.
type garbage struct{ data []byte }

func (g *garbage) byte() byte {
	if len(g.data) == 0 {
		return 0
	}
	b := g.data[0]
	g.data = g.data[1:]
	return b
}

func (g *garbage) number() Number {
	switch b := g.byte(); b % 12 {
	case 0:
		return Number{}
	case 1:
		return Known(math.NaN())
	case 2:
		return Known(math.Inf(1))
	case 3:
		return Known(math.Inf(-1))
	case 4:
		return Known(0)
	case 5:
		return Known(math.MaxFloat64)
	case 6:
		return Known(-math.MaxFloat64)
	case 7:
		return Known(math.SmallestNonzeroFloat64)
	case 8:
		var bits [8]byte
		for i := range bits {
			bits[i] = g.byte()
		}
		return Known(math.Float64frombits(binary.LittleEndian.Uint64(bits[:])))
	case 9:
		return Known(-float64(g.byte()))
	default:
		return Known(float64(g.byte()) / 16)
	}
}

func (g *garbage) numbers() []Number {
	n := int(g.byte())
	if n > 40 {
		n = 4 // most often as many as there are parameters
	}
	if n == 0 {
		return nil
	}
	list := make([]Number, n)
	for i := range list {
		list[i] = g.number()
	}
	return list
}

func (g *garbage) step() Step {
	s := Step{
		Step: int64(int8(g.byte())), Loss: g.number(), LR: g.number(), GradNorm: g.number(),
		ParamGradNorms: g.numbers(), NonFinite: g.number(),
		Clip:   Clip{Clipped: g.byte()%2 == 0, Factor: g.number(), Threshold: g.number()},
		Action: []Action{"", ActionStep, ActionSkip, ActionRollback, ActionStop, "?"}[g.byte()%6],
	}
	for range g.byte() % 8 {
		s.ZeroGrads = append(s.ZeroGrads, int64(int8(g.byte())))
	}
	if g.byte()%4 == 0 {
		s.T = g.number()
		s.Curvature = &Curvature{GTHG: g.number(), Rayleigh: g.number(), Rho: g.number(), RhoLimit: g.number(),
			LambdaMax: g.number(), LambdaMin: g.number(), LambdaMaxResidual: g.number(), LambdaMinResidual: g.number(),
			Converged: g.byte()%2 == 0, ParamGTHG: g.numbers(), Seconds: g.number()}
		for range g.byte() % 3 {
			s.Curvature.SpectralRadii = append(s.Curvature.SpectralRadii,
				SpectralRadius{Name: string(rune('a' + g.byte()%100)), Radius: g.number(), Converged: g.byte()%2 == 0})
		}
	}
	return s
}

func fuzzRun() *Run {
	return &Run{Params: []Param{{Name: "a", Shape: []int64{2, 2}, Numel: 4}, {Name: "b", Numel: -1},
		{Name: "c", Shape: []int64{0, 3}}, {Name: "d", Shape: []int64{5, 1}, Numel: 5}}}
}

// survives feeds the steps to two monitors, one of which is saved and restored on
// the way, and asserts that both agree, that no event holds a value that is not
// finite and that the state can always be saved.
func survives(t *testing.T, data []byte) {
	g := &garbage{data}
	whole, cut := New(fuzzRun()), New(fuzzRun())
	for i := 0; len(g.data) > 0; i++ {
		s := g.step()
		events := append([]Event{}, whole.Observe(&s)...)
		require.Equal(t, events, append([]Event{}, cut.Observe(&s)...))
		require.Equal(t, whole.Wants(), cut.Wants())
		for _, e := range events {
			for name, v := range e.Values {
				require.False(t, math.IsNaN(v) || math.IsInf(v, 0), "%s: %s is %v", e.Kind, name, v)
			}
		}
		if i%16 == 0 {
			state, err := cut.State()
			require.NoError(t, err)
			cut = New(fuzzRun())
			require.NoError(t, cut.Restore(state))
		}
	}
	_, err := whole.State()
	require.NoError(t, err)
	require.Len(t, whole.Verdict(), 5)
}

func FuzzObserve(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("a few bytes make a few steps, and more of them make more"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) < 1<<16 {
			survives(t, data)
		}
	})
}

func TestGarbageSurvives(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 3))
		data := make([]byte, 20000)
		for i := range data {
			data[i] = byte(r.Uint32())
		}
		survives(t, data)
	}
}

func FuzzRestore(f *testing.F) {
	m := New(fuzzRun())
	m.Observe(&Step{Step: 1, Loss: Known(1), GradNorm: Known(2), Curvature: &Curvature{GTHG: Known(3), Rho: Known(1), RhoLimit: Known(2),
		SpectralRadii: []SpectralRadius{{Name: "w", Radius: Known(1), Converged: true}}}})
	state, err := m.State()
	require.NoError(f, err)
	f.Add(state)
	f.Add([]byte(`{"version":1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m := New(fuzzRun())
		before, err := m.State()
		require.NoError(t, err)
		if err := m.Restore(data); err != nil {
			now, err := m.State()
			require.NoError(t, err)
			require.Equal(t, string(before), string(now))
			return
		}
		// Whatever was accepted can go on and be saved again.
		for i := range 200 {
			m.Observe(&Step{Step: int64(i), Loss: Known(float64(i % 7)), GradNorm: Known(1),
				ParamGradNorms: []Number{Known(1), {}, Known(0), Known(2)}, ZeroGrads: []int64{0, -1, 0, 1},
				Curvature: &Curvature{GTHG: Known(1), Rho: Known(3), RhoLimit: Known(2), LambdaMax: Known(1), LambdaMin: Known(-1), Converged: true}})
			m.Wants()
		}
		_, err = m.State()
		require.NoError(t, err)
		m.Verdict()
	})
}
