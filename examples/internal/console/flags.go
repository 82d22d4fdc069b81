package console

import (
	"errors"
	"flag"
	"fmt"
	"strconv"
	"strings"

	"github.com/seed-140d0f39/gtg/clip"
)

// Flags are the flags that all examples have.
type Flags struct {
	Attach    bool
	Clip      string
	Curvature float64
	Output    string
	Metrics   string
	Seed      int64
	Threads   int
}

// Register adds the flags to the set; output is the default path of the run log.
func (f *Flags) Register(set *flag.FlagSet, output string) {
	set.BoolVar(&f.Attach, "attach", true, "attach gtg; false runs the same loop without it")
	set.StringVar(&f.Clip, "clip", "outlier", "clipping: outlier, none, norm=`MAX` or value=MAX")
	set.Float64Var(&f.Curvature, "curvature", 0, "`share` of the time for measuring the curvature, e.g. 0.03; 0 for none")
	set.StringVar(&f.Output, "output", output, "`file` of the run log, overwritten; empty for none")
	set.StringVar(&f.Metrics, "metrics", "127.0.0.1:0", "`address` on which /metrics is served, port 0 for a free one; empty for none")
	set.Int64Var(&f.Seed, "seed", 1, "seed of all random numbers")
	set.IntVar(&f.Threads, "threads", 1, "threads of one libtorch operation")
}

// Parse parses the arguments with the set, which takes no others than flags.
// The error is flag.ErrHelp when help was asked for and given.
func Parse(set *flag.FlagSet, args []string) error {
	if err := set.Parse(args); err != nil {
		return err
	}
	if set.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q: there are only flags, see -help", set.Arg(0))
	}
	return nil
}

// Positive returns an error that names the first flag of the set whose value is
// a number and not above 0, among those named.
func Positive(set *flag.FlagSet, names ...string) error {
	for _, name := range names {
		value := set.Lookup(name).Value.String()
		if v, err := strconv.ParseFloat(value, 64); err != nil || !(v > 0) {
			return fmt.Errorf("-%s %s: the value is above 0", name, value)
		}
	}
	return nil
}

var errPolicy = errors.New("a policy is outlier, none, norm=MAX or value=MAX, e.g. norm=1.0")

// Policy reads a clipping policy as the flag -clip has it.
func Policy(s string) (clip.Policy, error) {
	name, value, hasValue := strings.Cut(s, "=")
	made := map[string]func(float64) clip.Policy{"norm": clip.Norm, "value": clip.Value}[name]
	switch {
	case s == "outlier":
		return clip.Outlier(), nil
	case s == "none":
		return clip.None(), nil
	case made == nil || !hasValue:
		return nil, fmt.Errorf("-clip %q: %w", s, errPolicy)
	}
	limit, err := strconv.ParseFloat(value, 64)
	if err != nil {
		return nil, fmt.Errorf("-clip %q: %w", s, errPolicy)
	}
	policy := made(limit)
	if err := policy.Validate(); err != nil {
		return nil, fmt.Errorf("-clip %q: %w", s, err)
	}
	return policy, nil
}
