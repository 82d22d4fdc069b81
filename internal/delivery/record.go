package delivery

import (
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/seed-140d0f39/gtg/monitor"
)

// record is one step as the queues share it.
type record struct {
	step  monitor.Step
	space monitor.Step // the memory of fields that this step did not measure
	bytes int
	refs  atomic.Int32 // queues and sinks that still need it
}

// fill copies the step. A field that is measured only on some steps finds the
// memory again that it had when it was last measured.
func (r *record) fill(s *monitor.Step) {
	r.step.ParamGradNorms = r.space.ParamGradNorms
	r.step.ParamNorms = r.space.ParamNorms
	r.step.UpdateNorms = r.space.UpdateNorms
	r.step.ParamElasticities = r.space.ParamElasticities
	r.step.ZeroGrads = r.space.ZeroGrads
	r.step.NonFiniteParams = r.space.NonFiniteParams
	r.step.Clip.ParamFactors, r.step.Clip.Groups = r.space.Clip.ParamFactors, r.space.Clip.Groups
	r.step.Curvature = r.space.Curvature
	r.step.CopyFrom(s)
	keep(&r.space.ParamGradNorms, r.step.ParamGradNorms)
	keep(&r.space.ParamNorms, r.step.ParamNorms)
	keep(&r.space.UpdateNorms, r.step.UpdateNorms)
	keep(&r.space.ParamElasticities, r.step.ParamElasticities)
	keep(&r.space.ZeroGrads, r.step.ZeroGrads)
	keep(&r.space.NonFiniteParams, r.step.NonFiniteParams)
	keep(&r.space.Clip.ParamFactors, r.step.Clip.ParamFactors)
	keep(&r.space.Clip.Groups, r.step.Clip.Groups)
	if r.step.Curvature != nil {
		r.space.Curvature = r.step.Curvature
	}
	const number, count = int(unsafe.Sizeof(monitor.Number{})), int(unsafe.Sizeof(int64(0)))
	r.bytes = int(unsafe.Sizeof(*r)) + count*cap(r.space.ZeroGrads) +
		number*(cap(r.space.ParamGradNorms)+cap(r.space.ParamNorms)+cap(r.space.UpdateNorms)+cap(r.space.ParamElasticities)+cap(r.space.Clip.ParamFactors)) +
		int(unsafe.Sizeof(monitor.ClipGroup{}))*cap(r.space.Clip.Groups) +
		int(unsafe.Sizeof(monitor.NonFiniteParam{}))*cap(r.space.NonFiniteParams)
	if c := r.space.Curvature; c != nil {
		r.bytes += int(unsafe.Sizeof(*c)) + number*cap(c.ParamGTHG) + int(unsafe.Sizeof(monitor.SpectralRadius{}))*cap(c.SpectralRadii)
	}
}

func keep[T any](space *[]T, used []T) {
	if used != nil {
		*space = used
	}
}

// pool keeps the records that no queue holds. A sync.Pool would lose them to
// the garbage collector and allocate again.
type pool struct {
	mu   sync.Mutex
	free []*record
}

func (p *pool) take() *record {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.free); n > 0 {
		r := p.free[n-1]
		p.free = p.free[:n-1]
		return r
	}
	return new(record)
}

// release gives back one reference.
func (p *pool) release(r *record) {
	if r.refs.Add(-1) > 0 {
		return
	}
	p.mu.Lock()
	p.free = append(p.free, r)
	p.mu.Unlock()
}
