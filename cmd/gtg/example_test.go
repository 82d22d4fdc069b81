package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// The report on a run, as make demo ends with it.
func Example_report() {
	dir, err := os.MkdirTemp("", "gtg")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	log, page := filepath.Join(dir, "run.jsonl"), filepath.Join(dir, "report.html")
	_ = os.WriteFile(log, []byte(`{"type":"run","schema":1,"run":"demo"}
{"type":"step","step":1,"loss":2.5,"grad_norm":0.75}
`), 0o644)
	status := run(context.Background(), []string{"report", log, "-o", page}, os.Stderr, os.Stderr)
	_, err = os.Stat(page)
	fmt.Println(status, err)
	// Output: 0 <nil>
}
