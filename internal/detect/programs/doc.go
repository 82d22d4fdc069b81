// Package programs are real training programs, healthy ones and ones with a
// known fault, from whose logs gtg's false alarms and misses are counted.
//
// A [Program] is a task, a network and an optimizer; a [Case] is a variation of
// it with a cause that is known by construction. [Run] trains one with one seed
// and writes its log. Whether the cause had its effect is judged from a metric on
// held-out data, or from the injected event itself, never by a detector
// ([Outcome.Label]). Half of the programs are for setting thresholds, the other
// half are held out, and the two halves share no family of tasks: thresholds that
// fit one network do not carry over to others by themselves.
package programs
