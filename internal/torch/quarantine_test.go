package torch

import (
	"os"
	"os/exec"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/nn"
	"github.com/sugarme/gotch/ts"
)

// Collecting garbage all the time crashes a plain loop within seconds, because
// gotch's operations do not keep their tensors alive. An attached one lives.
// The loop runs in a child process, so that a crash is a failed test.
func TestGarbageCollectionDoesNotFreeTensorsInUse(t *testing.T) {
	const variable = "GTG_TEST_COLLECTING"
	if how := os.Getenv(variable); how != "" {
		trainWhileCollecting(t, how == "attached")
		return
	}
	if !Interposed {
		t.Skip("this build does not interpose")
	}
	if testing.Short() {
		t.Skip("takes seconds")
	}
	child := exec.Command(os.Args[0], "-test.run", "^"+t.Name()+"$", "-test.timeout", "60s")
	child.Env = append(os.Environ(), variable+"=attached")
	out, err := child.CombinedOutput()
	require.NoError(t, err, "%.2000s", out)
}

func trainWhileCollecting(t *testing.T, attached bool) {
	// Threads that trained once are ordinary ones afterwards.
	var wg sync.WaitGroup
	for range 12 {
		vs, loss := linear(t)
		wg.Go(func() {
			thread := LockThread()
			defer thread.Unlock()
			opt := sgd(t, vs, 1e-3)
			a := attach(t, opt, func(*Report) bool { return true })
			_ = opt.BackwardStep(loss())
			a.Detach()
		})
	}
	wg.Wait()
	thread := LockThread()
	defer thread.Unlock()
	vs := store()
	a := nn.NewLinear(vs.Root(), 32, 64, nn.DefaultLinearConfig())
	b := nn.NewLinear(vs.Root(), 64, 10, nn.DefaultLinearConfig())
	opt := sgd(t, vs, 1e-3)
	if attached {
		attach(t, opt, func(*Report) bool { return true })
	}
	x := ts.MustRandn([]int64{64, 32}, gotch.Float, gotch.CPU)
	y := ts.MustRandint(10, []int64{64}, gotch.Int64, gotch.CPU)
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		for {
			select {
			case <-stop:
				return
			default:
				runtime.GC()
			}
		}
	}()
	steps := 0
	for start := time.Now(); time.Since(start) < 6*time.Second; steps++ {
		loss := b.Forward(a.Forward(x).MustRelu(false)).CrossEntropyForLogits(y)
		if err := opt.BackwardStep(loss); err != nil {
			t.Fatal(err)
		}
	}
	t.Log(steps, "steps")
}
