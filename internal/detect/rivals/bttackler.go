package rivals

import (
	"math"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
	"github.com/seed-140d0f39/gtg/monitor"
)

// btTackler are the assessor's rules of BTTackler (KDD 2024) with its default
// configuration, at the end of each epoch: on the gradients of the record there and
// on the epochs' mean losses. It protects the best tenth of many trials; here each
// run is alone.
func btTackler(run *monitor.Run, l *corpus.Label) []Rule {
	var rules []Rule
	add := func(name string, judge btTacklerJudge, classes ...corpus.Class) {
		rules = append(rules, &btTacklerRule{about: claim("BTTackler "+name, classes...), g: newGradients(run), epochs: newEpochs(l, 1),
			losses: newWindow(6), judge: judge})
	}
	add("exploding gradient", (*btTacklerRule).exploding, corpus.Exploding, corpus.NonFinite)
	add("vanishing gradient", (*btTacklerRule).vanishing, corpus.Vanishing)
	add("dying ReLU", (*btTacklerRule).dying, corpus.Dying)
	add("slow convergence", (*btTacklerRule).slow, corpus.TooSlow)
	add("heavy oscillation", (*btTacklerRule).oscillating, corpus.Oscillating)
	add("no more gain", (*btTacklerRule).noGain, corpus.Diverging, corpus.SignError)
	return rules
}

type btTacklerJudge func(*btTacklerRule, *monitor.Step) monitor.Condition

type btTacklerRule struct {
	about
	g      gradients
	epochs epochs
	judge  btTacklerJudge

	over   int64  // epochs
	losses window // the last epochs' means
	sum    float64
	count  float64
	bad    bool // a NaN or an infinity in this epoch
}

func (r *btTacklerRule) Observe(s *monitor.Step) monitor.Condition {
	var ends bool
	r.over, ends = r.epochs.next()
	if loss, known := s.Loss.Get(); known {
		r.sum, r.count = r.sum+loss, r.count+1
	}
	r.bad = r.bad || notFinite(s)
	if !ends {
		return monitor.Undecided
	}
	if r.count > 0 {
		r.losses.push(r.sum / r.count)
	}
	out := r.judge(r, s)
	r.sum, r.count, r.bad = 0, 0, false
	return out
}

// middles returns the median of the layers' mean gradients, and that of each
// layer's over the next one's.
func (r *btTacklerRule) middles(s *monitor.Step) (mean, ratio float64, known bool) {
	layers := r.g.layers(s)
	if len(layers) < 2 {
		return 0, 0, false
	}
	var ratios []float64
	for i := 1; i < len(layers); i++ {
		ratios = append(ratios, layers[i-1]/layers[i])
	}
	return middle(layers), middle(ratios), true
}

func (r *btTacklerRule) exploding(s *monitor.Step) monitor.Condition {
	mean, ratio, known := r.middles(s)
	if !known && !r.bad {
		return monitor.Undecided
	}
	return holds(r.bad || mean > 1e4 || ratio > 1000)
}

func (r *btTacklerRule) vanishing(s *monitor.Step) monitor.Condition {
	mean, ratio, known := r.middles(s)
	if !known {
		return monitor.Undecided
	}
	return holds(r.over <= parts/2 && (mean < 1e-5 || ratio < 1e-4))
}

func (r *btTacklerRule) dying(s *monitor.Step) monitor.Condition {
	_, median, known := r.g.zeros(s)
	if !known {
		return monitor.Undecided
	}
	return holds(r.over > 5 && median > 0.5)
}

// unevenness is the standard deviation of the epochs' losses over their mean.
func (r *btTacklerRule) unevenness() float64 {
	mean, std := r.losses.spread(0)
	return std / math.Abs(mean)
}

func (r *btTacklerRule) slow(*monitor.Step) monitor.Condition {
	return holds(r.losses.full() && r.unevenness() < 1e-4)
}

func (r *btTacklerRule) oscillating(*monitor.Step) monitor.Condition {
	return holds(r.over > parts/2 && r.losses.full() && slope(&r.losses) >= 0.01 && r.unevenness() > 0.2)
}

func (r *btTacklerRule) noGain(*monitor.Step) monitor.Condition {
	l := &r.losses
	return holds(l.full() && l.at(3)+l.at(4)+l.at(5) > l.at(0)+l.at(1)+l.at(2))
}

// slope is that of the least-squares line through the values, a value.
func slope(w *window) float64 {
	middle := float64(len(w.values)-1) / 2
	var up, across float64
	for i := range w.values {
		x := float64(i) - middle
		up, across = up+x*w.at(i), across+x*x
	}
	return up / across
}
