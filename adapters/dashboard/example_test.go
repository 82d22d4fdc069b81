package dashboard_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/seed-140d0f39/gtg/adapters/dashboard"
	"github.com/seed-140d0f39/gtg/monitor"
)

func ExampleServe() {
	server, err := dashboard.Serve("127.0.0.1:0") // a free port of this machine
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close(context.Background(), nil)
	_ = server.Start(&monitor.Run{Name: "demo"})
	_ = server.Step(&monitor.Step{Step: 1, Loss: monitor.Known(2)})

	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	r, err := client.Get(server.URL() + "healthz?max_age=10m")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer r.Body.Close()
	body, _ := io.ReadAll(r.Body)
	fmt.Println(r.Status, strings.HasPrefix(string(body), `{"run":"demo","step":1,`))
	// Output: 200 OK true
}

// In a server of the caller's, under a path of its own.
func ExampleNew() {
	page, err := dashboard.New()
	if err != nil {
		fmt.Println(err)
		return
	}
	mux := http.NewServeMux()
	mux.Handle("/training/", http.StripPrefix("/training", page))

	r := httptest.NewRequest("GET", "http://localhost/training/", nil)
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	fmt.Println(w.Code, w.Header().Get("Content-Type"))
	// Output: 200 text/html; charset=utf-8
}

// An address that other machines reach takes a token.
func ExampleWithRemote() {
	_, err := dashboard.Serve("0.0.0.0:0")
	fmt.Println(err != nil)
	server, err := dashboard.Serve("0.0.0.0:0", dashboard.WithRemote("f2d1c0b9a8e7d6c5b4a3"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close(context.Background(), nil)
	fmt.Println(server.Addr() != "")
	// Output:
	// true
	// true
}
