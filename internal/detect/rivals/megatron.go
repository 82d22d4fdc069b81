package rivals

import (
	"math"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
	"github.com/seed-140d0f39/gtg/monitor"
)

// megatron is what the rerun machine of Megatron-LM takes for a fault: a loss or a
// gradient norm that is not finite, or at least ten times the largest of the first
// 100 finite ones, which are never taken anew.
type megatron struct {
	about
	loss, norm baseline
}

func newMegatron() *megatron {
	return &megatron{about: claim("Megatron-LM spiky loss or gradient", corpus.Cliffs, corpus.Poisoned, corpus.NonFinite)}
}

func (r *megatron) Observe(s *monitor.Step) monitor.Condition {
	if !s.Loss.Known() && !s.GradNorm.Known() {
		return monitor.Undecided
	}
	loss := r.loss.spiky(s.Loss)
	return holds(r.norm.spiky(s.GradNorm) || loss || notFinite(s))
}

// baseline is the largest of the first 100 finite values.
type baseline struct {
	seen int
	most float64
}

func (b *baseline) spiky(n monitor.Number) bool {
	v, finite := n.Finite()
	switch {
	case !finite:
		return false
	case b.seen < 100:
		b.seen++
		b.most = math.Max(b.most, math.Abs(v))
		return false
	}
	return math.Abs(v) >= 10*b.most
}
