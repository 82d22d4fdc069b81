package hooks

import (
	"github.com/seed-140d0f39/gtg/internal/torch"
	"github.com/seed-140d0f39/gtg/monitor"
)

// params maps the run's parameters, whose list is fixed at the first step, to
// the places where the optimizer has them, which change from run to run and
// when parameters are added.
type params struct {
	index []int // for each of Run.Params: its place in the report, -1 when it is gone
	extra []int // places of parameters that came later: they count in the total only
}

// list describes the optimizer's parameters for the run.
func list(all []torch.Param) []monitor.Param {
	out := make([]monitor.Param, len(all))
	for i, p := range all {
		out[i] = monitor.Param{Name: p.Name, Shape: p.Shape, Numel: p.Numel}
	}
	return out
}

// bind finds each parameter of the run in the optimizer.
func (m *params) bind(run []monitor.Param, all []torch.Param) {
	places := make(map[string]int, len(all))
	for _, p := range all {
		places[p.Name] = p.Index
	}
	m.index, m.extra = m.index[:0], m.extra[:0]
	for _, p := range run {
		if i, ok := places[p.Name]; ok {
			m.index = append(m.index, i)
			delete(places, p.Name)
		} else {
			m.index = append(m.index, -1)
		}
	}
	for _, p := range all {
		if _, left := places[p.Name]; left {
			m.extra = append(m.extra, p.Index)
		}
	}
}

// reorder puts all into the order of names, where they are the same set.
func reorder(all []torch.Param, names []string) []torch.Param {
	if len(names) != len(all) {
		return all
	}
	byName := make(map[string]torch.Param, len(all))
	for _, p := range all {
		byName[p.Name] = p
	}
	out := make([]torch.Param, 0, len(all))
	for _, name := range names {
		p, ok := byName[name]
		if !ok {
			return all
		}
		out = append(out, p)
	}
	return out
}
