package prom_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-140d0f39/gtg/adapters/prom"
	"github.com/seed-140d0f39/gtg/monitor"
)

func ExampleNew() {
	reg := prometheus.NewRegistry()
	s, err := prom.New(reg, prom.WithLayers(10))
	if err != nil {
		fmt.Println(err)
		return
	}
	_ = s.Start(&monitor.Run{Name: "demo"})
	_ = s.Step(&monitor.Step{Step: 1, GradNorm: monitor.Known(3)})
	families, _ := reg.Gather()
	for _, f := range families {
		if f.GetName() == "gtg_gradient_squared_norm" {
			fmt.Println(f.GetMetric()[0].GetGauge().GetValue())
		}
	}
	// Output: 9
}

func ExampleServe() {
	reg := prometheus.NewRegistry()
	s, _ := prom.New(reg)
	_ = s.Start(&monitor.Run{Name: "demo"})
	server, err := prom.Serve("", reg) // a free port of this machine
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close(context.Background())
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	r, err := client.Get(server.URL())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer r.Body.Close()
	body, _ := io.ReadAll(r.Body)
	fmt.Println(r.Status, strings.Contains(string(body), `gtg_steps_total{run="demo"} 0`))
	// Output: 200 OK true
}
