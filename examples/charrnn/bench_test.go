package main

import (
	"io"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/nn"
	"go.uber.org/zap"

	"github.com/seed-140d0f39/gtg/hooks"
	"github.com/seed-140d0f39/gtg/internal/overhead"
)

// BenchmarkOverhead is what gtg's default options cost a step of this example.
func BenchmarkOverhead(b *testing.B) {
	overhead.Measure(b, loop(b), hooks.WithLogger(zap.NewNop()))
}

// BenchmarkWatched is a step of this example with ten live pages connected and with
// none.
func BenchmarkWatched(b *testing.B) { overhead.Watched(b, loop(b)) }

// loop is this example's, ready to step.
func loop(b *testing.B) overhead.Loop {
	c, err := parse(nil, io.Discard)
	require.NoError(b, err)
	folder, err := goSources()
	require.NoError(b, err)
	corpus, err := readCorpus(folder, 1<<20)
	require.NoError(b, err)
	v := newVocabulary(corpus)
	text, err := newWindows(v.encode(corpus), c.batch, c.window, rand.New(rand.NewPCG(1, 1)))
	require.NoError(b, err)
	vs := nn.NewVarStore(gotch.CPU)
	m, err := newModel(vs, v.size(), c.hidden)
	require.NoError(b, err)
	opt, err := nn.NewSGDConfig(c.momentum, 0, 0, false).Build(vs, 1e-3)
	require.NoError(b, err)
	return overhead.Loop{Optimizer: opt, Steps: 25, Step: func() error {
		loss, err := m.loss(text.next(), int64(text.rows), int64(text.length))
		if err != nil {
			return err
		}
		defer loss.MustDrop()
		return opt.BackwardStep(loss)
	}}
}
