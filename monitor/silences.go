package monitor

import "slices"

// Silences says whether a condition of kind cause, while it fires, accounts for
// one of the other kind, which is then no news: after a NaN everything that is
// measured is its consequence. No kind silences itself.
func Silences(cause, kind Kind) bool {
	return cause != kind && slices.Contains(inhibits[cause], kind)
}
