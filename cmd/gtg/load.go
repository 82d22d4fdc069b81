package main

import (
	"context"
	"fmt"
	"os"

	"github.com/seed-140d0f39/gtg/internal/digest"
	"github.com/seed-140d0f39/gtg/internal/report"
)

// open opens a log; - is standard input, which stays open.
func open(path string) (*os.File, func(), error) {
	if path == "-" {
		return os.Stdin, func() {}, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, unreadable{err}
	}
	if info, err := f.Stat(); err == nil && info.IsDir() {
		f.Close()
		return nil, nil, unreadable{fmt.Errorf("%s is a folder, want a run log", path)}
	}
	return f, func() { f.Close() }, nil
}

// load digests the runs of the logs. What could not be read is told on the
// error stream, and returned.
func load(ctx context.Context, s *streams, paths ...string) (runs []*digest.Digest, complaints []report.Complaint, err error) {
	for _, path := range paths {
		log, err := loadOne(ctx, s, path)
		if err != nil {
			return nil, nil, err
		}
		for _, what := range log.Complaints() {
			printf(s.err, "gtg: %s: %s\n", path, what)
			complaints = append(complaints, report.Complaint{Source: path, What: what})
		}
		runs = append(runs, log.Runs...)
	}
	return runs, complaints, nil
}

func loadOne(ctx context.Context, s *streams, path string) (*digest.Log, error) {
	in, done, err := open(path)
	if err != nil {
		return nil, err
	}
	defer done()
	const long = 64 << 20 // bytes that take more than a second
	if p := newProgress(s.err); p.terminal {
		if info, err := in.Stat(); err == nil && info.Size() > long {
			finished := p.Stage(fmt.Sprintf("reading %s, %d MB", path, info.Size()>>20))
			defer finished("done")
		}
	}
	source := path
	if path == "-" {
		source = "standard input"
	}
	log, err := digest.Read(ctx, in, source)
	if err != nil {
		return nil, unreadable{fmt.Errorf("%s: %w", source, err)}
	}
	return log, nil
}
