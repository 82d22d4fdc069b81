package hooks

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/seed-140d0f39/gtg/internal/spectrum"
	"github.com/seed-140d0f39/gtg/internal/torch"
	"github.com/seed-140d0f39/gtg/monitor"
)

const (
	// DefaultCurvatureShare is a share of the training time that buys a
	// measurement of the curvature every hundred steps or so and is hardly felt.
	DefaultCurvatureShare = 0.03
	// curvatureFailures in a row switch the instrument off.
	curvatureFailures = 3
	// endsProducts is how many products with the Hessian one look at its
	// eigenvalues takes at most, and endsLeast how many the budget has to allow.
	endsProducts, endsLeast = 60, 12
)

// curvature measures second-order quantities of the steps that are due.
type curvature struct {
	budget         *budget
	sameData       bool
	optimizer      *torch.Optimizer
	space          *torch.Space
	limit          monitor.Number // of ρ, by the optimizer
	preconditioned bool           // the limit is on the preconditioned Hessian
	plain          bool           // gradient descent without momentum or weight decay

	lanczos  *spectrum.Lanczos[*torch.Vector]
	spectrum vectors // of the lanczos

	record   monitor.Curvature // of the step that is under way
	measured bool              // there is one
	quotient monitor.Number    // Rayleigh quotient of the preconditioned Hessian
	each     []float64         // parts of gᵀHg, in the optimizer's order

	failures  int
	off       bool
	product   time.Duration // what one product with the Hessian takes
	lastLoss  monitor.Number
	predicted bool // the step before has a prediction
	secant    secant
	radii     radii
}

// measureCurvature is called before a backward pass, while the loss's graph is alive.
func (g *Guard) measureCurvature(loss *torch.Loss) {
	start := time.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	c := g.curvature
	if g.closed || c == nil || c.off {
		return
	}
	defer func() {
		if p := recover(); p != nil {
			g.curvatureOff(fmt.Errorf("a fault: %v", p))
		}
	}()
	step := g.step.Step + 1
	var wants monitor.Wants
	if g.monitor != nil {
		wants = g.monitor.Wants()
	}
	elapsed := start.Sub(g.started)
	if !c.budget.due(step, elapsed, wants.Closer || wants.Spectrum) {
		return
	}
	err := c.look(loss)
	cost := time.Since(start)
	switch {
	case errors.Is(err, torch.ErrNoGraph): // a loss of other parameters
		return
	case err == nil:
		c.failures = 0
		if wants.Spectrum {
			err = c.ends(loss, elapsed+cost)
		} else if g.monitor != nil {
			err = c.radii.measure(c.optimizer, g.params.index, 2*c.product, &c.record)
		}
	}
	if err != nil {
		c.failed(g, err)
	}
	spent := time.Since(start)
	c.budget.measured(step, elapsed+spent, spent, !wants.Spectrum)
	c.record.Seconds = monitor.Known(spent.Seconds())
}

// look measures gᵀg and gᵀHg.
func (c *curvature) look(loss *torch.Loss) error {
	graph, err := loss.Graph()
	if err != nil {
		return err
	}
	g := graph.Gradient()
	hg, err := graph.NewVector()
	if err != nil {
		return err
	}
	defer hg.Free()
	start := time.Now()
	if err := graph.HVP(g, hg); err != nil {
		return err
	}
	c.product = time.Since(start)
	c.each = zeros(c.each, g.Len())
	gtg, err := g.Dot(g, nil)
	if err != nil {
		return err
	}
	gthg, err := g.Dot(hg, c.each)
	if err != nil {
		return err
	}
	c.quotient = monitor.Number{}
	c.record = monitor.Curvature{Method: "hvp", GTHG: monitor.Known(gthg), ParamGTHG: c.record.ParamGTHG[:0]}
	if gtg > 0 {
		c.record.Rayleigh = monitor.Known(gthg / gtg)
	}
	if err := c.update(graph, hg); err != nil {
		return err
	}
	c.measured = true
	return nil
}

// update measures along what the optimizer is about to do with the gradient,
// where that is not the gradient itself. space is a vector that may be overwritten.
func (c *curvature) update(graph *torch.Graph, space *torch.Vector) error {
	if c.plain {
		return nil
	}
	u, err := graph.NewVector()
	if err != nil {
		return err
	}
	defer u.Free()
	g := graph.Gradient()
	along := func() (linear, quadratic float64, err error) {
		if err = graph.HVP(u, space); err != nil {
			return 0, 0, err
		}
		if linear, err = g.Dot(u, nil); err == nil {
			quadratic, err = u.Dot(space, nil)
		}
		return linear, quadratic, err
	}
	if err := c.optimizer.Update(g, u); err != nil {
		return nil // an optimizer that is not known: the gradient's own curvature is there
	}
	gtu, uthu, err := along()
	if err != nil {
		return err
	}
	c.record.GTU, c.record.UTHU = monitor.Known(gtu), monitor.Known(uthu)
	if !c.preconditioned {
		return nil
	}
	if err := c.optimizer.Precondition(g, u); err != nil {
		return nil
	}
	linear, quadratic, err := along()
	if err == nil && linear > 0 {
		c.quotient = monitor.Known(quadratic / linear)
	}
	return err
}

// ends looks at both ends of the Hessian's spectrum, as far as the budget goes.
func (c *curvature) ends(loss *torch.Loss, elapsed time.Duration) error {
	left := c.budget.left(elapsed)
	if left < endsLeast*c.product {
		return nil // next time
	}
	graph, err := loss.Graph()
	if err != nil {
		return err
	}
	if dim := graph.Gradient().Dim(); c.lanczos == nil || dim != int64(c.spectrum.Dim()) {
		c.forget()
		if c.spectrum.like, err = graph.NewVector(); err != nil {
			return err
		}
		if c.lanczos, err = spectrum.NewLanczos[*torch.Vector](&c.spectrum, spectrum.Options{Products: endsProducts, Basis: 24}); err != nil {
			return err
		}
	}
	c.spectrum.graph = graph
	defer func() { c.spectrum.graph = nil }()
	deadline := time.Now().Add(left)
	ends, err := c.lanczos.Ends(&c.spectrum, func() bool { return time.Now().Before(deadline) })
	if err != nil {
		return err
	}
	r := &c.record
	r.LambdaMax, r.LambdaMaxResidual = monitor.Known(ends.High.Value), monitor.Known(ends.High.Residual)
	r.LambdaMin, r.LambdaMinResidual = monitor.Known(ends.Low.Value), monitor.Known(ends.Low.Residual)
	r.Converged = ends.High.Converged && ends.Low.Converged
	r.Method = "lanczos"
	return nil
}

// failed gives up on what cannot work, and after several failures in a row.
func (c *curvature) failed(g *Guard, err error) {
	c.failures++
	c.measured = false
	unsupported := errors.Is(err, torch.ErrNoDoubleBackward) || errors.Is(err, torch.ErrNoMemory)
	if !unsupported && c.failures < curvatureFailures {
		g.complain(fmt.Sprintf("the curvature at step %d was not measured", g.step.Step+1), err)
		return
	}
	if unsupported && c.secant.possible(c) {
		c.secant.on = true
		g.complain("the curvature is measured by the secant of successive gradients from now on", err)
	} else {
		g.complain("the curvature is not measured any more", err)
	}
	g.curvatureStop()
}

// curvatureOff ends it after a fault of gtg's own.
func (g *Guard) curvatureOff(err error) {
	g.curvature.measured = false
	g.complain("the curvature is not measured any more", err)
	g.curvatureStop()
}

func (g *Guard) curvatureStop() {
	g.curvature.off = !g.curvature.secant.on
	g.attachment.OnBackward(nil)
	g.curvature.forget()
}

// finish completes the record of the step, now that clipping and what is done
// with the step are decided.
func (c *curvature) finish(g *Guard, backwards int64) {
	s := &g.step
	c.change(s)
	left := 1.0
	if before, ok := s.GradNorm.Finite(); ok && before > 0 && s.Clip.Clipped {
		left = s.Clip.NormAfter.Or(before) / before
	}
	if c.secant.on {
		c.secant.rate = 0
		if s.Action == monitor.ActionStep && s.Clip.Factor.Known() {
			c.secant.rate = s.LR.Or(0) * left
		}
		return
	}
	if !c.measured {
		return
	}
	c.measured = false
	if backwards != 1 {
		g.complain("the curvature is not measured", errors.New("the gradient of a step is the sum of several backward passes; "+
			"curvature needs the graph of all of them at once"))
		return
	}
	r := &c.record
	gthg, finite := r.GTHG.Finite()
	norm, ok := s.GradNorm.Finite()
	lr, known := s.LR.Finite()
	if finite && ok && known && norm > 0 {
		rate := lr * left
		r.Rho, r.RhoLimit = monitor.Known(rate*gthg/norm/norm), c.limit
		if q, ok := c.quotient.Finite(); ok {
			// No η_eff: such a step does not shrink with the gradient.
			r.RhoPreconditioned = monitor.Known(lr * q)
		} else if c.preconditioned {
			r.RhoLimit = monitor.Number{}
		}
		gtu, known := r.GTU.Finite()
		uthu := r.UTHU.Or(0)
		switch {
		case s.Action != monitor.ActionStep:
		case c.plain:
			r.PredictedChange, c.predicted = monitor.Known(rate*(rate*gthg/2-norm*norm)), true
		case known && !s.Clip.Clipped: // u is that of the gradient as it was
			r.PredictedChange, c.predicted = monitor.Known(gtu+uthu/2), true
		}
	}
	for _, place := range g.params.index {
		part := monitor.Number{}
		if place >= 0 && place < len(c.each) && !math.IsNaN(c.each[place]) {
			part = monitor.Known(c.each[place])
		}
		r.ParamGTHG = append(r.ParamGTHG, part)
	}
	s.Curvature = r
}

// change notes what came of the prediction of the step before, where both losses
// are of the same data.
func (c *curvature) change(s *monitor.Step) {
	loss, known := s.Loss.Finite()
	before, was := c.lastLoss.Finite()
	if c.sameData && c.predicted && known && was {
		if !c.measured {
			c.record = monitor.Curvature{Method: "loss"}
			s.Curvature = &c.record
		}
		c.record.LossChange = monitor.Known(loss - before)
	}
	c.predicted = false
	c.lastLoss = s.Loss
}

// begin looks at the gradient of a step before it is clipped: where the loss cannot
// be differentiated twice, it measures the curvature of the step before.
func (c *curvature) begin(g *Guard) {
	s := &g.step
	s.Curvature = nil
	if !c.secant.on {
		return
	}
	start := time.Now()
	elapsed := start.Sub(g.started)
	due := c.budget.due(s.Step, elapsed, false)
	gthg, gtg, err := c.secant.see(due)
	if err != nil {
		g.complain("the curvature is not measured any more", err)
		c.secant.on, c.off = false, true
		return
	}
	if gthg.Known() && gtg > 0 {
		v := gthg.Or(0)
		c.record = monitor.Curvature{Method: "secant", GTHG: gthg, Rayleigh: monitor.Known(v / gtg),
			Rho: monitor.Known(c.secant.rate * v / gtg), RhoLimit: c.limit}
		s.Curvature = &c.record
	}
	if spent := time.Since(start); due || gthg.Known() {
		c.budget.measured(s.Step, elapsed+spent, spent, true)
	}
}

// close gives back what is held.
func (c *curvature) close() {
	c.forget()
	c.secant.free()
}

// forget gives the eigenvectors back.
func (c *curvature) forget() {
	if c.lanczos != nil {
		c.lanczos.Free()
		c.lanczos = nil
	}
	if c.spectrum.like != nil {
		c.spectrum.like.Free()
		c.spectrum.like = nil
	}
}

// newCurvature is the instrument for an optimizer.
func newCurvature(o *curvatureOptions, optimizer *torch.Optimizer, h torch.Hyper, run *monitor.Run) *curvature {
	c := &curvature{budget: newBudget(o.share, o.every), sameData: o.sameData}
	c.radii.patterns = o.recurrent
	c.attach(optimizer)
	if limit, preconditioned, ok := monitor.StabilityLimit(run.Optimizer); ok {
		c.limit, c.preconditioned = monitor.Known(limit), preconditioned
	}
	zero := func(v float64) bool { return v == 0 || math.IsNaN(v) }
	c.plain = h.Kind == "sgd" && zero(h.Momentum) && zero(h.WeightDecay)
	return c
}

// attach turns to an optimizer.
func (c *curvature) attach(optimizer *torch.Optimizer) {
	c.optimizer, c.space = optimizer, optimizer.Space()
	c.secant.space = c.space
}

// vectors is the space of a graph's gradient, for package spectrum, and its
// Hessian. Its vectors may outlive the graph.
type vectors struct {
	like  *torch.Vector // a vector of the space
	graph *torch.Graph
}

func (v *vectors) Dim() int                                { return int(v.like.Dim()) }
func (v *vectors) Make() (*torch.Vector, error)            { return v.like.Like() }
func (v *vectors) Free(x *torch.Vector)                    { x.Free() }
func (v *vectors) Dot(x, y *torch.Vector) (float64, error) { return x.Dot(y, nil) }
func (v *vectors) Scale(a float64, x *torch.Vector) error  { return x.Scale(a) }
func (v *vectors) Copy(dst, src *torch.Vector) error       { return dst.Copy(src) }
func (v *vectors) Apply(out, in *torch.Vector) error       { return v.graph.HVP(in, out) }

func (v *vectors) Axpy(a float64, x, y *torch.Vector) error { return y.Axpy(a, x) }

// Random draws the elements in C++.
func (v *vectors) Random(x *torch.Vector, d spectrum.Distribution, seed uint64) error {
	if d == spectrum.Rademacher {
		return x.Random(torch.Rademacher, seed)
	}
	return x.Random(torch.Normal, seed)
}
