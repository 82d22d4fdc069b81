package tensorboard_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/seed-140d0f39/gtg/adapters/tensorboard"
	"github.com/seed-140d0f39/gtg/monitor"
)

func ExampleCreate() {
	dir, err := os.MkdirTemp("", "runs") // "runs" in a program
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	// With package hooks: hooks.WithSink("tensorboard", w).
	w, err := tensorboard.Create(filepath.Join(dir, "first"), tensorboard.WithHistogramsEvery(50))
	if err != nil {
		fmt.Println(err)
		return
	}
	_ = w.Start(&monitor.Run{Name: "first", Started: time.Now()})
	for i := range int64(100) {
		_ = w.Step(&monitor.Step{Step: i + 1, T: monitor.Known(float64(i)), Loss: monitor.Known(1 / float64(i+1))})
	}
	fmt.Println(w.Close(context.Background(), &monitor.End{Step: 100, Reason: monitor.Closed}))
	files, _ := filepath.Glob(filepath.Join(dir, "first", "events.out.tfevents.*"))
	fmt.Println(len(files), "event file")
	// Output:
	// <nil>
	// 1 event file
}

func ExampleNewWriter() {
	var out bytes.Buffer
	w, err := tensorboard.NewWriter(&out, tensorboard.WithScalarsEvery(10), tensorboard.WithPrefix("gtg/"))
	if err != nil {
		fmt.Println(err)
		return
	}
	_ = w.Start(&monitor.Run{Name: "first", Started: time.Unix(1700000000, 0)})
	_ = w.Step(&monitor.Step{Step: 1, T: monitor.Known(0.5), Loss: monitor.Known(2.25)})
	_ = w.Close(context.Background(), nil)
	fmt.Printf("%q\n", out.Bytes()[23:36])
	// Output: "brain.Event:2"
}
