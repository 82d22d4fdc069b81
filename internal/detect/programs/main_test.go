package programs

import (
	"runtime/debug"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	// Collecting garbage in the middle of one of gotch's operations can crash it;
	// an attached guard collects between steps.
	debug.SetGCPercent(-1)
	goleak.VerifyTestMain(m)
}
