package clip

import (
	"errors"
	"fmt"
	"math"
)

// EMAConfig holds the values of an [EMA]. Start from [AdaGC] or [OLMo].
type EMAConfig struct {
	// Ratio is how many times its average the norm of a parameter's gradient is
	// at most, at least 1: with less the average, which learns clipped norms, can
	// only fall.
	Ratio float64
	// Beta is the weight of the past in the average, between 0 and 1.
	Beta float64
	// WarmUp is how many steps the warm-up takes.
	WarmUp int
	// WarmUpNorm, above 0, makes the warm-up one of clipping by global norm to
	// this, in which a parameter's average is the smallest of its norms so
	// clipped. 0 is for a warm-up that is as the other steps but for WarmUpFactor.
	WarmUpNorm float64
	// WarmUpFactor multiplies Ratio in a warm-up without WarmUpNorm, at least 1.
	WarmUpFactor float64
}

// AdaGC returns the values of AdaGC (Wang et al. 2025, arXiv 2502.11034): λ_rel
// 1.05, β 0.98 and a warm-up of 100 steps with clipping by global norm to λ_abs 1.
func AdaGC() EMAConfig {
	return EMAConfig{Ratio: 1.05, Beta: 0.98, WarmUp: 100, WarmUpNorm: 1, WarmUpFactor: 1}
}

// OLMo returns the values for the adaptive clipping of OLMo's optimizers (Allen
// Institute for AI): β is the larger one of Adam's there, 0.95, and the average
// begins with the parameter's first norm, without a warm-up. OLMo has no usual
// Ratio; 2 lets the noise of single parameters pass.
func OLMo() EMAConfig { return EMAConfig{Ratio: 2, Beta: 0.95, WarmUpFactor: 1} }

type ema struct {
	EMAConfig
	changes
	err      error
	steps    int            // of the warm-up
	places   map[string]int // of each name's average
	averages []float64      // 0: none yet
	at       []int          // each parameter's place
}

// EMA clips each parameter's gradient in relation to its own past: where its L2
// norm is above Ratio·γ, it is multiplied by Ratio·γ/norm, with γ the exponential
// moving average of that parameter's norms after clipping,
//
//	γ = β·γ + (1-β)·min(norm, Ratio·γ).
//
// A parameter that is new after the warm-up begins with its first norm. As the
// threshold in force it reports Ratio, or WarmUpNorm where that is in force.
//
// The average learns clipped norms, so in one step it grows by the factor
// 1+(1-β)·(Ratio-1) at most: 0.1 % with AdaGC's values. Norms that really grow
// faster are clipped for as long as it takes to catch up.
//
// The averages follow the parameters' names. Norms that are not finite, of a step
// with elements that were zeroed, or 0 are not remembered: with AdaGC's smallest
// norm a parameter whose gradient is 0 in the warm-up, as behind a layer of zeros,
// would otherwise never train.
func EMA(config EMAConfig) Policy { return &ema{EMAConfig: config, err: config.validate()} }

func (*ema) Name() string { return "ema" }

func (e *ema) Validate() error { return e.err }

func (c EMAConfig) validate() error {
	var errs []error
	check := func(ok bool, field string, value any, want string) {
		if !ok {
			errs = append(errs, fmt.Errorf("clip: EMA: %s is %v, want %s; start from AdaGC() or OLMo()", field, value, want))
		}
	}
	finite := func(v, from float64) bool { return v >= from && !math.IsInf(v, 1) }
	check(finite(c.Ratio, 1), "Ratio", c.Ratio, "a number that is at least 1")
	check(c.Beta > 0 && c.Beta < 1, "Beta", c.Beta, "a number between 0 and 1")
	check(c.WarmUp >= 0, "WarmUp", c.WarmUp, "a number of steps")
	check(finite(c.WarmUpNorm, 0), "WarmUpNorm", c.WarmUpNorm, "a number above 0, or 0 for none")
	check(finite(c.WarmUpFactor, 1), "WarmUpFactor", c.WarmUpFactor, "a number that is at least 1")
	check(c.WarmUpNorm == 0 || c.WarmUpFactor == 1, "WarmUpFactor", c.WarmUpFactor, "1 where there is a WarmUpNorm")
	return errors.Join(errs...)
}

func (e *ema) Bind(params []Param) (Needs, error) {
	names := make(map[string]bool, len(params))
	for _, p := range params {
		if names[p.Name] {
			return Needs{}, fmt.Errorf("clip: EMA: two parameters have the name %q, and averages are kept by name", p.Name)
		}
		names[p.Name] = true
	}
	e.bind(len(params))
	e.at = e.at[:0]
	for _, p := range params {
		e.at = append(e.at, e.place(p.Name))
	}
	return Needs{}, nil
}

// place is where the average of the name is, in a new place if need be.
func (e *ema) place(name string) int {
	i, ok := e.places[name]
	if !ok {
		i = len(e.averages)
		if e.places == nil {
			e.places = map[string]int{}
		}
		e.places[name] = i
		e.averages = append(e.averages, 0)
	}
	return i
}

func (e *ema) Decide(g Gradient) Decision {
	if e.err != nil || len(g.ParamNorms) != len(e.at) {
		return Keep()
	}
	warm := e.steps < e.WarmUp
	learn := g.ordinary()
	if learn && warm {
		e.steps++
	}
	if warm && e.WarmUpNorm > 0 {
		d := clipTo(g, e.WarmUpNorm)
		if learn {
			e.least(g.ParamNorms, d.Factor)
		}
		return d
	}
	limit := e.Ratio
	if warm {
		limit *= e.WarmUpFactor
	}
	e.reset()
	for i, norm := range g.ParamNorms {
		average := e.averages[e.at[i]]
		if !g.finite() || !(norm > 0) {
			continue
		}
		if most := limit * average; average > 0 && norm > most {
			e.scale(i, shrinkNorm(norm, magnitude(g.ParamMax, i), most))
			norm = most
		}
		switch {
		case !learn:
		case average == 0:
			e.averages[e.at[i]] = norm
		default:
			e.averages[e.at[i]] = e.Beta*average + (1-e.Beta)*norm
		}
	}
	return e.decision(limit)
}

// least lowers the averages to these norms times factor, where they are less.
func (e *ema) least(norms []float64, factor float64) {
	for i, norm := range norms {
		if norm *= factor; norm > 0 {
			if average := &e.averages[e.at[i]]; *average == 0 || norm < *average {
				*average = norm
			}
		}
	}
}

// emaState is what an EMA remembers, in JSON.
type emaState struct {
	Steps    int                `json:"steps"`
	Averages map[string]float64 `json:"averages"`
}

func (e *ema) State() ([]byte, error) {
	s := emaState{e.steps, make(map[string]float64, len(e.places))}
	for name, i := range e.places {
		if e.averages[i] > 0 {
			s.Averages[name] = e.averages[i]
		}
	}
	return marshal(s)
}

func (e *ema) Restore(state []byte) error {
	var s emaState
	if err := unmarshal("EMA", state, &s, "steps", "averages"); err != nil {
		return err
	}
	if s.Steps < 0 || s.Steps > e.WarmUp {
		return fmt.Errorf("clip: the state of EMA counts %d steps, want 0 to %d, the warm-up", s.Steps, e.WarmUp)
	}
	if s.Averages == nil {
		return errors.New("clip: the state of EMA has no averages")
	}
	for name, v := range s.Averages {
		if !positive(v) {
			return fmt.Errorf("clip: the state of EMA has the average %v of %q, want a number above 0", v, name)
		}
	}
	clear(e.averages)
	for name, v := range s.Averages {
		e.averages[e.place(name)] = v
	}
	e.steps = s.Steps
	return nil
}
