package runlog

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/seed-140d0f39/gtg/monitor"
)

// decode reads one line. It returns the empty Line for a type that is unknown.
func (r *Reader) decode(text []byte) (line Line, err error) {
	kind, err := r.kind(text)
	if err == nil {
		r.reset(text)
		switch kind {
		case "run":
			line.Run = new(monitor.Run)
			err = r.run(line.Run)
		case "step":
			line.Step = &r.step
			err = r.oneStep()
		case "event":
			line.Event = new(monitor.Event)
			err = r.event(line.Event)
		case "end":
			line.End = new(monitor.End)
			err = r.end(line.End)
		default:
			return Line{}, nil
		}
		if err == nil {
			if _, e := r.dec.ReadToken(); e != io.EOF {
				err = errors.New("something follows the line's object")
			}
		}
	}
	if err != nil {
		return Line{}, explain(text, err)
	}
	return line, nil
}

// reset lets the decoder read the text. As it reads from a bytes.Buffer, raw
// values stay valid for the whole line.
func (r *Reader) reset(text []byte) {
	r.src = *bytes.NewBuffer(text)
	r.dec.Reset(&r.src, r.opts...)
}

// stepStart is how a step line begins whose writer puts the type first.
var stepStart = []byte(`{"type":"step",`)

// kind finds the line's type.
func (r *Reader) kind(text []byte) (kind string, err error) {
	if bytes.HasPrefix(text, stepStart) {
		return "step", nil
	}
	r.reset(text)
	err = errors.New(`no "type": want "run", "step", "event" or "end"`)
	if e := r.object(func(name []byte) error {
		if string(name) != "type" {
			return r.dec.SkipValue()
		}
		kind, err = r.text("")
		return err
	}); e != nil {
		err = e
	}
	return kind, err
}

// explain adds what the parser's own words do not say.
func explain(text []byte, err error) error {
	var s *jsontext.SyntacticError
	if !errors.As(err, &s) {
		return err
	}
	err = fmt.Errorf("not JSON: %w", s)
	at := text[min(max(s.ByteOffset, 0), int64(len(text))):]
	for _, bare := range []string{"N", "I", "-I"} {
		if bytes.HasPrefix(at, []byte(bare)) {
			return fmt.Errorf(`%w; NaN and the infinities are the strings "NaN", "+Inf" and "-Inf"`, err)
		}
	}
	return err
}

// oneStep reads the line into the reader's step.
func (r *Reader) oneStep() error {
	r.step = monitor.Step{}
	s, space := &r.step, &r.space
	err := r.object(func(name []byte) (err error) {
		switch string(name) {
		case "step":
			s.Step, err = r.integer()
			if err == nil && s.Step < 1 {
				err = fmt.Errorf("got %d, want an integer from 1", s.Step)
			}
		case "t":
			s.T, err = r.number()
		case "loss":
			s.Loss, err = r.number()
		case "lr":
			s.LR, err = r.number()
		case "grad_norm":
			s.GradNorm, err = r.magnitude()
		case "param_grad_norms":
			s.ParamGradNorms, err = r.magnitudes(&space.ParamGradNorms)
		case "param_norms":
			s.ParamNorms, err = r.magnitudes(&space.ParamNorms)
		case "update_norms":
			s.UpdateNorms, err = r.magnitudes(&space.UpdateNorms)
		case "param_elasticities":
			s.ParamElasticities, err = r.magnitudes(&space.ParamElasticities)
		case "zero_grads":
			s.ZeroGrads, err = r.counts(&space.ZeroGrads)
		case "nonfinite":
			s.NonFinite, err = r.magnitude()
		case "nonfinite_params":
			s.NonFiniteParams, err = r.bad()
		case "zeroed":
			s.Zeroed, err = r.count()
		case "clip":
			s.Clip, err = r.clip()
		case "successive":
			s.Successive, err = r.successive()
		case "action":
			s.Action, err = r.action()
		case "curvature":
			s.Curvature, err = r.curvature()
		case "gtg_seconds":
			s.GTGSeconds, err = r.number()
		default:
			err = r.dec.SkipValue()
		}
		return err
	})
	if err == nil && s.Step == 0 {
		err = errors.New(`no "step": want an integer from 1`)
	}
	return err
}

// bad reads which parameters' gradients are not finite.
func (r *Reader) bad() ([]monitor.NonFiniteParam, error) {
	if r.dec.PeekKind() == 'n' {
		return nil, r.dec.SkipValue()
	}
	all := r.space.NonFiniteParams[:0]
	if all == nil {
		all = []monitor.NonFiniteParam{}
	}
	err := r.array(func() error {
		var p monitor.NonFiniteParam
		err := r.object(func(name []byte) (err error) {
			switch string(name) {
			case "param":
				var place int64
				place, err = r.count()
				p.Param = int(place)
			case "nan":
				p.NaN, err = r.count()
			case "pos_inf":
				p.PosInf, err = r.count()
			case "neg_inf":
				p.NegInf, err = r.count()
			default:
				err = r.dec.SkipValue()
			}
			return err
		})
		all = append(all, p)
		return err
	})
	r.space.NonFiniteParams = all
	return all, err
}

func (r *Reader) clip() (c monitor.Clip, err error) {
	said := false
	err = r.object(func(name []byte) (err error) {
		switch string(name) {
		case "policy":
			r.policy, err = r.text(r.policy)
			c.Policy = r.policy
		case "clipped":
			c.Clipped, err = r.boolean()
			said = true
		case "factor":
			c.Factor, err = r.magnitude()
		case "threshold":
			c.Threshold, err = r.magnitude()
		case "norm_after":
			c.NormAfter, err = r.magnitude()
		case "lower":
			c.Lower, err = r.number()
		case "upper":
			c.Upper, err = r.number()
		case "param_factors":
			c.ParamFactors, err = r.magnitudes(&r.space.Clip.ParamFactors)
		case "groups":
			c.Groups, err = r.groups()
		default:
			err = r.dec.SkipValue()
		}
		return err
	})
	if !said { // the field came after the first logs were written
		c.Clipped = c.Factor.Known() && c.Factor.Or(1) < 1
	}
	return c, err
}

func (r *Reader) groups() ([]monitor.ClipGroup, error) {
	if r.dec.PeekKind() == 'n' {
		return nil, r.dec.SkipValue()
	}
	all := r.space.Clip.Groups[:0]
	if all == nil {
		all = []monitor.ClipGroup{}
	}
	err := r.array(func() error {
		var g monitor.ClipGroup
		var last string
		if i := len(all); i < cap(all) {
			last = all[:i+1][i].Name // the same as in the last step, most often
		}
		err := r.object(func(name []byte) (err error) {
			switch string(name) {
			case "name":
				g.Name, err = r.text(last)
			case "clipped":
				g.Clipped, err = r.boolean()
			case "norm":
				g.Norm, err = r.magnitude()
			case "norm_after":
				g.NormAfter, err = r.magnitude()
			case "threshold":
				g.Threshold, err = r.magnitude()
			default:
				err = r.dec.SkipValue()
			}
			return err
		})
		all = append(all, g)
		return err
	})
	r.space.Clip.Groups = all
	return all, err
}

func (r *Reader) action() (monitor.Action, error) {
	raw, err := r.dec.ReadValue()
	if err != nil {
		return "", err
	}
	switch string(raw) {
	case `"step"`:
		return monitor.ActionStep, nil
	case `"skip"`:
		return monitor.ActionSkip, nil
	case `"rollback"`:
		return monitor.ActionRollback, nil
	case `"stop"`:
		return monitor.ActionStop, nil
	case `""`, `null`:
		return "", nil
	}
	return "", want(raw, `"step", "skip", "rollback" or "stop"`)
}

func (r *Reader) successive() (s monitor.Successive, err error) {
	if r.dec.PeekKind() == 'n' {
		return s, r.dec.SkipValue()
	}
	err = r.object(func(name []byte) (err error) {
		switch string(name) {
		case "cosine":
			s.Cosine, err = r.number()
		case "cosine2":
			s.Cosine2, err = r.number()
		case "dot":
			s.Dot, err = r.number()
		case "error":
			s.Error, err = r.magnitude()
		default:
			err = r.dec.SkipValue()
		}
		return err
	})
	return s, err
}

func (r *Reader) curvature() (*monitor.Curvature, error) {
	if r.dec.PeekKind() == 'n' {
		return nil, r.dec.SkipValue()
	}
	r.curved = monitor.Curvature{}
	c, space := &r.curved, &r.curvedSpace
	err := r.object(func(name []byte) (err error) {
		switch string(name) {
		case "gthg":
			c.GTHG, err = r.number()
		case "rayleigh":
			c.Rayleigh, err = r.number()
		case "rho":
			c.Rho, err = r.number()
		case "rho_limit":
			c.RhoLimit, err = r.magnitude()
		case "rho_preconditioned":
			c.RhoPreconditioned, err = r.number()
		case "predicted_change":
			c.PredictedChange, err = r.number()
		case "loss_change":
			c.LossChange, err = r.number()
		case "gtu":
			c.GTU, err = r.number()
		case "uthu":
			c.UTHU, err = r.number()
		case "param_gthg":
			c.ParamGTHG, err = r.numbers(&space.ParamGTHG)
		case "lambda_max":
			c.LambdaMax, err = r.number()
		case "lambda_max_residual":
			c.LambdaMaxResidual, err = r.magnitude()
		case "lambda_min":
			c.LambdaMin, err = r.number()
		case "lambda_min_residual":
			c.LambdaMinResidual, err = r.magnitude()
		case "converged":
			c.Converged, err = r.boolean()
		case "trace":
			c.Trace, err = r.number()
		case "trace_error":
			c.TraceError, err = r.magnitude()
		case "spectral_radii":
			c.SpectralRadii, err = r.radii()
		case "method":
			r.method, err = r.text(r.method)
			c.Method = r.method
		case "seconds":
			c.Seconds, err = r.magnitude()
		default:
			err = r.dec.SkipValue()
		}
		return err
	})
	return c, err
}

func (r *Reader) radii() ([]monitor.SpectralRadius, error) {
	if r.dec.PeekKind() == 'n' {
		return nil, r.dec.SkipValue()
	}
	all := r.curvedSpace.SpectralRadii[:0]
	if all == nil {
		all = []monitor.SpectralRadius{}
	}
	err := r.array(func() error {
		var radius monitor.SpectralRadius
		var last string
		if i := len(all); i < cap(all) {
			last = all[:i+1][i].Name // the same as in the last step, most often
		}
		err := r.object(func(name []byte) (err error) {
			switch string(name) {
			case "name":
				radius.Name, err = r.text(last)
			case "radius":
				radius.Radius, err = r.magnitude()
			case "residual":
				radius.Residual, err = r.magnitude()
			case "converged":
				radius.Converged, err = r.boolean()
			default:
				err = r.dec.SkipValue()
			}
			return err
		})
		all = append(all, radius)
		return err
	})
	r.curvedSpace.SpectralRadii = all
	return all, err
}

func (r *Reader) run(run *monitor.Run) error {
	return r.object(func(name []byte) (err error) {
		switch string(name) {
		case "schema":
			var n int64
			if n, err = r.integer(); err == nil && n != monitor.SchemaVersion {
				err = fmt.Errorf("got %d, want %d: the log is of another version of the format", n, monitor.SchemaVersion)
			}
		case "run":
			run.Name, err = r.text("")
		case "started":
			run.Started, err = r.time()
		case "framework":
			run.Framework, err = r.text("")
		case "device":
			run.Device, err = r.text("")
		case "optimizer":
			run.Optimizer, err = r.optimizer()
		case "params":
			run.Params = []monitor.Param{}
			err = r.array(func() error {
				p, err := r.param()
				run.Params = append(run.Params, p)
				return err
			})
		case "config":
			var raw []byte
			if raw, err = r.dec.ReadValue(); err == nil {
				if json.Unmarshal(raw, &run.Config, r.opts...) != nil {
					err = want(raw, "an object")
				}
			}
		default:
			err = r.dec.SkipValue()
		}
		return err
	})
}

func (r *Reader) optimizer() (*monitor.Optimizer, error) {
	if r.dec.PeekKind() == 'n' {
		return nil, r.dec.SkipValue()
	}
	o := new(monitor.Optimizer)
	err := r.object(func(name []byte) (err error) {
		switch string(name) {
		case "kind":
			o.Kind, err = r.text("")
		case "lr":
			o.LR, err = r.number()
		case "momentum":
			o.Momentum, err = r.number()
		case "beta1":
			o.Beta1, err = r.number()
		case "beta2":
			o.Beta2, err = r.number()
		case "weight_decay":
			o.WeightDecay, err = r.number()
		default:
			err = r.dec.SkipValue()
		}
		return err
	})
	return o, err
}

func (r *Reader) param() (p monitor.Param, err error) {
	err = r.object(func(name []byte) (err error) {
		switch string(name) {
		case "name":
			p.Name, err = r.text("")
		case "shape":
			p.Shape, err = r.counts(new([]int64))
		case "numel":
			p.Numel, err = r.integer()
		case "constant":
			p.Constant, err = r.number()
		default:
			err = r.dec.SkipValue()
		}
		return err
	})
	return p, err
}

func (r *Reader) event(e *monitor.Event) error {
	return r.object(func(name []byte) (err error) {
		var s string
		switch string(name) {
		case "step":
			e.Step, err = r.integer()
		case "kind":
			s, err = r.text("")
			e.Kind = monitor.Kind(s)
		case "state":
			s, err = r.text("")
			e.State = monitor.State(s)
		case "severity":
			s, err = r.text("")
			e.Severity = monitor.Severity(s)
		case "since":
			e.Since, err = r.integer()
		case "param":
			e.Param, err = r.text("")
		case "summary":
			e.Summary, err = r.text("")
		case "advice":
			e.Advice, err = r.text("")
		case "section":
			e.Section, err = r.text("")
		case "values":
			e.Values = map[string]float64{}
			err = r.object(func(name []byte) error {
				if string(name) == "class" {
					s, err := r.text("")
					e.Class = monitor.Class(s)
					return err
				}
				n, err := r.number()
				if v, known := n.Get(); known {
					e.Values[string(name)] = v
				}
				return err
			})
		default:
			err = r.dec.SkipValue()
		}
		return err
	})
}

func (r *Reader) end(e *monitor.End) error {
	return r.object(func(name []byte) (err error) {
		switch string(name) {
		case "step":
			e.Step, err = r.integer()
		case "t":
			e.T, err = r.number()
		case "reason":
			var s string
			s, err = r.text("")
			e.Reason = monitor.Reason(s)
		case "verdict":
			e.Verdict = []monitor.Finding{}
			err = r.array(func() error {
				f, err := r.finding()
				e.Verdict = append(e.Verdict, f)
				return err
			})
		default:
			err = r.dec.SkipValue()
		}
		return err
	})
}

func (r *Reader) finding() (f monitor.Finding, err error) {
	err = r.object(func(name []byte) (err error) {
		switch string(name) {
		case "section":
			f.Section, err = r.text("")
		case "finding":
			f.Finding, err = r.text("")
		case "evidence":
			f.Evidence, err = r.text("")
		default:
			err = r.dec.SkipValue()
		}
		return err
	})
	return f, err
}

func (r *Reader) time() (time.Time, error) {
	s, err := r.text("")
	if err != nil || s == "" {
		return time.Time{}, err
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return t, fmt.Errorf("got %q, want a time as RFC 3339 writes it, such as 2026-01-02T15:04:05Z", s)
	}
	return t.UTC(), nil
}
