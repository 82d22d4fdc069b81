package monitor

// giveUp reports that the run was told to stop: skipping steps with non-finite
// gradients did not help. It is said once, the moment that the first step of
// action stop is recorded, beside the nonfinite event that is firing since
// skipping began: a run that is silently skipped for ever is worse than one
// that ends.
func (m *Monitor) giveUp(s *Step) {
	was := m.stopped
	m.stopped = s.Action == ActionStop
	if !m.stopped || was {
		return
	}
	e := Event{Step: s.Step, Kind: NonFinite, State: Instant, Summary: "Skipping steps that are not finite does not help: " +
		"the optimizer is not called any more, the parameters are those of the last good step."}
	e.describe(Critical, "8.2.4", "Stop, and go on from the last checkpoint with a lower learning rate or without the data that did it.")
	m.events = append(m.events, e)
}
