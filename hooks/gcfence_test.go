package hooks

import (
	"runtime/debug"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// Go's own pacing comes back, however guards come and go at the same time.
func TestFenceGivesThePacingBack(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(150))
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for range 40 {
				fence.up()
				fence.down()
			}
		})
	}
	wg.Wait()
	require.Equal(t, 150, debug.SetGCPercent(150))
}
