package clip

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNoneChangesNothing(t *testing.T) {
	p := None()
	for _, g := range gradients(20, 1000, true) {
		require.Equal(t, Keep(), p.Decide(g))
	}
}
