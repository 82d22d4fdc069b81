package runlog

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/seed-140d0f39/gtg/monitor"
)

// The methods of this file read the next value of a line. jsontext has checked
// by then that it is JSON; here it gets its meaning. null is what is not known.

const numberForm = `a number, "NaN", "+Inf", "-Inf" or null`

// want is the error of a value that is not what it should be.
func want(raw []byte, form string) error {
	const longest = 40
	if len(raw) > longest {
		raw = append(raw[:longest:longest], "…"...)
	}
	return fmt.Errorf("got %s, want %s", raw, form)
}

// object reads an object or null and calls field after each name, to read that
// field's value.
func (r *Reader) object(field func(name []byte) error) error {
	switch r.dec.PeekKind() {
	case 'n':
		return r.dec.SkipValue()
	case '{':
		_, _ = r.dec.ReadToken()
	default:
		return r.other("an object")
	}
	for r.dec.PeekKind() != '}' {
		quoted, err := r.dec.ReadValue()
		if err != nil {
			return err
		}
		name := quoted[1 : len(quoted)-1]
		if bytes.IndexByte(name, '\\') >= 0 {
			name, _ = jsontext.AppendUnquote(nil, quoted)
		}
		if err := field(name); err != nil {
			return within(name, err)
		}
	}
	_, err := r.dec.ReadToken()
	return err
}

// within says which field an error is about. The parser's own errors say where
// they are.
func within(name []byte, err error) error {
	var s *jsontext.SyntacticError
	if errors.As(err, &s) {
		return err
	}
	return fmt.Errorf("%s: %w", name, err)
}

// array reads an array or null and calls element before each element, to read
// it.
func (r *Reader) array(element func() error) error {
	switch r.dec.PeekKind() {
	case 'n':
		return r.dec.SkipValue()
	case '[':
		_, _ = r.dec.ReadToken()
	default:
		return r.other("an array")
	}
	for r.dec.PeekKind() != ']' {
		if err := element(); err != nil {
			return err
		}
	}
	_, err := r.dec.ReadToken()
	return err
}

// other is the error of a value of another type.
func (r *Reader) other(form string) error {
	raw, err := r.dec.ReadValue()
	if err != nil {
		return err
	}
	return want(raw, form)
}

// text reads a string. Where it is the old one, that is returned and nothing
// is allocated.
func (r *Reader) text(old string) (string, error) {
	raw, err := r.dec.ReadValue()
	switch {
	case err != nil:
		return "", err
	case raw[0] == 'n':
		return "", nil
	case raw[0] != '"':
		return "", want(raw, "a string")
	}
	if inner := raw[1 : len(raw)-1]; string(inner) == old && bytes.IndexByte(inner, '\\') < 0 {
		return old, nil
	}
	unquoted, err := jsontext.AppendUnquote(nil, raw)
	return string(unquoted), err
}

func (r *Reader) integer() (int64, error) {
	raw, err := r.dec.ReadValue()
	if err != nil {
		return 0, err
	}
	return integer(raw)
}

// count reads an integer that is not negative.
func (r *Reader) count() (int64, error) {
	n, err := r.integer()
	if err == nil && n < 0 {
		err = fmt.Errorf("got %d, want an integer from 0", n)
	}
	return n, err
}

// boolean reads true or false; null is false.
func (r *Reader) boolean() (bool, error) {
	raw, err := r.dec.ReadValue()
	if err != nil {
		return false, err
	}
	switch raw[0] {
	case 't', 'f', 'n':
		return raw[0] == 't', nil
	}
	return false, want(raw, "true or false")
}

func (r *Reader) number() (monitor.Number, error) {
	raw, err := r.dec.ReadValue()
	if err != nil {
		return monitor.Number{}, err
	}
	return number(raw)
}

// magnitude reads a number that is not negative: a norm or a count.
func (r *Reader) magnitude() (monitor.Number, error) {
	raw, err := r.dec.ReadValue()
	if err != nil {
		return monitor.Number{}, err
	}
	return magnitude(raw)
}

// magnitudes reads an array of them into the space.
func (r *Reader) magnitudes(space *[]monitor.Number) ([]monitor.Number, error) {
	return list(r, space, magnitude)
}

// numbers reads an array of numbers of any sign into the space.
func (r *Reader) numbers(space *[]monitor.Number) ([]monitor.Number, error) {
	return list(r, space, number)
}

// counts reads an array of integers that are not negative into the space; null
// becomes -1.
func (r *Reader) counts(space *[]int64) ([]int64, error) {
	return list(r, space, func(raw []byte) (int64, error) {
		if raw[0] == 'n' {
			return -1, nil
		}
		n, err := integer(raw)
		if err == nil && n < 0 {
			err = want(raw, "an integer from 0 or null")
		}
		return n, err
	})
}

// list reads an array of plain values. It cuts the array up itself: a token for
// each element would cost more than the element.
func list[T any](r *Reader, space *[]T, element func([]byte) (T, error)) ([]T, error) {
	raw, err := r.dec.ReadValue()
	switch {
	case err != nil:
		return nil, err
	case raw[0] == 'n':
		return nil, nil
	case raw[0] != '[':
		return nil, want(raw, "an array")
	}
	if *space == nil {
		*space = []T{}
	}
	out := (*space)[:0]
	rest := bytes.TrimSpace(raw[1 : len(raw)-1])
	for more := len(rest) > 0; more; {
		var one []byte
		one, rest, more = bytes.Cut(rest, comma)
		v, err := element(bytes.TrimSpace(one))
		if err != nil {
			return nil, fmt.Errorf("entry %d: %w", len(out), err)
		}
		out = append(out, v)
	}
	*space = out
	return out, nil
}

var comma = []byte(",")

func magnitude(raw []byte) (monitor.Number, error) {
	n, err := number(raw)
	if v, _ := n.Get(); err == nil && v < 0 {
		err = want(raw, "a number that is not negative")
	}
	return n, err
}

func number(raw []byte) (monitor.Number, error) {
	switch raw[0] {
	case 'n':
		return monitor.Number{}, nil
	case '"':
		switch string(raw) {
		case `"NaN"`:
			return monitor.Known(math.NaN()), nil
		case `"+Inf"`:
			return monitor.Known(math.Inf(1)), nil
		case `"-Inf"`:
			return monitor.Known(math.Inf(-1)), nil
		}
		return monitor.Number{}, want(raw, numberForm)
	case '{', '[', 't', 'f':
		return monitor.Number{}, want(raw, numberForm)
	}
	v, err := strconv.ParseFloat(string(raw), 64)
	if err != nil {
		return monitor.Number{}, want(raw, "a number within the range of a float64")
	}
	return monitor.Known(v), nil
}

// integer reads 3, and 3.0 or 3e0 too, which some languages write.
func integer(raw []byte) (int64, error) {
	if n, err := strconv.ParseInt(string(raw), 10, 64); err == nil {
		return n, nil
	}
	const exact = 1 << 53 // up to here every integer is a float64
	if v, err := strconv.ParseFloat(string(raw), 64); err == nil && v == math.Trunc(v) && math.Abs(v) <= exact {
		return int64(v), nil
	}
	return 0, want(raw, "an integer within the range of an int64")
}
