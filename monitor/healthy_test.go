package monitor

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// seeds is how many times each recipe is made; fewer under the race detector, which needs
// no more to see what it sees.
func seeds() uint64 {
	if testing.Short() {
		return 1
	}
	return 5
}

// TestHealthyRunsAreSilent: no hard healthy run brings forth a warning.
func TestHealthyRunsAreSilent(t *testing.T) {
	for _, p := range healthy() {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			for seed := range seeds() {
				for _, e := range observe(p.run(), p.make(seed)) {
					if e.Severity != Info {
						t.Errorf("seed %d, step %d: %s %s: %s", seed, e.Step, e.Kind, e.State, e.Summary)
					}
				}
			}
		})
	}
	require.GreaterOrEqual(t, len(healthy()), 15)
}
