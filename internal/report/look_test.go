package report_test

import (
	"context"
	"github.com/seed-140d0f39/gtg/internal/digest"
	"github.com/seed-140d0f39/gtg/internal/digest/digesttest"
	"github.com/seed-140d0f39/gtg/internal/report"
	"github.com/stretchr/testify/require"
	"os"
	"testing"
)

func TestLook(t *testing.T) {
	var runs []*digest.Digest
	for i, r := range []digesttest.Recipe{{Name: "demo", Steps: 3000, Params: 24, Spike: 1500, NaN: 2000, Vanish: true}, {Name: "other", Steps: 20000, Params: 24, Seed: 3, Rate: 3}} {
		f, _ := os.Create("/tmp/dev/demo.jsonl")
		require.NoError(t, r.Write(f))
		f.Seek(0, 0)
		l, err := digest.Read(context.Background(), f, "demo.jsonl")
		require.NoError(t, err)
		runs = append(runs, l.Runs...)
		o, _ := os.Create("/tmp/dev/report" + string(rune('1'+i)) + ".html")
		require.NoError(t, report.Write(o, runs[i:], report.Options{Version: "gtg test", Complaints: []report.Complaint{{"demo.jsonl", "line 3: not JSON"}}}))
	}
	o, _ := os.Create("/tmp/dev/report3.html")
	require.NoError(t, report.Write(o, runs, report.Options{Version: "gtg test"}))
}
