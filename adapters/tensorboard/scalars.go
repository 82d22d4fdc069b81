package tensorboard

import "github.com/seed-140d0f39/gtg/monitor"

// number adds a scalar that is known, under its key in the run log.
func (e *encoder) number(key string, n monitor.Number) { e.named(key, "", n) }

// named adds a scalar that a name tells apart from others of the key.
func (e *encoder) named(key, name string, n monitor.Number) {
	if v, known := n.Get(); known {
		e.scalar(key, name, v)
	}
}

// step adds what every step has.
func (e *encoder) step(s *monitor.Step) {
	e.number("loss", s.Loss)
	e.number("lr", s.LR)
	e.number("grad_norm", s.GradNorm)
	e.number("nonfinite", s.NonFinite)
	if s.Zeroed > 0 {
		e.scalar("zeroed", "", float64(s.Zeroed))
	}
	e.clip(&s.Clip)
	e.number("successive.cosine", s.Successive.Cosine)
	e.number("successive.cosine2", s.Successive.Cosine2)
	e.number("successive.dot", s.Successive.Dot)
	e.number("successive.error", s.Successive.Error)
	e.number("gtg_seconds", s.GTGSeconds)
}

func (e *encoder) clip(c *monitor.Clip) {
	e.number("clip.factor", c.Factor)
	e.number("clip.threshold", c.Threshold)
	e.number("clip.norm_after", c.NormAfter)
	e.number("clip.lower", c.Lower)
	e.number("clip.upper", c.Upper)
	for i := range c.Groups {
		g := &c.Groups[i]
		name := clean(g.Name)
		e.named("clip.groups.norm", name, g.Norm)
		e.named("clip.groups.norm_after", name, g.NormAfter)
		e.named("clip.groups.threshold", name, g.Threshold)
	}
}

func (e *encoder) curvature(c *monitor.Curvature) {
	e.number("curvature.gthg", c.GTHG)
	e.number("curvature.rayleigh", c.Rayleigh)
	e.number("curvature.rho", c.Rho)
	e.number("curvature.rho_preconditioned", c.RhoPreconditioned)
	e.number("curvature.rho_limit", c.RhoLimit)
	e.number("curvature.predicted_change", c.PredictedChange)
	e.number("curvature.loss_change", c.LossChange)
	e.number("curvature.gtu", c.GTU)
	e.number("curvature.uthu", c.UTHU)
	e.number("curvature.lambda_max", c.LambdaMax)
	e.number("curvature.lambda_max_residual", c.LambdaMaxResidual)
	e.number("curvature.lambda_min", c.LambdaMin)
	e.number("curvature.lambda_min_residual", c.LambdaMinResidual)
	e.number("curvature.trace", c.Trace)
	e.number("curvature.trace_error", c.TraceError)
	for i := range c.SpectralRadii {
		e.named("curvature.spectral_radii", clean(c.SpectralRadii[i].Name), c.SpectralRadii[i].Radius)
	}
	e.number("curvature.seconds", c.Seconds)
}
