package programs

import (
	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// Label says what was done to the run and whether it had its effect; plain is what
// became of the plain run of the same program and seed.
func (o *Outcome) Label(p *Program, c *Case, seed int64, plain *Outcome) corpus.Label {
	reference := plain.Metric
	l := corpus.Label{
		Program: p.Name, Case: c.Name, Seed: seed, Class: c.Class, Hard: c.Hard, HeldOut: p.HeldOut,
		Onset: o.Onset, Steps: o.Steps, Metric: o.Metric, Reference: reference, Chance: p.Chance, Accuracies: o.Accuracies,
	}
	way := (o.Metric - p.Chance) / (reference - p.Chance)
	switch c.Class {
	case corpus.Healthy:
		l.Onset = 0
		l.Confirmed = way >= c.Least && !o.Stopped
	case corpus.Poisoned:
		l.End = min(o.Onset+20, o.Steps)
		l.Confirmed = max(o.Loss, o.Norm) >= 10 && !o.Broken && way >= 0.7
	case corpus.Cliffs:
		l.Leap = o.Leap
		l.Confirmed = o.Norm >= cliffNorm
	case corpus.NonFinite:
		if !p.Recipe(c).Fault.Lasting {
			l.End = o.Onset
		}
		l.Confirmed = o.Broken
	case corpus.Frozen:
		l.Confirmed = o.Silent > 0.5
	case corpus.Escape:
		l.End = o.Half
		l.Confirmed = o.Flat >= plateau && float64(o.Flat) >= 0.4*float64(o.Steps) && o.Half < o.Steps && way >= 0.5
	case corpus.Dying:
		l.Confirmed = way <= c.Most && o.Zeros >= 0.6
	case corpus.Oscillating: // and neither comes down nor runs away
		l.Confirmed = (way <= c.Most || o.Climb > 0.8) && o.Swing >= 0.3 && o.Moves >= 0.3 && o.Level > 0.5 && o.Level < 2 && !o.Stopped
	case corpus.Saddle:
		l.Confirmed = way <= c.Most && o.Climb < 1.2 && !o.Stopped
	case corpus.Exploding:
		l.Confirmed = way <= c.Most && o.First >= 100*plain.First
	case corpus.Vanishing, corpus.TooSlow:
		l.Confirmed = way <= c.Most && o.Climb < 3 && !o.Stopped
	case corpus.IllConditioned: // and no longer step would help
		l.Confirmed = way <= c.Most && o.Climb < 3 && o.Stiffness >= 0.25 && !o.Stopped
	case corpus.Diverging:
		l.Confirmed = way <= c.Most && (o.Climb > 1.2 || o.Stopped)
	default:
		l.Confirmed = way <= c.Most
	}
	// What the plain run does not learn is no measure of the others.
	l.Confirmed = l.Confirmed && reference >= p.Solved && reference > p.Chance
	return l
}
