package main

import (
	"fmt"
	"slices"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
	"github.com/seed-140d0f39/gtg/internal/detect/programs"
)

// A job is one training.
type job struct {
	program *programs.Program
	name    *programs.Case
	seed    int64
}

func (j job) String() string {
	return fmt.Sprintf("%s, %s, seed %d", j.program.Name, j.name.Name, j.seed)
}

// choose lists the trainings of the programs and classes of the names; nil is all.
func choose(names, classes []string, seeds int64) ([]job, error) {
	all := programs.All()
	for _, n := range names {
		if !slices.ContainsFunc(all, func(p *programs.Program) bool { return p.Name == n }) {
			var known []string
			for _, p := range all {
				known = append(known, p.Name)
			}
			return nil, fmt.Errorf("there is no program %q, want one of %v", n, known)
		}
	}
	for _, c := range classes {
		if !slices.Contains(corpus.Classes(), corpus.Class(c)) {
			return nil, fmt.Errorf("there is no class %q, want one of %v", c, corpus.Classes())
		}
	}
	var jobs []job
	for _, p := range all {
		if names != nil && !slices.Contains(names, p.Name) {
			continue
		}
		for i := range p.Cases {
			c := &p.Cases[i]
			if c.Name != programs.Plain && classes != nil && !slices.Contains(classes, string(c.Class)) {
				continue
			}
			for seed := int64(1); seed <= seeds; seed++ {
				jobs = append(jobs, job{p, c, seed})
			}
		}
	}
	return jobs, nil
}
