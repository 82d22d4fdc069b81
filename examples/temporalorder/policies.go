package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/seed-140d0f39/gtg/clip"
	"github.com/seed-140d0f39/gtg/examples/internal/console"
	"github.com/seed-140d0f39/gtg/hooks"
)

// policies are the clipping policies that the table compares, by their name for
// the flag -clip.
var policies = []struct {
	name string
	new  func() clip.Policy
}{
	{"none", clip.None},
	{"norm=1", func() clip.Policy { return clip.Norm(1) }},
	{"percentile=10", func() clip.Policy { return clip.Percentile(10, 10_000) }},
	{"zscore", func() clip.Policy { return clip.ZScore(clip.DefaultZScore()) }},
	{"outlier", clip.Outlier},
}

func policyNames() string {
	var names []string
	for _, p := range policies {
		names = append(names, p.name)
	}
	return strings.Join(names, ", ")
}

// policy reads -clip: a policy of the table, or one that all examples have.
func policy(s string) (clip.Policy, error) {
	for _, p := range policies {
		if p.name == s {
			return p.new(), nil
		}
	}
	p, err := console.Policy(s)
	if err != nil {
		return nil, fmt.Errorf("%w; this program also has %s", err, policyNames())
	}
	return p, nil
}

// options are what the flags ask of [hooks.Attach], with the policy in place of
// one that the other examples know by the same name.
func (c *config) options(out io.Writer, policy clip.Policy) ([]hooks.Option, func() error, error) {
	shared := c.Flags
	shared.Clip = "none"
	options, closeServer, err := shared.Options(out, map[string]any{
		"lr": c.lr, "clip": c.Clip, "length": c.length, "updates": c.updates, "batch": batchSize, "hidden": hidden})
	return append(options, hooks.WithClip(policy)), closeServer, err
}
