// Package figures draws the figures of a run, or of several over one another,
// from their digests: with gonum/plot, as SVG, PDF or PNG.
package figures
