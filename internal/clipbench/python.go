//go:build gtg_bench

package main

import (
	"bufio"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

//go:embed clip.py
var script string

// pythonChild is a process that clips gradients of the same shapes with PyTorch's
// Python function, one at a time, when it is told to.
type pythonChild struct {
	command *exec.Cmd
	to      io.WriteCloser
	from    *bufio.Reader
	missing string // why there is none
}

func startPython(python string) *pythonChild {
	if out, err := exec.Command(python, "-c", "import torch; print(torch.__version__)").Output(); err != nil || len(out) == 0 {
		return &pythonChild{missing: "not there"}
	}
	p := &pythonChild{command: exec.Command(python, "-c", script)}
	p.command.Stderr = os.Stderr
	to, err := p.command.StdinPipe()
	if err == nil {
		var from io.ReadCloser
		if from, err = p.command.StdoutPipe(); err == nil {
			p.to, p.from = to, bufio.NewReader(from)
			err = p.command.Start()
		}
	}
	if err != nil {
		return &pythonChild{missing: err.Error()}
	}
	return p
}

// ask sends one request and returns the answer, a number of seconds.
func (p *pythonChild) ask(request any) (float64, error) {
	if p.missing != "" {
		return -1, nil
	}
	if err := json.NewEncoder(p.to).Encode(request); err != nil {
		return 0, fmt.Errorf("asking python: %w", err)
	}
	line, err := p.from.ReadString('\n')
	if err != nil {
		return 0, fmt.Errorf("the answer of python: %w", err)
	}
	return strconv.ParseFloat(strings.TrimSpace(line), 64)
}

func (p *pythonChild) build(m model) error {
	_, err := p.ask(map[string]any{"shapes": m.shapes})
	return err
}

func (p *pythonChild) time(threads int, clips bool) (float64, error) {
	return p.ask(map[string]any{"threads": threads, "clips": clips})
}

func (p *pythonChild) close() {
	if p.missing == "" {
		p.to.Close()
		_ = p.command.Wait()
	}
}
