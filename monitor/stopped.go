package monitor

// giveUp reports that skipping steps with non-finite gradients was given up: the
// run was told to stop, or such a step is applied after others were skipped. It
// is said once, beside the nonfinite event that is firing since skipping began:
// a run that is silently skipped for ever is worse than one that ends.
func (m *Monitor) giveUp(s *Step) {
	was := m.action
	if m.action = s.Action; s.Zeroed > 0 {
		m.action = ActionSkip // mended: as good as skipped, what was bad was not applied
	}
	e := Event{Step: s.Step, Kind: NonFinite, State: Instant}
	switch {
	case s.Action == ActionStop && was != ActionStop && !m.course.finite:
		e.Summary = "Skipping steps that are not finite does not help: the optimizer is not called any more, " +
			"the parameters are those of the last good step."
	case s.Action == ActionStep && was == ActionSkip && s.NonFinite.Or(0) > 0 && s.Zeroed == 0:
		e.Summary = "Skipping steps that are not finite does not help: from now on they are applied as they are, " +
			"and destroy the parameters."
	default:
		return
	}
	e.describe(Critical, "8.2.4", "Stop, and go on from the last checkpoint with a lower learning rate or without the data that did it.")
	m.events = append(m.events, e)
}
