package runlog

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/seed-140d0f39/gtg/monitor"
)

// The lines are put together by hand because a step is written at every step of
// the loop: appending allocates nothing, whatever the number of parameters.

func appendRun(b []byte, r *monitor.Run) []byte {
	b = append(b, `{"type":"run","schema":`...)
	b = strconv.AppendInt(b, monitor.SchemaVersion, 10)
	b = appendText(b, `,"run":`, r.Name)
	if !r.Started.IsZero() {
		b = appendText(b, `,"started":`, r.Started.UTC().Format(time.RFC3339Nano))
	}
	b = appendText(b, `,"framework":`, r.Framework)
	b = appendText(b, `,"device":`, r.Device)
	if o := r.Optimizer; o != nil {
		b = append(b, `,"optimizer":{`...)
		start := len(b)
		b = appendText(b, `,"kind":`, o.Kind)
		b = appendNumber(b, `,"lr":`, o.LR)
		b = appendNumber(b, `,"momentum":`, o.Momentum)
		b = appendNumber(b, `,"beta1":`, o.Beta1)
		b = appendNumber(b, `,"beta2":`, o.Beta2)
		b = appendNumber(b, `,"weight_decay":`, o.WeightDecay)
		b = append(dropComma(b, start), '}')
	}
	if r.Params != nil {
		b = append(b, `,"params":[`...)
		for i, p := range r.Params {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(b, '{')
			start := len(b)
			b = appendText(b, `,"name":`, p.Name)
			if p.Shape != nil {
				b = append(b, `,"shape":[`...)
				for j, n := range p.Shape {
					if j > 0 {
						b = append(b, ',')
					}
					b = strconv.AppendInt(b, n, 10)
				}
				b = append(b, ']')
			}
			if p.Numel != 0 {
				b = append(b, `,"numel":`...)
				b = strconv.AppendInt(b, p.Numel, 10)
			}
			b = appendNumber(b, `,"constant":`, p.Constant)
			b = append(dropComma(b, start), '}')
		}
		b = append(b, ']')
	}
	if r.Config != nil {
		b = append(b, `,"config":{`...)
		for i, key := range slices.Sorted(maps.Keys(r.Config)) {
			if i > 0 {
				b = append(b, ',')
			}
			b, _ = jsontext.AppendQuote(b, key)
			b = append(append(b, ':'), configValue(r.Config[key])...)
		}
		b = append(b, '}')
	}
	return append(b, "}\n"...)
}

// configValue is the value as JSON. One that JSON cannot hold becomes the text
// that a person would see: the options of a run must not cost the run its log.
func configValue(v any) []byte {
	b, err := json.Marshal(v, json.Deterministic(true), json.WithMarshalers(
		json.MarshalToFunc(func(e *jsontext.Encoder, f float64) error {
			return e.WriteValue(appendFloat(nil, f))
		})))
	if err != nil {
		b, _ = jsontext.AppendQuote(nil, fmt.Sprint(v))
	}
	return b
}

func appendStep(b []byte, s *monitor.Step) []byte {
	b = append(b, `{"type":"step","step":`...)
	b = strconv.AppendInt(b, s.Step, 10)
	b = appendNumber(b, `,"t":`, s.T)
	b = appendNumber(b, `,"loss":`, s.Loss)
	b = appendNumber(b, `,"lr":`, s.LR)
	b = appendNumber(b, `,"grad_norm":`, s.GradNorm)
	b = appendNumbers(b, `,"param_grad_norms":[`, s.ParamGradNorms)
	b = appendNumbers(b, `,"param_norms":[`, s.ParamNorms)
	b = appendNumbers(b, `,"update_norms":[`, s.UpdateNorms)
	b = appendNumbers(b, `,"param_elasticities":[`, s.ParamElasticities)
	if s.ZeroGrads != nil {
		b = append(b, `,"zero_grads":[`...)
		for i, n := range s.ZeroGrads {
			if i > 0 {
				b = append(b, ',')
			}
			if n < 0 {
				b = append(b, "null"...)
			} else {
				b = strconv.AppendInt(b, n, 10)
			}
		}
		b = append(b, ']')
	}
	b = appendNumber(b, `,"nonfinite":`, s.NonFinite)
	b = appendBad(b, s.NonFiniteParams)
	if s.Zeroed != 0 {
		b = append(b, `,"zeroed":`...)
		b = strconv.AppendInt(b, s.Zeroed, 10)
	}
	if !s.Clip.Empty() {
		b = appendClip(b, &s.Clip)
	}
	if s.Successive != (monitor.Successive{}) {
		b = appendSuccessive(b, &s.Successive)
	}
	b = appendText(b, `,"action":`, string(s.Action))
	if s.Curvature != nil {
		b = appendCurvature(b, s.Curvature)
	}
	b = appendNumber(b, `,"gtg_seconds":`, s.GTGSeconds)
	return append(b, "}\n"...)
}

// appendBad writes which parameters' gradients are not finite.
func appendBad(b []byte, bad []monitor.NonFiniteParam) []byte {
	if bad == nil {
		return b
	}
	b = append(b, `,"nonfinite_params":[`...)
	for i, p := range bad {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"param":`...)
		b = strconv.AppendInt(b, int64(p.Param), 10)
		b = append(b, `,"nan":`...)
		b = strconv.AppendInt(b, p.NaN, 10)
		b = append(b, `,"pos_inf":`...)
		b = strconv.AppendInt(b, p.PosInf, 10)
		b = append(b, `,"neg_inf":`...)
		b = strconv.AppendInt(b, p.NegInf, 10)
		b = append(b, '}')
	}
	return append(b, ']')
}

func appendClip(b []byte, c *monitor.Clip) []byte {
	b = append(b, `,"clip":{`...)
	start := len(b)
	b = appendText(b, `,"policy":`, c.Policy)
	b = strconv.AppendBool(append(b, `,"clipped":`...), c.Clipped)
	b = appendNumber(b, `,"factor":`, c.Factor)
	b = appendNumber(b, `,"threshold":`, c.Threshold)
	b = appendNumber(b, `,"norm_after":`, c.NormAfter)
	b = appendNumber(b, `,"lower":`, c.Lower)
	b = appendNumber(b, `,"upper":`, c.Upper)
	b = appendNumbers(b, `,"param_factors":[`, c.ParamFactors)
	if c.Groups != nil {
		b = append(b, `,"groups":[`...)
		for i := range c.Groups {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendGroup(b, &c.Groups[i])
		}
		b = append(b, ']')
	}
	return append(dropComma(b, start), '}')
}

func appendGroup(b []byte, g *monitor.ClipGroup) []byte {
	b = append(b, '{')
	start := len(b)
	b = appendText(b, `,"name":`, g.Name)
	b = strconv.AppendBool(append(b, `,"clipped":`...), g.Clipped)
	b = appendNumber(b, `,"norm":`, g.Norm)
	b = appendNumber(b, `,"norm_after":`, g.NormAfter)
	b = appendNumber(b, `,"threshold":`, g.Threshold)
	return append(dropComma(b, start), '}')
}

func appendSuccessive(b []byte, s *monitor.Successive) []byte {
	b = append(b, `,"successive":{`...)
	start := len(b)
	b = appendNumber(b, `,"cosine":`, s.Cosine)
	b = appendNumber(b, `,"cosine2":`, s.Cosine2)
	b = appendNumber(b, `,"dot":`, s.Dot)
	b = appendNumber(b, `,"error":`, s.Error)
	return append(dropComma(b, start), '}')
}

func appendCurvature(b []byte, c *monitor.Curvature) []byte {
	b = append(b, `,"curvature":{`...)
	start := len(b)
	b = appendNumber(b, `,"gthg":`, c.GTHG)
	b = appendNumber(b, `,"rayleigh":`, c.Rayleigh)
	b = appendNumber(b, `,"rho":`, c.Rho)
	b = appendNumber(b, `,"rho_preconditioned":`, c.RhoPreconditioned)
	b = appendNumber(b, `,"rho_limit":`, c.RhoLimit)
	b = appendNumber(b, `,"predicted_change":`, c.PredictedChange)
	b = appendNumber(b, `,"loss_change":`, c.LossChange)
	b = appendNumber(b, `,"gtu":`, c.GTU)
	b = appendNumber(b, `,"uthu":`, c.UTHU)
	b = appendNumbers(b, `,"param_gthg":[`, c.ParamGTHG)
	b = appendNumber(b, `,"lambda_max":`, c.LambdaMax)
	b = appendNumber(b, `,"lambda_max_residual":`, c.LambdaMaxResidual)
	b = appendNumber(b, `,"lambda_min":`, c.LambdaMin)
	b = appendNumber(b, `,"lambda_min_residual":`, c.LambdaMinResidual)
	if c.Converged || c.LambdaMax.Known() || c.LambdaMin.Known() {
		b = strconv.AppendBool(append(b, `,"converged":`...), c.Converged)
	}
	b = appendNumber(b, `,"trace":`, c.Trace)
	b = appendNumber(b, `,"trace_error":`, c.TraceError)
	if c.SpectralRadii != nil {
		b = append(b, `,"spectral_radii":[`...)
		for i := range c.SpectralRadii {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendRadius(b, &c.SpectralRadii[i])
		}
		b = append(b, ']')
	}
	b = appendText(b, `,"method":`, c.Method)
	b = appendNumber(b, `,"seconds":`, c.Seconds)
	return append(dropComma(b, start), '}')
}

func appendRadius(b []byte, r *monitor.SpectralRadius) []byte {
	b = append(b, '{')
	start := len(b)
	b = appendText(b, `,"name":`, r.Name)
	b = appendNumber(b, `,"radius":`, r.Radius)
	b = appendNumber(b, `,"residual":`, r.Residual)
	b = strconv.AppendBool(append(b, `,"converged":`...), r.Converged)
	return append(dropComma(b, start), '}')
}

func appendEvent(b []byte, e *monitor.Event) []byte {
	b = append(b, `{"type":"event","step":`...)
	b = strconv.AppendInt(b, e.Step, 10)
	b = appendText(b, `,"kind":`, string(e.Kind))
	b = appendText(b, `,"state":`, string(e.State))
	b = appendText(b, `,"severity":`, string(e.Severity))
	if e.Since != 0 {
		b = append(b, `,"since":`...)
		b = strconv.AppendInt(b, e.Since, 10)
	}
	b = appendText(b, `,"param":`, e.Param)
	b = appendText(b, `,"summary":`, e.Summary)
	b = appendText(b, `,"advice":`, e.Advice)
	b = appendText(b, `,"section":`, e.Section)
	if e.Values != nil || e.Class != "" {
		b = append(b, `,"values":{`...)
		start := len(b)
		b = appendText(b, `,"class":`, string(e.Class))
		for _, key := range slices.Sorted(maps.Keys(e.Values)) {
			b, _ = jsontext.AppendQuote(append(b, ','), key)
			b = appendFloat(append(b, ':'), e.Values[key])
		}
		b = append(dropComma(b, start), '}')
	}
	return append(b, "}\n"...)
}

func appendEnd(b []byte, e *monitor.End) []byte {
	b = append(b, `{"type":"end","step":`...)
	b = strconv.AppendInt(b, e.Step, 10)
	b = appendNumber(b, `,"t":`, e.T)
	b = appendText(b, `,"reason":`, string(e.Reason))
	if e.Verdict != nil {
		b = append(b, `,"verdict":[`...)
		for i, f := range e.Verdict {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(b, '{')
			start := len(b)
			b = appendText(b, `,"section":`, f.Section)
			b = appendText(b, `,"finding":`, f.Finding)
			b = appendText(b, `,"evidence":`, f.Evidence)
			b = append(dropComma(b, start), '}')
		}
		b = append(b, ']')
	}
	return append(b, "}\n"...)
}

// dropComma removes the comma before an object's first field, where the object
// began at start.
func dropComma(b []byte, start int) []byte {
	if len(b) == start {
		return b
	}
	return slices.Delete(b, start, start+1)
}

// appendText writes the field unless it is empty. Bytes that are not UTF-8
// become U+FFFD.
func appendText(b []byte, key, s string) []byte {
	if s == "" {
		return b
	}
	b, _ = jsontext.AppendQuote(append(b, key...), s)
	return b
}

// appendNumber writes the field unless it is unknown.
func appendNumber(b []byte, key string, n monitor.Number) []byte {
	v, known := n.Get()
	if !known {
		return b
	}
	return appendFloat(append(b, key...), v)
}

// appendNumbers writes the array unless it is nil.
func appendNumbers(b []byte, key string, ns []monitor.Number) []byte {
	if ns == nil {
		return b
	}
	b = append(b, key...)
	for i, n := range ns {
		if i > 0 {
			b = append(b, ',')
		}
		if v, known := n.Get(); known {
			b = appendFloat(b, v)
		} else {
			b = append(b, "null"...)
		}
	}
	return append(b, ']')
}

// appendFloat writes the shortest decimal that reads back as v.
func appendFloat(b []byte, v float64) []byte {
	switch {
	case math.IsNaN(v):
		return append(b, `"NaN"`...)
	case math.IsInf(v, 1):
		return append(b, `"+Inf"`...)
	case math.IsInf(v, -1):
		return append(b, `"-Inf"`...)
	}
	format := byte('f')
	if a := math.Abs(v); a != 0 && (a < 1e-4 || a >= 1e15) {
		format = 'e'
	}
	return strconv.AppendFloat(b, v, format, -1, 64)
}
