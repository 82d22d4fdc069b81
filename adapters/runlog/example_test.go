package runlog_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/seed-140d0f39/gtg/adapters/runlog"
	"github.com/seed-140d0f39/gtg/monitor"
)

func ExampleNewWriter() {
	w := runlog.NewWriter(os.Stdout)
	_ = w.Start(&monitor.Run{Name: "demo", Params: []monitor.Param{{Name: "w", Shape: []int64{2, 3}, Numel: 6}}})
	_ = w.Step(&monitor.Step{Step: 1, Loss: monitor.Known(2.5), GradNorm: monitor.Known(0.75)})
	_ = w.Close(context.Background(), &monitor.End{Step: 1, Reason: monitor.Closed})
	// Output:
	// {"type":"run","schema":1,"run":"demo","params":[{"name":"w","shape":[2,3],"numel":6}]}
	// {"type":"step","step":1,"loss":2.5,"grad_norm":0.75}
	// {"type":"end","step":1,"reason":"closed"}
}

func ExampleCreate() {
	w, err := runlog.Create("run.jsonl")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.Remove("run.jsonl")
	fmt.Println(w.Close(context.Background(), &monitor.End{}))
	// Output: <nil>
}

func ExampleReader() {
	log := `{"type":"step","step":1,"loss":2.5}
{"type":"step","step":2,"loss":oops}
{"type":"step","step":3,"loss":"NaN"}
{"type":"step","st`
	r := runlog.NewReader(strings.NewReader(log))
	for {
		line, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil { // a *runlog.LineError: the next line may be well
			fmt.Println("bad line")
			continue
		}
		if line.Step != nil {
			loss, _ := line.Step.Loss.Get()
			fmt.Println(line.Step.Step, loss)
		}
	}
	fmt.Println("torn:", r.Torn())
	// Output:
	// 1 2.5
	// bad line
	// 3 NaN
	// torn: true
}
