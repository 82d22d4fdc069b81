package setup

import (
	"regexp"
	"strings"
)

// A function is the definition of one C++ function in a source file.
type function struct {
	name        string
	returns     string // all that stands before the name
	first, last int    // lines, from 1
	open, close int    // byte offsets of the braces of its body
}

// functions finds the definitions at the top level of a C++ source, and within
// extern "C" and namespace blocks. It knows as much of C++ as that takes:
// comments, literals, preprocessor lines and braces.
func functions(src string) []function {
	var (
		found  []function
		header strings.Builder // what was read since the last definition
		depth  int             // of braces, not counting transparent blocks
		blocks int             // transparent blocks that are open
		line   = 1
		first  int // line on which the header begins
		cur    function
	)
	reset := func() { header.Reset(); first = 0 }
	for i := 0; i < len(src); {
		n := skip(src, i)
		if n > 0 {
			line += strings.Count(src[i:i+n], "\n")
			i += n
			if depth == 0 {
				header.WriteByte(' ')
			}
			continue
		}
		c := src[i]
		switch {
		case c == '\n':
			line++
			if depth == 0 {
				header.WriteByte(' ')
			}
		case c == '{' && depth == 0 && transparent(header.String()):
			blocks++
			reset()
		case c == '{':
			if depth++; depth == 1 {
				cur = function{first: first, open: i}
				cur.returns, cur.name = signature(header.String())
			}
		case c == '}' && depth > 0:
			if depth--; depth == 0 {
				if cur.close, cur.last = i, line; cur.name != "" {
					found = append(found, cur)
				}
				reset()
			}
		case c == '}' && blocks > 0:
			blocks--
			reset()
		case depth > 0:
		case c == ';':
			reset()
		default:
			if first == 0 && c != ' ' && c != '\t' && c != '\r' {
				first = line
			}
			header.WriteByte(c)
		}
		i++
	}
	return found
}

// skip returns the length of the comment, literal or preprocessor line that
// begins at i, or 0.
func skip(src string, i int) int {
	rest := src[i:]
	end := func(mark string) int {
		if n := strings.Index(rest[2:], mark); n >= 0 {
			return 2 + n + len(mark)
		}
		return len(rest)
	}
	switch {
	case strings.HasPrefix(rest, "//"):
		if n := strings.IndexByte(rest, '\n'); n >= 0 {
			return n // the newline is not part of the comment
		}
		return len(rest)
	case strings.HasPrefix(rest, "/*"):
		return end("*/")
	case rest[0] == '"', rest[0] == '\'' && !digitSeparator(src, i):
		for n := 1; n < len(rest); n++ {
			switch rest[n] {
			case '\\':
				n++
			case rest[0]:
				return n + 1
			case '\n': // not a literal after all
				return n
			}
		}
		return len(rest)
	case rest[0] == '#' && strings.TrimSpace(src[strings.LastIndexByte(src[:i], '\n')+1:i]) == "":
		for n := 0; n < len(rest); n++ {
			if rest[n] == '\n' && !strings.HasSuffix(strings.TrimSuffix(rest[:n], "\r"), `\`) {
				return n
			}
		}
		return len(rest)
	}
	return 0
}

// digitSeparator reports whether the quote at i stands within a number, as in
// 1'000.
func digitSeparator(src string, i int) bool {
	return i > 0 && src[i-1] >= '0' && src[i-1] <= '9'
}

var (
	blockHeader = regexp.MustCompile(`^\s*(extern|(inline\s+)?namespace\b[^(]*)\s*$`)
	nameBefore  = regexp.MustCompile(`^(.*?)([A-Za-z_]\w*)\s*$`)
	notFunction = regexp.MustCompile(`^\s*(template\s*<[^{]*>\s*)?(struct|class|union|enum)\b[^(]*$`)
)

// transparent reports whether what opens after the header is a block that
// holds definitions: a namespace, or extern "C", whose literal was skipped.
func transparent(header string) bool { return blockHeader.MatchString(header) }

// signature splits a header at the function's name. The name is empty when the
// header is not a function's.
func signature(header string) (returns, name string) {
	before, _, ok := strings.Cut(header, "(")
	if !ok || notFunction.MatchString(header) || strings.Contains(before, "=") {
		return "", ""
	}
	m := nameBefore.FindStringSubmatch(before)
	if m == nil {
		return "", ""
	}
	return strings.TrimSpace(m[1]), m[2]
}

// disable replaces the bodies of the functions by body(f).
func disable(src string, which []function, body func(f function) string) string {
	var out strings.Builder
	at := 0
	for _, f := range which { // in the order of the source
		out.WriteString(src[at : f.open+1])
		out.WriteString("\n" + body(f) + "\n")
		at = f.close
	}
	out.WriteString(src[at:])
	return out.String()
}
