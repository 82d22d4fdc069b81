package monitor

// Detectors returns a fresh set of all detectors for the run, causes before
// their consequences: in one step the earlier fire first, and see inhibits for
// what they silence.
func Detectors(run *Run) []Detector {
	return []Detector{
		newNonFinite(run),
		newFrozen(run),
		newDead(run),
		newCliff(),
		newLossSpike(),
		newDiverging(),
		newExploding(run),
		newVanishing(run),
		newOscillating(),
		newIllConditioned(run),
		newStagnating(),
		newPlateau(run),
		newCriticalPoint(),
		newRisingGradient(),
		newClipSaturated(),
		newClipIdle(),
	}
}

// inhibits says what each kind silences: a condition that begins while one of
// its causes is firing is not reported, however long it lasts. It can fire again
// only after it has been clear.
var inhibits = map[Kind][]Kind{
	// After a NaN everything that is measured is its consequence.
	NonFinite: Kinds(),
	// A step off a cliff throws the loss up.
	Cliff: {LossSpike},
	// A loss that climbs away has large gradients, leaps, and makes no progress.
	Diverging: {Cliff, LossSpike, Exploding, Vanishing, Oscillating, IllConditioned, Stagnating, Plateau, RisingGradient},
	Exploding: {Vanishing, Oscillating, IllConditioned, Stagnating, Plateau, RisingGradient},
	// What gets no gradient has none to vanish, and stops the progress.
	Frozen:    {Dead, Vanishing, Stagnating, Plateau},
	Dead:      {Vanishing, Stagnating, Plateau},
	Vanishing: {Stagnating, Plateau},
	// A step that is too long leaps and makes no progress, whatever says that it is.
	Oscillating:    {Cliff, LossSpike, IllConditioned, Stagnating, Plateau},
	IllConditioned: {Cliff, LossSpike, Oscillating, Stagnating},
	// The two names of a loss that does not improve.
	Stagnating: {Plateau},
	Plateau:    {Stagnating},
}

// describe fills in what is the same for every event of a kind.
func (e *Event) describe(severity Severity, section, advice string) {
	e.Severity, e.Section, e.Advice = severity, section, advice
}
