// Command fencetrial counts how often a plain gotch training loop crashes with
// and without hooks.WithGCFence: it runs the same loop in child processes, in
// turn, and prints a table.
//
//	go run ./internal/fencetrial -runs 10 -time 20s
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/nn"
	"github.com/sugarme/gotch/ts"
	"go.uber.org/zap"

	"github.com/seed-140d0f39/gtg/hooks"
)

func main() {
	runs := flag.Int("runs", 10, "how many runs with the fence, and as many without")
	duration := flag.Duration("time", 20*time.Second, "how long each run lasts")
	child := flag.String("child", "", "be one run: plain, attached or fence")
	flag.Parse()
	var err error
	if *child != "" {
		err = train(*child, *duration)
	} else {
		err = trial(*runs, *duration)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func trial(runs int, duration time.Duration) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	kinds := []string{"plain", "attached", "fence"}
	crashes, steps := map[string]int{}, map[string]int{}
	for range runs {
		for _, kind := range kinds {
			out, err := exec.Command(self, "-child", kind, "-time", duration.String()).Output()
			var exit *exec.ExitError
			if errors.As(err, &exit) {
				crashes[kind]++
			} else if err != nil {
				return err
			}
			// The last whole line: a crashed run has said how far it came.
			lines := strings.Split(strings.TrimRight(string(out), "\n"), "\n")
			n, _ := strconv.Atoi(lines[len(lines)-1])
			steps[kind] += n
			fmt.Fprintf(os.Stderr, "%-8s %7d steps, crashed so far: %d\n", kind, n, crashes[kind])
		}
	}
	fmt.Printf("| loop | runs of %v | steps | crashes |\n|---|---|---|---|\n", duration)
	for _, kind := range kinds {
		fmt.Printf("| %s | %d | %d | %d |\n", kind, runs, steps[kind], crashes[kind])
	}
	return nil
}

// train is a plain classifier, written as gotch's own examples are.
func train(kind string, duration time.Duration) error {
	vs := nn.NewVarStore(gotch.CPU)
	net := nn.Seq()
	for i, size := range [][2]int64{{32, 64}, {64, 64}, {64, 64}, {64, 10}} {
		if i > 0 {
			net.AddFn(nn.NewFunc(func(x *ts.Tensor) *ts.Tensor { return x.MustRelu(false) }))
		}
		net.Add(nn.NewLinear(vs.Root(), size[0], size[1], nn.DefaultLinearConfig()))
	}
	opt, err := nn.DefaultAdamConfig().Build(vs, 1e-3)
	if err != nil {
		return err
	}
	if kind != "plain" {
		options := []hooks.Option{hooks.WithLogger(zap.NewNop())}
		if kind == "fence" {
			options = append(options, hooks.WithGCFence())
		}
		guard, err := hooks.Attach(opt, options...)
		if err != nil {
			return err
		}
		defer func() { _ = guard.Close() }()
	}
	x := ts.MustRandn([]int64{64, 32}, gotch.Float, gotch.CPU)
	y := ts.MustRandint(10, []int64{64}, gotch.Int64, gotch.CPU)
	for start, step := time.Now(), 1; time.Since(start) < duration; step++ {
		loss := net.Forward(x).CrossEntropyForLogits(y)
		if err := opt.BackwardStep(loss); err != nil {
			return err
		}
		if step%100 == 0 {
			fmt.Println(step)
		}
	}
	return nil
}
