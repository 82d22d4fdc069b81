package score

import (
	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
	"github.com/seed-140d0f39/gtg/monitor"
)

// A RivalOutcome is what one rule of others said of one run.
type RivalOutcome struct {
	Name   string
	Claims []corpus.Class
}

// A Rival is the score of one rule of others.
type Rival struct {
	Name string `json:"name"`
}

type contender struct{ out RivalOutcome }

func contenders(*monitor.Run, *corpus.Label) []*contender { return nil }

func (c *contender) observe(*monitor.Step) {}

func rivalScores([]*Outcome) []Rival { return nil }

func (p *Part) rivalRows() [][]string { return nil }
