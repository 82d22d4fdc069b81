package monitor

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func measured() *Step {
	return &Step{Step: 1, Curvature: &Curvature{GTHG: Known(1), Rho: Known(-2), Converged: true, Method: "hvp",
		ParamGTHG:     []Number{Known(1), {}},
		SpectralRadii: []SpectralRadius{{Name: "w[i]", Radius: Known(1.5), Converged: true}}}}
}

func TestCopyFromCopiesCurvatureDeeply(t *testing.T) {
	from, to := measured(), &Step{}
	to.CopyFrom(from)
	require.Equal(t, measured(), to)
	from.Curvature.GTHG = Known(7)
	from.Curvature.ParamGTHG[0] = Known(7)
	from.Curvature.SpectralRadii[0].Name = "other"
	require.Equal(t, measured(), to)

	require.Zero(t, testing.AllocsPerRun(10, func() { to.CopyFrom(from) }))
	to.CopyFrom(&Step{Curvature: &Curvature{LossChange: Known(1)}})
	require.Equal(t, &Step{Curvature: &Curvature{LossChange: Known(1)}}, to)
	to.CopyFrom(&Step{})
	require.Nil(t, to.Curvature)
}
