package digest_test

import (
	"context"
	"github.com/seed-140d0f39/gtg/internal/digest"
	"os"
	"runtime"
	"testing"
	"time"
)

func TestReadBig(t *testing.T) {
	f, err := os.Open("/tmp/dev/big.jsonl")
	if err != nil {
		t.Skip()
	}
	b := time.Now()
	l, err := digest.Read(context.Background(), f, "big")
	if err != nil {
		t.Fatal(err)
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	t.Log(time.Since(b), m.HeapInuse>>20, m.Sys>>20, l.Runs[0].Steps, l.Runs[0].GradNorm.All(), l.Complaints(), len(l.Runs[0].Verdict))
}
