package main

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/nn"
	"go.uber.org/zap"

	"github.com/seed-140d0f39/gtg/hooks"
	"github.com/seed-140d0f39/gtg/internal/digits"
	"github.com/seed-140d0f39/gtg/internal/overhead"
)

// BenchmarkOverhead is what gtg's default options cost a step of this example.
func BenchmarkOverhead(b *testing.B) {
	folder, err := digits.Folder(b.Context(), "")
	require.NoError(b, err)
	training, test, err := digits.Load(folder)
	require.NoError(b, err)
	vs := nn.NewVarStore(gotch.CPU)
	t := &trainer{net: newNet(vs), training: training, test: test, batch: 64}
	t.opt, err = nn.NewSGDConfig(0.9, 0, 0, false).Build(vs, 1e-3)
	require.NoError(b, err)
	order := rand.New(rand.NewPCG(1, 1)).Perm(training.Len())
	at := 0
	overhead.Measure(b, overhead.Loop{Optimizer: t.opt, Steps: 25, Step: func() error {
		if at+t.batch > len(order) {
			at = 0
		}
		at += t.batch
		_, err := t.step(order[at-t.batch : at])
		return err
	}}, hooks.WithLogger(zap.NewNop()))
}
