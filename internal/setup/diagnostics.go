package setup

import (
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// diagnostics is what a compiler said, reduced to what fitting needs.
type diagnostics struct {
	first string           // the first error, as the compiler wrote it
	lines map[string][]int // by file: the lines that an error is attributed to
}

var (
	located  = regexp.MustCompile(`^(?:In file included from )?(.+?):(\d+):(?:(\d+):)?\s+(.*)$`)
	isError  = regexp.MustCompile(`^(fatal )?error: `)
	isOrigin = regexp.MustCompile(`^(required from|required by|in instantiation of|note: in instantiation of|note: in expansion of macro|note: expanded from macro|\s*in .constexpr. expansion)`)
)

// parse reads the output of g++ or clang++. An error is attributed to the
// place that it names and, when that is inside a template or a macro, to the
// places which that was required from.
func parse(output string) diagnostics {
	d := diagnostics{lines: map[string][]int{}}
	for line := range strings.Lines(output) {
		line = strings.TrimRight(line, "\r\n")
		m := located.FindStringSubmatch(line)
		if m == nil {
			if d.first == "" && strings.Contains(line, "error: ") {
				d.first = line // such as "cc1plus: error: …", which has no place
			}
			continue
		}
		failed := isError.MatchString(m[4])
		if failed && d.first == "" {
			d.first = line
		}
		if failed || isOrigin.MatchString(m[4]) {
			file := filepath.Base(m[1])
			n, _ := strconv.Atoi(m[2])
			d.lines[file] = append(d.lines[file], n)
		}
	}
	return d
}
