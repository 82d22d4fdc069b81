package figures_test

import (
	"bytes"
	"context"
	"github.com/seed-140d0f39/gtg/internal/digest"
	"github.com/seed-140d0f39/gtg/internal/digest/digesttest"
	"github.com/seed-140d0f39/gtg/internal/figures"
	"github.com/stretchr/testify/require"
	"os"
	"testing"
)

func TestLook(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, digesttest.Recipe{Name: "demo", Steps: 3000, Params: 24, Spike: 1500, NaN: 2000, Vanish: true}.Write(&b))
	os.WriteFile("/tmp/dev/demo.jsonl", b.Bytes(), 0o644)
	l, err := digest.Read(context.Background(), &b, "demo")
	require.NoError(t, err)
	for _, f := range figures.All(l.Runs) {
		if f.Missing != "" {
			t.Log(f.Name, f.Missing)
			continue
		}
		o, _ := os.Create("/tmp/dev/fig-" + f.Name + ".png")
		require.NoError(t, f.Write(o, "png", figures.Wide))
		o.Close()
		svg, err := f.Inline(figures.Wide)
		require.NoError(t, err)
		t.Log(f.Name, len(svg))
		svg, err = f.Inline(figures.Narrow)
		require.NoError(t, err)
		t.Log(f.Name, len(svg))
		os.WriteFile("/tmp/dev/fig-"+f.Name+".svg", svg, 0o644)
	}
}
