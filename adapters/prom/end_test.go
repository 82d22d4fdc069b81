package prom_test

import (
	"math"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/seed-140d0f39/gtg/adapters/prom"
	"github.com/seed-140d0f39/gtg/monitor"
)

// The end of a run is exported, and the next run of that name
// takes it back.
func TestEndOfARun(t *testing.T) {
	reg := prometheus.NewRegistry()
	end := func() float64 {
		families, err := reg.Gather()
		require.NoError(t, err)
		for _, f := range families {
			if f.GetName() == "gtg_run_end_timestamp_seconds" {
				return f.GetMetric()[0].GetGauge().GetValue()
			}
		}
		return math.NaN()
	}
	for range 2 {
		s, err := prom.New(reg)
		require.NoError(t, err)
		require.NoError(t, s.Start(&monitor.Run{Name: "run"}))
		require.True(t, math.IsNaN(end()))
		before := float64(time.Now().Unix())
		require.NoError(t, s.Close(t.Context(), &monitor.End{}))
		require.GreaterOrEqual(t, end(), before)
	}
}
