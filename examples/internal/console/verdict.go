package console

import (
	"fmt"
	"io"

	"github.com/seed-140d0f39/gtg/monitor"
)

// PrintVerdict writes the findings, one paragraph each.
func PrintVerdict(w io.Writer, findings []monitor.Finding) {
	fmt.Fprintln(w, "gtg's verdict, by the challenges of Deep Learning, section 8.2:")
	for _, f := range findings {
		fmt.Fprintf(w, "  %s  %s\n         %s\n", f.Section, f.Finding, f.Evidence)
	}
}
