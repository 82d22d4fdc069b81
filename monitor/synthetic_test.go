package monitor

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// A recipe makes a synthetic run: what its loss, its gradient norm and its
// parameters' gradients do at step t, which counts from 0. What is nil is not
// measured.
type recipe struct {
	name   string
	steps  int
	layers int // weights and biases in pairs; 0 means 4
	loss   func(t int, r *rand.Rand) float64
	norm   func(t int, r *rand.Rand) float64
	// depth is the natural logarithm of the first weight's gradient over the
	// last's.
	depth func(t int) float64
	// edit changes the finished step.
	edit func(t int, s *Step, r *rand.Rand)
	// noParams leaves all that is said of single parameters out.
	noParams bool
	every    int // every how many steps one is logged; 0 means all
}

const width = 64

func (p recipe) run() *Run {
	run := &Run{Name: p.name}
	if p.noParams {
		return run
	}
	layers := p.layers
	if layers == 0 {
		layers = 4
	}
	for i := range layers {
		run.Params = append(run.Params,
			Param{Name: fmt.Sprintf("layer%d.weight", i+1), Shape: []int64{width, width}, Numel: width * width},
			Param{Name: fmt.Sprintf("layer%d.bias", i+1), Shape: []int64{width}, Numel: width})
	}
	return run
}

func (p recipe) make(seed uint64) []Step {
	r := rand.New(rand.NewPCG(seed, 42))
	n := len(p.run().Params)
	every := max(p.every, 1)
	var steps []Step
	for t := range p.steps {
		s := Step{Step: int64(t + 1), T: Known(float64(t) * 0.01)}
		if p.loss != nil {
			s.Loss = Known(p.loss(t, r))
		}
		if p.norm != nil {
			norm := p.norm(t, r)
			s.GradNorm, s.NonFinite = Known(norm), Known(0)
			if n > 0 {
				spreadNorm(&s, n, norm, p.depth, t, r)
			}
		}
		if p.edit != nil {
			p.edit(t, &s, r)
		}
		if t%every == 0 {
			steps = append(steps, s)
		}
	}
	return steps
}

// spreadNorm shares the total norm out among the parameters: a geometric trend
// from the last layer to the first, a little noise, a bias at a tenth of its
// weight, and the zeros that rectifiers bring.
func spreadNorm(s *Step, n int, norm float64, depth func(int) float64, t int, r *rand.Rand) {
	gain := 0.0
	if depth != nil {
		gain = depth(t)
	}
	parts := make([]float64, n)
	var sum float64
	for i := range parts {
		back := 1 - float64(i/2)/float64(max(n/2-1, 1))
		parts[i] = math.Exp(gain*back + 0.1*r.NormFloat64())
		if i%2 == 1 {
			parts[i] /= 10
		}
		sum = math.Hypot(sum, parts[i])
	}
	for i := range parts {
		numel := int64(width * width)
		if i%2 == 1 {
			numel = width
		}
		s.ParamGradNorms = append(s.ParamGradNorms, Known(norm*parts[i]/sum))
		s.ZeroGrads = append(s.ZeroGrads, int64(float64(numel)*0.3*r.Float64()))
	}
}

// scaled returns the steps with all losses and all gradients multiplied.
func scaled(steps []Step, loss, grad float64) []Step {
	times := func(n Number, k float64) Number {
		if v, ok := n.Get(); ok {
			return Known(v * k)
		}
		return n
	}
	out := make([]Step, len(steps))
	for i := range steps {
		s := &out[i]
		s.CopyFrom(&steps[i])
		s.Loss, s.GradNorm = times(s.Loss, loss), times(s.GradNorm, grad)
		for j := range s.ParamGradNorms {
			s.ParamGradNorms[j] = times(s.ParamGradNorms[j], grad)
		}
		s.LR = times(s.LR, 1/grad) // so that η·H stays what it was
		if k := s.Curvature; k != nil {
			k.GTHG, k.Rayleigh = times(k.GTHG, grad*grad*grad), times(k.Rayleigh, grad)
			k.LambdaMax, k.LambdaMin = times(k.LambdaMax, grad), times(k.LambdaMin, grad)
			k.LambdaMaxResidual, k.LambdaMinResidual = times(k.LambdaMaxResidual, grad), times(k.LambdaMinResidual, grad)
		}
	}
	return out
}

// observe runs the steps through a fresh monitor and returns copies of the events.
func observe(run *Run, steps []Step) []Event {
	m := New(run)
	var events []Event
	for i := range steps {
		events = append(events, m.Observe(&steps[i])...)
	}
	return events
}

// Building blocks.

// learning falls from one level to another with the time constant tau and
// relative noise.
func learning(from, to, tau, noise float64) func(int, *rand.Rand) float64 {
	return func(t int, r *rand.Rand) float64 {
		return (to + (from-to)*math.Exp(-float64(t)/tau)) * (1 + noise*r.NormFloat64())
	}
}

// lognormal is a level with log-normal noise.
func lognormal(level, sigma float64) func(int, *rand.Rand) float64 {
	return func(_ int, r *rand.Rand) float64 { return level * math.Exp(sigma*r.NormFloat64()) }
}

// fading is a norm that falls to a share of its first level.
func fading(level, share, tau, sigma float64) func(int, *rand.Rand) float64 {
	return func(t int, r *rand.Rand) float64 {
		return level * (share + (1-share)*math.Exp(-float64(t)/tau)) * math.Exp(sigma*r.NormFloat64())
	}
}

// healthy runs are hard ones: each has fooled a published rule.
func healthy() []recipe {
	return append(append(healthyCurvature(), healthySignals()...), []recipe{
		{name: "plain", steps: 3000, loss: learning(2.3, 0.2, 300, 0.05), norm: fading(1, 0.3, 500, 0.2)},
		{name: "full batch to 1e-9", steps: 3000, loss: learning(1, 1e-9, 100, 0), norm: fading(1, 1e-6, 150, 0)},
		{name: "full batch to a floor", steps: 5000, loss: learning(1, 0.3, 100, 0), norm: fading(1, 1e-8, 100, 0)},
		{name: "batch size 1", steps: 5000,
			loss: func(t int, r *rand.Rand) float64 {
				return (0.02 + 0.7*math.Exp(-float64(t)/500)) * math.Exp(1.5*r.NormFloat64())
			}, norm: lognormal(1, 1)},
		{name: "batch size 1, rarely wrong", steps: 10000,
			loss: func(t int, r *rand.Rand) float64 {
				if r.Float64() < 0.03+0.5*math.Exp(-float64(t)/500) {
					return 1 + 2*r.ExpFloat64()
				}
				return 0.02 * r.ExpFloat64()
			}, norm: lognormal(1, 1)},
		{name: "batch size 1, all but solved", steps: 10000,
			loss: func(t int, r *rand.Rand) float64 {
				return math.Exp(-4*math.Min(float64(t)/2000, 1)) * math.Exp((0.5+1.5*math.Min(float64(t)/2000, 1))*r.NormFloat64())
			}, norm: func(t int, r *rand.Rand) float64 {
				if r.Float64() < 0.003 {
					return 3 * r.Float64()
				}
				return math.Exp(-7*math.Min(float64(t)/2000, 1)) * math.Exp(0.5*r.NormFloat64())
			}},
		{name: "batch size 1, losses and norms together", steps: 10000,
			loss: func(t int, r *rand.Rand) float64 {
				sure := math.Min(float64(t)/2000, 1)
				return math.Min(math.Exp(-5*sure+(0.5+2.5*sure)*r.NormFloat64()), 10)
			}, edit: func(_ int, s *Step, _ *rand.Rand) {
				s.GradNorm = Known(5 * math.Min(s.Loss.value, 3))
			}},
		{name: "exponential losses", steps: 10000,
			loss: func(t int, r *rand.Rand) float64 {
				return (0.05 + math.Exp(-float64(t)/1000)) * r.ExpFloat64()
			}, norm: lognormal(1, 0.7)},
		{name: "warm-up", steps: 3000, loss: func(t int, r *rand.Rand) float64 {
			return 4.6 - 3*math.Min(float64(t)/2500, 1) + 0.1*r.NormFloat64()
		}, norm: lognormal(2, 0.3), edit: func(t int, s *Step, _ *rand.Rand) {
			s.LR = Known(1e-3 * math.Min(float64(t+1)/1000, 1))
		}},
		{name: "very slow warm-up, flat at first", steps: 3000, loss: func(t int, r *rand.Rand) float64 {
			return 4.6 - 3*math.Max(float64(t-1200)/1800, 0) + 0.02*r.NormFloat64()
		}, norm: lognormal(2, 0.3), edit: func(t int, s *Step, _ *rand.Rand) {
			s.LR = Known(1e-3 * math.Min(float64(t+1)/1200, 1))
		}},
		{name: "step schedule", steps: 6000, loss: func(t int, r *rand.Rand) float64 {
			level := []float64{1, 0.4, 0.3}[t/2000]
			return (level + math.Exp(-float64(t%2000)/100)*[]float64{1.3, 0.6, 0.1}[t/2000]) * (1 + 0.1*r.NormFloat64())
		}, norm: lognormal(1, 0.3), edit: func(t int, s *Step, _ *rand.Rand) {
			s.LR = Known(math.Pow(0.1, float64(t/2000)))
		}},
		{name: "cosine with restarts", steps: 6000, loss: func(t int, r *rand.Rand) float64 {
			lr := 0.5 * (1 + math.Cos(math.Pi*float64(t%1000)/1000))
			return (0.3 + 2*math.Exp(-float64(t)/400) + 0.5*lr) * (1 + 0.05*r.NormFloat64())
		}, norm: lognormal(1, 0.3), edit: func(t int, s *Step, _ *rand.Rand) {
			s.LR = Known(0.5 * (1 + math.Cos(math.Pi*float64(t%1000)/1000)))
		}},
		{name: "batch size jumps up", steps: 3000, loss: func(t int, r *rand.Rand) float64 {
			noise := 0.3
			if t >= 1500 {
				noise = 0.05
			}
			return learning(2.3, 0.5, 300, noise)(t, r)
		}, norm: func(t int, r *rand.Rand) float64 {
			return []float64{3, 1}[t/1500] * math.Exp(0.2*r.NormFloat64())
		}},
		{name: "batch size jumps down", steps: 3000, loss: func(t int, r *rand.Rand) float64 {
			noise := 0.05
			if t >= 1500 {
				noise = 0.2
			}
			return learning(2.3, 0.5, 300, noise)(t, r)
		}, norm: func(t int, r *rand.Rand) float64 {
			return []float64{1, 2}[t/1500] * math.Exp(0.2*r.NormFloat64())
		}},
		{name: "always clipped", steps: 3000, loss: learning(5, 1.5, 600, 0.03), norm: lognormal(397, 0.3),
			edit: func(_ int, s *Step, _ *rand.Rand) {
				s.Clip = Clip{Policy: "norm", Clipped: true, Factor: Known(1 / 397.0), Threshold: Known(1)}
			}},
		{name: "heavy-tailed norms", steps: 10000, loss: learning(5, 1.5, 600, 0.1), norm: lognormal(1, 0.8)},
		{name: "flat start, then learning", steps: 3000, loss: func(t int, r *rand.Rand) float64 {
			return 0.1 + 0.6/(1+math.Exp(float64(t-500)/30)) + 0.01*r.NormFloat64()
		}, norm: lognormal(0.5, 0.4)},
		{name: "fine-tuning from good weights", steps: 5000, loss: func(t int, r *rand.Rand) float64 {
			return (0.29 + 0.01*math.Exp(-float64(t)/200)) * math.Exp(0.4*r.NormFloat64())
		}, norm: lognormal(0.3, 0.5)},
		{name: "frozen backbone", steps: 3000, layers: 10, loss: learning(1, 0.2, 300, 0.2), norm: lognormal(1, 0.3),
			edit: func(_ int, s *Step, _ *rand.Rand) {
				for i := range 16 {
					s.ParamGradNorms[i], s.ZeroGrads[i] = Number{}, -1
				}
			}},
		{name: "sparse embedding", steps: 3000, loss: learning(9, 4, 800, 0.03), norm: lognormal(1, 0.3),
			edit: func(_ int, s *Step, r *rand.Rand) {
				s.ZeroGrads[0] = width*width - 1 - int64(r.IntN(8))
			}},
		{name: "reinforcement-like", steps: 5000, loss: func(t int, r *rand.Rand) float64 {
			return 0.3*math.Sin(float64(t)/200) + 2*r.NormFloat64()
		}, norm: lognormal(1, 0.8)},
		{name: "regression at 1e6", steps: 3000, loss: learning(1e6, 2e5, 300, 0.1), norm: fading(1e5, 0.3, 500, 0.2)},
		{name: "regression at 1e-9", steps: 3000, loss: learning(1e-9, 2e-10, 300, 0.1), norm: fading(1e-10, 0.3, 500, 0.2)},
		{name: "negative log-likelihood through 0", steps: 3000, loss: func(t int, r *rand.Rand) float64 {
			return 5 - 12*(1-math.Exp(-float64(t)/500)) + 0.3*r.NormFloat64()
		}, norm: lognormal(1, 0.3)},
		{name: "loss only", steps: 3000, loss: learning(2.3, 0.2, 300, 0.1), noParams: true},
		{name: "norm only", steps: 3000, norm: fading(1, 1e-3, 300, 0.3), noParams: true},
		{name: "every 10th step", steps: 20000, every: 10, loss: learning(2.3, 0.2, 1000, 0.05), norm: fading(1, 0.3, 500, 0.2)},
		{name: "rising gradient", steps: 3000, loss: learning(2.3, 0.05, 500, 0.1), norm: func(t int, r *rand.Rand) float64 {
			return (1 + float64(t)/300) * math.Exp(0.3*r.NormFloat64())
		}},
		{name: "zero initialisation", steps: 3000, loss: learning(2.3, 0.05, 500, 0.1), norm: func(t int, r *rand.Rand) float64 {
			return (1 - 0.999*math.Exp(-float64(t)/50)) * math.Exp(0.3*r.NormFloat64())
		}},
		{name: "10 steps", steps: 10, loss: learning(2.3, 0.05, 5, 0.1), norm: lognormal(1, 0.3)},
		{name: "hinge that reaches 0", steps: 5000,
			loss: func(t int, r *rand.Rand) float64 {
				return math.Max(0, 1-float64(t)/500+0.3*r.NormFloat64())
			},
			norm: lognormal(1, 0.3),
			edit: func(_ int, s *Step, _ *rand.Rand) {
				if s.Loss.value == 0 {
					s.GradNorm = Known(0)
					for i := range s.ParamGradNorms {
						s.ParamGradNorms[i] = Known(0)
						s.ZeroGrads[i] = width
						if i%2 == 0 {
							s.ZeroGrads[i] = width * width
						}
					}
				}
			}},
		{name: "wild first losses", steps: 3000, loss: func(t int, r *rand.Rand) float64 {
			return 500*math.Exp(-float64(t)/2) + learning(2.3, 0.3, 300, 0.05)(t, r)
		}, norm: func(t int, r *rand.Rand) float64 {
			return (1 + 1000*math.Exp(-float64(t)/3)) * math.Exp(0.3*r.NormFloat64())
		}},
		{name: "epochs", steps: 5000, loss: func(t int, r *rand.Rand) float64 {
			noise := 0.05
			if t%50 == 49 {
				noise = 0.25 // the last batch is small
			}
			return (0.2 + 0.1*float64(t%50)/50 + 2*math.Exp(-float64(t)/400)) * math.Exp(noise*r.NormFloat64())
		}, norm: lognormal(1, 0.3)},
		{name: "half of the rectifiers off", steps: 3000, loss: learning(2.3, 0.2, 300, 0.05), norm: lognormal(1, 0.3),
			edit: func(_ int, s *Step, r *rand.Rand) {
				for i := range s.ZeroGrads {
					numel := float64(width)
					if i%2 == 0 {
						numel *= width
					}
					s.ZeroGrads[i] = int64(numel * (0.6 + 0.3*r.Float64()))
				}
			}},
		{name: "mild decay through depth", steps: 3000, layers: 12, loss: learning(2.3, 0.2, 800, 0.05), norm: lognormal(1, 0.3),
			depth: func(int) float64 { return math.Log(1e-2) }},
		{name: "converged early, long flat end", steps: 20000, loss: learning(2.3, 1.2, 50, 0.02), norm: fading(1, 0.02, 100, 0.2)},
		{name: "adversarial", steps: 6000, loss: func(t int, r *rand.Rand) float64 {
			return 0.69 + 0.5*math.Min(float64(t)/500, 1) + 0.3*math.Sin(float64(t)/300) + 0.15*r.NormFloat64()
		}, norm: lognormal(1, 0.6)},
	}...)
}
