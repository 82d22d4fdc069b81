package hooks

import (
	"fmt"
	"math"

	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/spectrum"
	"github.com/seed-140d0f39/gtg/internal/torch"
	"github.com/seed-140d0f39/gtg/monitor"
)

// GradCurvature is what [Curvature] measures, with g the gradient of the loss by
// the tensors and H its Hessian.
type GradCurvature struct {
	GTG      float64 // gᵀg
	GTHG     float64 // gᵀHg
	Rayleigh float64 // gᵀHg/gᵀg, NaN where g is 0
	// Each has each tensor's part of gᵀHg; 0 where a tensor takes no part.
	Each []float64
}

// Curvature measures the curvature of a loss along its gradient, at a moment of
// the program's choosing (Goodfellow, Bengio and Courville, Deep Learning, section
// 8.2.1), by differentiating twice. Nothing is changed: no .grad is written, and
// the loss's graph is there for a backward pass afterwards.
//
// The loss is a tensor of one element whose graph has not been used up. It is an
// error when it depends on none of the tensors, and when an operation in it cannot
// be differentiated twice.
func Curvature(loss *ts.Tensor, tensors []*ts.Tensor) (GradCurvature, error) {
	graph, err := torch.OpenGraph(loss, tensors)
	if err != nil {
		return GradCurvature{}, fmt.Errorf("gtg: curvature: %w", err)
	}
	defer graph.Close()
	c := GradCurvature{Each: make([]float64, len(tensors))}
	if err := c.measure(graph); err != nil {
		return GradCurvature{}, fmt.Errorf("gtg: curvature: %w", err)
	}
	return c, nil
}

func (c *GradCurvature) measure(graph *torch.Graph) error {
	g := graph.Gradient()
	hg, err := graph.NewVector()
	if err != nil {
		return err
	}
	defer hg.Free()
	if err := graph.HVP(g, hg); err != nil {
		return err
	}
	if c.GTG, err = g.Dot(g, nil); err != nil {
		return err
	}
	if c.GTHG, err = g.Dot(hg, c.Each); err != nil {
		return err
	}
	if c.Rayleigh = math.NaN(); c.GTG > 0 {
		c.Rayleigh = c.GTHG / c.GTG
	}
	return nil
}

// SpectrumOptions say how accurate [Spectrum] is to be. A zero is the default.
type SpectrumOptions struct {
	// Tolerance is the residual, as a share of the spectrum's largest magnitude, at
	// which an eigenvalue has converged: 1e-3.
	Tolerance float64
	// Products is how many products with the Hessian are taken at most: 100.
	Products int
	// Probes are the random vectors of the trace's estimate, one product each; 0
	// does not estimate it, else at least 2.
	Probes int
	// Seed of the random vectors, which do not come from libtorch's generator.
	Seed uint64
}

// HessianSpectrum is what [Spectrum] measures.
type HessianSpectrum struct {
	// LambdaMax and LambdaMin are the largest and the smallest eigenvalue, with
	// their signs, and the residuals ‖Hv − λv‖, ‖v‖ = 1, of the two: an eigenvalue
	// lies that near.
	LambdaMax, LambdaMin                 float64
	LambdaMaxResidual, LambdaMinResidual float64
	// Converged says that both residuals are within the tolerance.
	Converged bool
	// Trace is an estimate of the sum of all eigenvalues and TraceError its
	// standard error; both are NaN when it was not asked for.
	Trace, TraceError float64
	// Products is how many products with the Hessian it took.
	Products int
}

// Class is the kind of critical point that the spectrum allows, see
// [monitor.Curvature.Class]: at a point whose gradient is insignificant, that is what
// the point is.
func (s HessianSpectrum) Class() monitor.Class {
	k := monitor.Curvature{
		LambdaMax: monitor.Known(s.LambdaMax), LambdaMin: monitor.Known(s.LambdaMin),
		LambdaMaxResidual: monitor.Known(s.LambdaMaxResidual), LambdaMinResidual: monitor.Known(s.LambdaMinResidual),
		Converged: s.Converged,
	}
	return k.Class()
}

// Spectrum measures both ends of the spectrum of the loss's Hessian by the tensors,
// by the method of Lanczos: they tell a minimum from a saddle point where the
// gradient is insignificant (Goodfellow, Bengio and Courville, Deep Learning,
// sections 8.2.2 and 8.2.3), and the largest is the sharpness, which full-batch
// gradient descent with learning rate η tolerates up to 2/η. It takes a product
// with the Hessian, the time of about two backward passes, some dozens of times.
// Nothing is changed, as in [Curvature], and the errors are the same.
func Spectrum(loss *ts.Tensor, tensors []*ts.Tensor, o SpectrumOptions) (HessianSpectrum, error) {
	graph, err := torch.OpenGraph(loss, tensors)
	if err != nil {
		return HessianSpectrum{}, fmt.Errorf("gtg: spectrum: %w", err)
	}
	defer graph.Close()
	space := &vectors{like: graph.Gradient(), graph: graph}
	lanczos, err := spectrum.NewLanczos[*torch.Vector](space, spectrum.Options{Tolerance: o.Tolerance, Products: o.Products, Seed: o.Seed})
	if err != nil {
		return HessianSpectrum{}, fmt.Errorf("gtg: %w", err)
	}
	defer lanczos.Free()
	ends, err := lanczos.Ends(space, nil)
	if err != nil {
		return HessianSpectrum{}, fmt.Errorf("gtg: %w", err)
	}
	s := HessianSpectrum{
		LambdaMax: ends.High.Value, LambdaMaxResidual: ends.High.Residual,
		LambdaMin: ends.Low.Value, LambdaMinResidual: ends.Low.Residual,
		Converged: ends.High.Converged && ends.Low.Converged, Products: ends.Products,
		Trace: math.NaN(), TraceError: math.NaN(),
	}
	if o.Probes != 0 {
		trace, err := spectrum.Hutchinson[*torch.Vector](space, space, o.Probes, o.Seed, nil)
		if err != nil {
			return HessianSpectrum{}, fmt.Errorf("gtg: %w", err)
		}
		s.Trace, s.TraceError, s.Products = trace.Value, trace.StandardError, s.Products+trace.Probes
	}
	return s, nil
}
