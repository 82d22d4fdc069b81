package figures_test

import (
	"bytes"
	"fmt"

	"github.com/seed-140d0f39/gtg/internal/digest"
	"github.com/seed-140d0f39/gtg/internal/figures"
	"github.com/seed-140d0f39/gtg/monitor"
)

func ExampleOf() {
	d := digest.New(&monitor.Run{Name: "demo"})
	for i := range int64(100) {
		d.Step(&monitor.Step{Step: i + 1, GradNorm: monitor.Known(1 / float64(i+1))})
	}
	norm, err := figures.Of("norm", []*digest.Digest{d})
	if err != nil {
		fmt.Println(err)
		return
	}
	var svg bytes.Buffer
	fmt.Println(norm[0].Title, norm[0].Write(&svg, "svg", figures.Wide))
	// Output: Gradient norm <nil>
}
