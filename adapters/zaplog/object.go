package zaplog

import (
	"maps"
	"slices"

	"go.uber.org/zap/zapcore"

	"github.com/seed-140d0f39/gtg/monitor"
)

// Step lets a step be a field of a caller's own log lines, as in
// zap.Object("step", zaplog.Step(s)).
func Step(s *monitor.Step) zapcore.ObjectMarshaler { return (*stepObject)(s) }

// Event lets an event be a field of a caller's own log lines.
func Event(e *monitor.Event) zapcore.ObjectMarshaler { return (*eventObject)(e) }

// The objects are package monitor's types with the method that zap wants. Their
// keys are those of the run log.
type (
	runObject       monitor.Run
	optimizerObject monitor.Optimizer
	stepObject      monitor.Step
	paramsObject    monitor.Step
	clipObject      monitor.Clip
	groupObject     monitor.ClipGroup
	groupArray      []monitor.ClipGroup
	cosinesObject   monitor.Successive
	curvatureObject monitor.Curvature
	radiusObject    monitor.SpectralRadius
	radiusArray     []monitor.SpectralRadius
	eventObject     monitor.Event
	valuesObject    monitor.Event
	endObject       monitor.End
	verdictArray    []monitor.Finding
	findingObject   monitor.Finding
	numberArray     []monitor.Number
	countArray      []int64
)

func (r *runObject) MarshalLogObject(enc zapcore.ObjectEncoder) error {
	// The name is a field of the logger by now.
	if !r.Started.IsZero() {
		enc.AddTime("started", r.Started)
	}
	text(enc, "framework", r.Framework)
	text(enc, "device", r.Device)
	if r.Params != nil {
		enc.AddInt("params", len(r.Params))
	}
	if r.Optimizer == nil {
		return nil
	}
	return enc.AddObject("optimizer", (*optimizerObject)(r.Optimizer))
}

func (o *optimizerObject) MarshalLogObject(enc zapcore.ObjectEncoder) error {
	text(enc, "kind", o.Kind)
	number(enc, "lr", o.LR)
	number(enc, "momentum", o.Momentum)
	number(enc, "beta1", o.Beta1)
	number(enc, "beta2", o.Beta2)
	number(enc, "weight_decay", o.WeightDecay)
	return nil
}

func (s *stepObject) MarshalLogObject(enc zapcore.ObjectEncoder) error {
	enc.AddInt64("step", s.Step)
	number(enc, "t", s.T)
	number(enc, "loss", s.Loss)
	number(enc, "lr", s.LR)
	number(enc, "grad_norm", s.GradNorm)
	number(enc, "nonfinite", s.NonFinite)
	if s.Zeroed != 0 {
		enc.AddInt64("zeroed", s.Zeroed)
	}
	if !s.Clip.Empty() {
		if err := enc.AddObject("clip", (*clipObject)(&s.Clip)); err != nil {
			return err
		}
	}
	if s.Successive != (monitor.Successive{}) {
		if err := enc.AddObject("successive", (*cosinesObject)(&s.Successive)); err != nil {
			return err
		}
	}
	text(enc, "action", string(s.Action))
	if s.Curvature != nil {
		if err := enc.AddObject("curvature", (*curvatureObject)(s.Curvature)); err != nil {
			return err
		}
	}
	number(enc, "gtg_seconds", s.GTGSeconds)
	return nil
}

func (s *paramsObject) MarshalLogObject(enc zapcore.ObjectEncoder) error {
	for _, a := range []struct {
		key    string
		values []monitor.Number
	}{
		{"param_grad_norms", s.ParamGradNorms},
		{"param_norms", s.ParamNorms},
		{"update_norms", s.UpdateNorms},
		{"param_elasticities", s.ParamElasticities},
	} {
		if a.values == nil {
			continue
		}
		if err := enc.AddArray(a.key, numberArray(a.values)); err != nil {
			return err
		}
	}
	if s.ZeroGrads == nil {
		return nil
	}
	return enc.AddArray("zero_grads", countArray(s.ZeroGrads))
}

func (c *clipObject) MarshalLogObject(enc zapcore.ObjectEncoder) error {
	text(enc, "policy", c.Policy)
	enc.AddBool("clipped", c.Clipped)
	number(enc, "factor", c.Factor)
	number(enc, "threshold", c.Threshold)
	number(enc, "norm_after", c.NormAfter)
	number(enc, "lower", c.Lower)
	number(enc, "upper", c.Upper)
	if c.Groups == nil {
		return nil
	}
	return enc.AddArray("groups", groupArray(c.Groups))
}

func (gs groupArray) MarshalLogArray(enc zapcore.ArrayEncoder) error {
	for i := range gs {
		if err := enc.AppendObject((*groupObject)(&gs[i])); err != nil {
			return err
		}
	}
	return nil
}

func (g *groupObject) MarshalLogObject(enc zapcore.ObjectEncoder) error {
	text(enc, "name", g.Name)
	enc.AddBool("clipped", g.Clipped)
	number(enc, "norm", g.Norm)
	number(enc, "norm_after", g.NormAfter)
	number(enc, "threshold", g.Threshold)
	return nil
}

func (s *cosinesObject) MarshalLogObject(enc zapcore.ObjectEncoder) error {
	number(enc, "cosine", s.Cosine)
	number(enc, "cosine2", s.Cosine2)
	number(enc, "dot", s.Dot)
	number(enc, "error", s.Error)
	return nil
}

func (c *curvatureObject) MarshalLogObject(enc zapcore.ObjectEncoder) error {
	number(enc, "gthg", c.GTHG)
	number(enc, "rayleigh", c.Rayleigh)
	number(enc, "rho", c.Rho)
	number(enc, "rho_preconditioned", c.RhoPreconditioned)
	number(enc, "rho_limit", c.RhoLimit)
	number(enc, "predicted_change", c.PredictedChange)
	number(enc, "loss_change", c.LossChange)
	number(enc, "gtu", c.GTU)
	number(enc, "uthu", c.UTHU)
	number(enc, "lambda_max", c.LambdaMax)
	number(enc, "lambda_max_residual", c.LambdaMaxResidual)
	number(enc, "lambda_min", c.LambdaMin)
	number(enc, "lambda_min_residual", c.LambdaMinResidual)
	if c.Converged || c.LambdaMax.Known() || c.LambdaMin.Known() {
		enc.AddBool("converged", c.Converged)
	}
	number(enc, "trace", c.Trace)
	number(enc, "trace_error", c.TraceError)
	if c.SpectralRadii != nil {
		if err := enc.AddArray("spectral_radii", radiusArray(c.SpectralRadii)); err != nil {
			return err
		}
	}
	text(enc, "method", c.Method)
	number(enc, "seconds", c.Seconds)
	return nil
}

func (rs radiusArray) MarshalLogArray(enc zapcore.ArrayEncoder) error {
	for i := range rs {
		if err := enc.AppendObject((*radiusObject)(&rs[i])); err != nil {
			return err
		}
	}
	return nil
}

func (r *radiusObject) MarshalLogObject(enc zapcore.ObjectEncoder) error {
	text(enc, "name", r.Name)
	number(enc, "radius", r.Radius)
	number(enc, "residual", r.Residual)
	enc.AddBool("converged", r.Converged)
	return nil
}

func (e *eventObject) MarshalLogObject(enc zapcore.ObjectEncoder) error {
	enc.AddInt64("step", e.Step)
	text(enc, "kind", string(e.Kind))
	text(enc, "state", string(e.State))
	text(enc, "severity", string(e.Severity))
	if e.Since != 0 {
		enc.AddInt64("since", e.Since)
	}
	text(enc, "param", e.Param)
	text(enc, "summary", e.Summary)
	text(enc, "advice", e.Advice)
	text(enc, "section", e.Section)
	if e.Values == nil && e.Class == "" {
		return nil
	}
	return enc.AddObject("values", (*valuesObject)(e))
}

func (e *valuesObject) MarshalLogObject(enc zapcore.ObjectEncoder) error {
	text(enc, "class", string(e.Class))
	for _, key := range slices.Sorted(maps.Keys(e.Values)) {
		enc.AddFloat64(key, e.Values[key])
	}
	return nil
}

func (e *endObject) MarshalLogObject(enc zapcore.ObjectEncoder) error {
	enc.AddInt64("step", e.Step)
	number(enc, "t", e.T)
	text(enc, "reason", string(e.Reason))
	if e.Verdict == nil {
		return nil
	}
	return enc.AddArray("verdict", verdictArray(e.Verdict))
}

func (v verdictArray) MarshalLogArray(enc zapcore.ArrayEncoder) error {
	for i := range v {
		if err := enc.AppendObject((*findingObject)(&v[i])); err != nil {
			return err
		}
	}
	return nil
}

func (f *findingObject) MarshalLogObject(enc zapcore.ObjectEncoder) error {
	text(enc, "section", f.Section)
	text(enc, "finding", f.Finding)
	text(enc, "evidence", f.Evidence)
	return nil
}

func (ns numberArray) MarshalLogArray(enc zapcore.ArrayEncoder) error {
	for _, n := range ns {
		if v, known := n.Get(); known {
			enc.AppendFloat64(v)
		} else if err := enc.AppendReflected(nil); err != nil {
			return err
		}
	}
	return nil
}

func (ns countArray) MarshalLogArray(enc zapcore.ArrayEncoder) error {
	for _, n := range ns {
		if n >= 0 {
			enc.AppendInt64(n)
		} else if err := enc.AppendReflected(nil); err != nil {
			return err
		}
	}
	return nil
}

func text(enc zapcore.ObjectEncoder, key, s string) {
	if s != "" {
		enc.AddString(key, s)
	}
}

func number(enc zapcore.ObjectEncoder, key string, n monitor.Number) {
	if v, known := n.Get(); known {
		enc.AddFloat64(key, v)
	}
}
