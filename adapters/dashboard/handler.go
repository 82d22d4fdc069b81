package dashboard

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/seed-140d0f39/gtg/internal/figures"
)

//go:embed page
var files embed.FS

// An asset is a part of the page.
type asset struct {
	path, kind string
	body       []byte
	etag       string
}

var assets = func() []asset {
	read := func(name string) []byte {
		b, err := files.ReadFile("page/" + name)
		if err != nil {
			panic(err) // the file is part of the program
		}
		return b
	}
	style := fmt.Appendf(nil, ":root{%s}\n@media (prefers-color-scheme:dark){:root{%s}}\n%s",
		figures.Variables(false), figures.Variables(true), read("style.css"))
	all := []asset{
		{path: "/style.css", kind: "text/css; charset=utf-8", body: style},
		{path: "/page.js", kind: "text/javascript; charset=utf-8", body: read("page.js")},
	}
	hash := sha256.New()
	for _, a := range all {
		hash.Write(a.body)
	}
	index := read("index.html")
	hash.Write(index)
	edition = hex.EncodeToString(hash.Sum(nil)[:8])
	index = bytes.ReplaceAll(index, []byte("EDITION"), []byte(edition))
	all = append(all, asset{path: "/{$}", kind: "text/html; charset=utf-8", body: index})
	for i := range all {
		sum := sha256.Sum256(all[i].body)
		all[i].etag = `"` + hex.EncodeToString(sum[:8]) + `"`
	}
	return all
}()

// edition changes with the page: a page of another one is loaded again.
var edition string

func (a *asset) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", a.kind)
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("ETag", a.etag)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(a.body))
}

func (s *Sink) routes() *http.ServeMux {
	mux := http.NewServeMux()
	for i := range assets {
		mux.Handle(assets[i].path, &assets[i])
	}
	mux.HandleFunc("/stream", s.stream)
	mux.HandleFunc("/healthz", s.healthz)
	if s.gatherer != nil {
		mux.Handle("/metrics", promhttp.HandlerFor(s.gatherer, promhttp.HandlerOpts{
			EnableOpenMetrics:   true,
			ErrorHandling:       promhttp.ContinueOnError,
			MaxRequestsInFlight: 8,
			Timeout:             10 * time.Second,
		}))
	}
	return mux
}

// policy lets the page load and do nothing but its own parts. The figures set
// their lines' styles in attributes and bring their pictures with them.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; style-src-attr 'unsafe-inline'; " +
	"img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// ServeHTTP serves the page and what is beside it to those who may look.
func (s *Sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.Set("Allow", "GET, HEAD")
		http.Error(w, "the page is to be read only: "+http.MethodGet+" or "+http.MethodHead, http.StatusMethodNotAllowed)
		return
	}
	if r.Header.Get("Sec-Fetch-Site") == "cross-site" && r.Header.Get("Sec-Fetch-Mode") != "navigate" {
		http.Error(w, "not for pages of another origin", http.StatusForbidden)
		return
	}
	if !s.admit(w, r) {
		return
	}
	s.mux.ServeHTTP(w, r)
}
