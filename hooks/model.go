package hooks

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/seed-140d0f39/gtg/monitor"
)

// model is a run's parameters as a state names them.
type model []modelParam

type modelParam struct {
	Name  string  `json:"name"`
	Shape []int64 `json:"shape"`
}

func modelOf(params []monitor.Param) model {
	m := make(model, len(params))
	for i, p := range params {
		m[i] = modelParam{p.Name, p.Shape}
	}
	return m
}

func (m model) names() (names []string) {
	for _, p := range m {
		names = append(names, p.Name)
	}
	return names
}

// sorted is the model by name: gotch's own order differs from run to run.
func (m model) sorted() model {
	return slices.SortedFunc(slices.Values(m), func(a, b modelParam) int { return cmp.Compare(a.Name, b.Name) })
}

// mustBe is an error that names both models where they differ. One without
// parameters is that of a run without a step, and fits every model.
func (m model) mustBe(now model) error {
	if len(m) == 0 {
		return nil
	}
	then := m.sorted()
	now = now.sorted()
	same := func(a, b modelParam) bool { return a.Name == b.Name && slices.Equal(a.Shape, b.Shape) }
	if slices.EqualFunc(then, now, same) {
		return nil
	}
	missing := func(all, from model) model {
		return slices.DeleteFunc(slices.Clone(all), func(p modelParam) bool {
			return slices.ContainsFunc(from, func(q modelParam) bool { return same(p, q) })
		})
	}
	return fmt.Errorf("the state is of another model: it has %d parameters, this optimizer %d; only the state has %s, only the optimizer %s",
		len(then), len(now), missing(then, now), missing(now, then))
}

// String names the first parameters.
func (m model) String() string {
	const first = 4
	var names []string
	for _, p := range m[:min(len(m), first)] {
		names = append(names, fmt.Sprintf("%q %v", p.Name, p.Shape))
	}
	switch {
	case len(m) == 0:
		return "none"
	case len(m) > first:
		names = append(names, fmt.Sprintf("and %d more", len(m)-first))
	}
	return strings.Join(names, ", ")
}
