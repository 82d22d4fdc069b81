package main

import (
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// A log is anyone's: its names and sentences may hold escape sequences that change a
// terminal, line breaks that forge lines, and marks that turn the direction of
// text around. All that commands print of a log goes through printf or jsonText,
// where such characters are written as their escapes.

// printf is fmt.Fprintf with every text and error among the arguments on one
// line, and visible.
func printf(w io.Writer, format string, args ...any) error {
	shown := make([]any, len(args))
	for i, a := range args {
		switch a := a.(type) {
		case error:
			shown[i] = visible(a.Error())
		default:
			if shown[i] = a; reflect.ValueOf(a).Kind() == reflect.String {
				shown[i] = visible(reflect.ValueOf(a).String())
			}
		}
	}
	_, err := fmt.Fprintf(w, format, shown...)
	return err
}

// visible is the text with all that a terminal would not show as a character
// written as Go does in quotes.
func visible(s string) string {
	if utf8.ValidString(s) && strings.IndexFunc(s, hidden) < 0 {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[0])
		case hidden(r):
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
		default:
			b.WriteString(s[:size])
		}
		s = s[size:]
	}
	return b.String()
}

// hidden says whether a terminal would take the character as a command, or not
// show it.
func hidden(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
}

// jsonText writes JSON, whose strings may hold any of them, as the same JSON.
type jsonText struct{ out io.Writer }

func (t jsonText) Write(p []byte) (int, error) {
	var b strings.Builder
	for _, r := range string(p) {
		switch {
		case r == '\n' || !hidden(r):
			b.WriteRune(r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	if _, err := io.WriteString(t.out, b.String()); err != nil {
		return 0, err
	}
	return len(p), nil
}
