// Package corpus keeps labelled training runs: what was done to each run, what
// became of it, and its log.
//
// A corpus is a folder with one compressed run log for each run and a file
// labels.jsonl with one [Label] a line. A label is the injected cause, confirmed
// by a metric on held-out data; it is never a detector's own opinion.
package corpus
