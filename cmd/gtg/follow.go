package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"
)

const pollEvery = 200 * time.Millisecond

// A follower reads a file that is being written. At its end it waits for more,
// until the context ends. When another file takes the path (the log was
// rotated, or the trainer restarted) it reads the old one to its end and goes on
// with the new one, and when the file was cut, from its beginning.
//
// It looks at the file five times a second, which works on every file system;
// notifications do not come from a network's.
type follower struct {
	ctx  context.Context
	path string
	file *os.File // nil while there is none
	at   int64    // how far it was read
	last byte     // what was read last
}

// follow begins with the last lines of the file that is there.
func follow(ctx context.Context, path string, lines int) (*follower, error) {
	f := &follower{ctx: ctx, path: path, last: '\n'}
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return f, nil
	}
	if err != nil {
		return nil, err
	}
	if info, err := file.Stat(); err == nil && !info.Mode().IsRegular() {
		file.Close()
		return nil, fmt.Errorf("%s is not a file", path)
	}
	if err := seekLast(file, lines); err != nil {
		file.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	f.file = file
	f.at, err = file.Seek(0, io.SeekCurrent)
	return f, err
}

// Read waits for something to read. It returns io.EOF when the context ends.
func (f *follower) Read(p []byte) (int, error) {
	for {
		moved := f.moved() // before the reading, so that nothing of the old file is missed
		if n, err := f.read(p); n > 0 || err != nil {
			return n, err
		}
		if moved {
			if f.last != '\n' { // what was half written is a line of its own
				p[0], f.last = '\n', '\n'
				return 1, nil
			}
			f.reopen()
			continue
		}
		select {
		case <-f.ctx.Done():
			return 0, io.EOF
		case <-time.After(pollEvery):
		}
	}
}

func (f *follower) read(p []byte) (int, error) {
	if f.file == nil {
		return 0, nil
	}
	n, err := f.file.Read(p)
	if n > 0 {
		f.at += int64(n)
		f.last = p[n-1]
		return n, nil
	}
	if err == io.EOF {
		err = nil
	}
	return 0, err
}

// moved says whether the path leads to something else than what was read: to
// another file, or to one that is shorter.
func (f *follower) moved() bool {
	now, err := os.Stat(f.path)
	if err != nil {
		return false // none there at the moment
	}
	if f.file == nil {
		return true
	}
	old, err := f.file.Stat()
	return err != nil || !os.SameFile(old, now) || now.Size() < f.at
}

func (f *follower) reopen() {
	f.Close()
	if file, err := os.Open(f.path); err == nil {
		f.file = file
	}
}

// Close closes the file.
func (f *follower) Close() {
	if f.file != nil {
		f.file.Close()
	}
	f.file, f.at, f.last = nil, 0, '\n'
}
