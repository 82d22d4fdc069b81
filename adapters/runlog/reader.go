package runlog

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/seed-140d0f39/gtg/monitor"
)

// MaxLine is the longest line that a Reader takes, in bytes. A step with four
// arrays over half a million parameters is shorter.
const MaxLine = 64 << 20

// A Line is one line of a run log: the one field that is not nil says which.
type Line struct {
	// Number counts the file's lines from 1.
	Number int
	Run    *monitor.Run
	// Step and its slices are used again by the next call of Next.
	Step  *monitor.Step
	Event *monitor.Event
	End   *monitor.End
}

// A LineError says what is wrong with one line. Reading can go on after it.
type LineError struct {
	Line int
	Err  error
}

func (e *LineError) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }

// Unwrap returns what is wrong.
func (e *LineError) Unwrap() error { return e.Err }

// Reader reads a run log line by line. Reading a step allocates nothing once
// the memory for one step is there.
type Reader struct {
	in    *bufio.Reader
	long  []byte // a line that did not fit in the buffer of in
	lines int    // how many were read
	torn  bool

	src  bytes.Buffer
	dec  jsontext.Decoder
	opts []jsontext.Options
	step monitor.Step
	// The step's memory, for the steps that have a field that others have not.
	space               monitor.Step
	curved, curvedSpace monitor.Curvature // the same for a step's curvature
	policy, method      string            // as last read, to be used again
}

// NewReader returns a Reader from in.
func NewReader(in io.Reader) *Reader {
	return &Reader{
		in:   bufio.NewReaderSize(in, 256<<10),
		opts: []jsontext.Options{jsontext.AllowDuplicateNames(true)},
	}
}

// Torn says whether the log's last line was cut off and left out.
func (r *Reader) Torn() bool { return r.torn }

// Next returns the next line of a known type. At the end of the log the error
// is io.EOF. An error of type [*LineError] is about one line only: Next can be
// called again and goes on with the next one. Any other error is of the
// underlying reader.
func (r *Reader) Next() (Line, error) {
	for {
		text, whole, err := r.line()
		if err != nil {
			return Line{}, err
		}
		if len(bytes.TrimSpace(text)) == 0 {
			continue
		}
		line, err := r.decode(text)
		if err != nil {
			if !whole && !jsontext.Value(text).IsValid(r.opts...) {
				r.torn = true
				return Line{}, io.EOF
			}
			return Line{}, &LineError{r.lines, err}
		}
		if line != (Line{}) {
			line.Number = r.lines
			return line, nil
		}
	}
}

var byteOrderMark = []byte("\uFEFF")

// line returns the next line, and whether it ended with a line break. It is
// valid until the next call.
func (r *Reader) line() (text []byte, whole bool, err error) {
	r.lines++
	text, err = r.in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		r.long = r.long[:0]
		for errors.Is(err, bufio.ErrBufferFull) && len(r.long) <= MaxLine {
			r.long = append(r.long, text...)
			text, err = r.in.ReadSlice('\n')
		}
		r.long = append(r.long, text...)
		if len(r.long) > MaxLine {
			for errors.Is(err, bufio.ErrBufferFull) {
				_, err = r.in.ReadSlice('\n')
			}
			r.long = nil
			if err != nil && err != io.EOF {
				return nil, false, err
			}
			return nil, false, &LineError{r.lines, fmt.Errorf("longer than %d bytes", MaxLine)}
		}
		text = r.long
	}
	if err == io.EOF && len(text) > 0 {
		err = nil
	}
	if r.lines == 1 {
		text = bytes.TrimPrefix(text, byteOrderMark)
	}
	return text, bytes.HasSuffix(text, []byte("\n")), err
}
