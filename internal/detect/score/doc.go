// Package score compares what detectors say of labelled training runs with the
// labels: false alarms in the healthy runs, and in the faulty ones whether the
// cause was named, how soon, and how often.
//
// The rules of others (package rivals) are judged on the same runs and the same
// records. Tuning programs and held-out programs never share a number.
package score
