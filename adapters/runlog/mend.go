package runlog

import (
	"bytes"
	"fmt"
	"os"

	"github.com/go-json-experiment/json/jsontext"
)

// mend lets a file end with a whole line, so that a resumed run can go on with
// the next. A line that this package began and a kill tore apart is removed;
// any other end is only given its line break.
func mend(f *os.File, size int64) error {
	tail, err := lastLine(f, size)
	if err != nil || len(tail) == 0 {
		return err
	}
	if bytes.HasPrefix(tail, []byte(`{"type":"`)) && !jsontext.Value(tail).IsValid() {
		return f.Truncate(size - int64(len(tail)))
	}
	_, err = f.Write([]byte("\n"))
	return err
}

// lastLine returns what follows the file's last line break.
func lastLine(f *os.File, size int64) ([]byte, error) {
	for block := int64(4 << 10); ; block *= 8 {
		block = min(block, size)
		b := make([]byte, block)
		if _, err := f.ReadAt(b, size-block); err != nil {
			return nil, err
		}
		if i := bytes.LastIndexByte(b, '\n'); i >= 0 {
			return b[i+1:], nil
		}
		if block == size {
			return b, nil
		}
		if block > MaxLine {
			return nil, fmt.Errorf("no line break in the last %d bytes: not a run log", block)
		}
	}
}
