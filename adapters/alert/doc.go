// Package alert is the life of a run's alerts, for the adapters that tell
// people and paging systems: alertmanager, webhook, pagerduty and slack.
//
// # The life of an alert
//
// An event of package monitor begins or ends a condition. Its alert is
//
//	inactive   while there is nothing to tell
//	pending    while the condition holds and the alert waits: for as long as
//	           [WithFor] says, for the cooldown after its last end, or for a
//	           cause that silences it
//	firing     until the condition has been clear for as long as [WithKeepFiring]
//	           says, so that what comes and goes is one alert
//	resolved   when it is over
//
// What has no duration fires for as long as [WithHold] says. Events below the
// severity of [WithFloor] do not alert. [Machine] is that life as a pure
// function of events and time.
//
// # Receivers
//
// A [Sink] is plugged in with hooks.WithSink(name, sink) and tells each
// [Receiver] of every change. A receiver that hangs, refuses or fails is tried
// again with pauses that grow; until it is back nothing is queued for it: it is
// told how things are then, once. A trainer that alerts never waits for one.
//
// What receivers were not told of is counted by [Sink.Lost], which
// gtg_reports_dropped_total includes, and said by the next call of the sink.
//
// # The end of a run and its resumption
//
// At the end alerts that fire are left, resolved or handed over ([WithExit]).
// The state of a guard (hooks.Guard.State), saved beside a checkpoint, includes that
// of its sinks; a run that goes on from there alerts nobody again of what was known.
// Without a guard, [Sink.State] is that value and [WithState] takes it back. What
// happens between a checkpoint and the end of a process that dies is told again
// when it happens again.
//
// # Secrets
//
// Addresses beyond the host, tokens and headers are in no error and no log.
package alert
