package dashboard_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/seed-140d0f39/gtg/adapters/dashboard"
	"github.com/seed-140d0f39/gtg/adapters/prom"
	"github.com/seed-140d0f39/gtg/monitor"
)

const secret = "0123456789abcdef"

// ask asks a sink, with headers in pairs.
func ask(h http.Handler, method, url string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, url, nil)
	r.Host = "127.0.0.1:8080"
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			r.Host = headers[i+1]
		} else {
			r.Header.Set(headers[i], headers[i+1])
		}
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func page(t testing.TB, options ...dashboard.Option) *dashboard.Sink {
	s, err := dashboard.New(options...)
	require.NoError(t, err)
	return s
}

func TestThePageIsReadOnly(t *testing.T) {
	s := page(t)
	for _, path := range []string{"/", "/healthz", "/stream", "/nothing"} {
		for _, method := range []string{"POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE", "get"} {
			w := ask(s, method, path)
			require.Equal(t, http.StatusMethodNotAllowed, w.Code, "%s %s", method, path)
			require.Equal(t, "GET, HEAD", w.Header().Get("Allow"))
		}
	}
	for path, kind := range map[string]string{"/": "text/html", "/style.css": "text/css", "/page.js": "text/javascript", "/healthz": "application/json"} {
		w := ask(s, "GET", path)
		require.Equal(t, http.StatusOK, w.Code, path)
		require.Contains(t, w.Header().Get("Content-Type"), kind)
		require.NotZero(t, w.Body.Len())
		csp := w.Header().Get("Content-Security-Policy")
		require.Contains(t, csp, "default-src 'none'")
		require.NotContains(t, strings.ReplaceAll(csp, "style-src-attr 'unsafe-inline'", ""), "unsafe")
		require.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"))
		head := ask(s, "HEAD", path)
		require.Equal(t, http.StatusOK, head.Code, path)
		if etag := w.Header().Get("ETag"); etag != "" {
			require.Equal(t, http.StatusNotModified, ask(s, "GET", path, "If-None-Match", etag).Code)
		}
	}
	require.Equal(t, "text/event-stream", ask(s, "HEAD", "/stream").Header().Get("Content-Type"))
	for _, path := range []string{"/nothing", "/page/page.js", "/../server.go", "/metrics"} {
		code := ask(s, "GET", path).Code
		require.True(t, code == http.StatusNotFound || code == http.StatusMovedPermanently || code == http.StatusTemporaryRedirect, "%s: %d", path, code)
	}
}

// Nothing that the page consists of names another place.
func TestThePageIsComplete(t *testing.T) {
	s := page(t)
	for _, path := range []string{"/", "/style.css", "/page.js"} {
		body := strings.ReplaceAll(ask(s, "GET", path).Body.String(), "http://www.w3.org/2000/svg", "")
		require.NotContains(t, body, "http:", path)
		require.NotContains(t, body, "https:", path)
		require.NotRegexp(t, `(src|href|url\()=?["']?//`, body, path)
	}
}

func TestWithoutATokenOnlyThisMachineIsServed(t *testing.T) {
	s := page(t)
	for host, code := range map[string]int{
		"127.0.0.1:8080": 200, "127.0.0.1": 200, "127.1.2.3:1": 200, "localhost": 200, "LocalHost:8080": 200, "[::1]:8080": 200, "[::1]": 200,
		"evil.example": 403, "evil.example:8080": 403, "localhost.evil.example": 403, "127.0.0.1.evil.example": 403,
		"192.168.1.2:8080": 403, "": 403, "0.0.0.0:8080": 403, "[::]:80": 403, "2130706433": 403,
	} {
		require.Equal(t, code, ask(s, "GET", "/", "Host", host).Code, "%q", host)
	}
	require.Equal(t, 403, ask(s, "GET", "/stream", "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "cors").Code)
	require.Equal(t, 200, ask(s, "GET", "/", "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate").Code, "a link")
	require.Equal(t, 200, ask(s, "GET", "/page.js", "Sec-Fetch-Site", "same-origin", "Sec-Fetch-Mode", "no-cors").Code)

	// A server of the caller's that others reach.
	r := httptest.NewRequest("GET", "/", nil)
	r.Host = "localhost"
	r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, &net.TCPAddr{IP: net.IPv4(192, 168, 1, 2), Port: 80}))
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	require.Equal(t, 403, w.Code)
	require.Contains(t, w.Body.String(), "WithRemote")
}

func TestWithATokenItIsAskedFor(t *testing.T) {
	s := page(t, dashboard.WithRemote(secret), dashboard.WithMetrics(prometheus.NewRegistry()))
	for _, path := range []string{"/", "/page.js", "/stream", "/healthz", "/metrics"} {
		for _, headers := range [][]string{nil, {"Authorization", "Bearer 0123456789abcdeF"}, {"Authorization", secret}, {"Cookie", "gtg=" + secret}} {
			w := ask(s, "GET", path, append(headers, "Host", "gpu-3:8080")...)
			require.Equal(t, http.StatusUnauthorized, w.Code, path)
			require.NotContains(t, w.Body.String(), secret)
		}
		require.Equal(t, http.StatusUnauthorized, ask(s, "GET", path+"?token=wrong").Code)
	}
	for _, path := range []string{"/", "/healthz", "/metrics"} {
		require.Equal(t, 200, ask(s, "GET", path, "Host", "gpu-3:8080", "Authorization", "Bearer "+secret).Code, path)
	}
	require.Equal(t, 200, ask(s, "GET", "/healthz?token="+secret).Code)

	// The page's address loses the token and the browser keeps a cookie.
	w := ask(s, "GET", "/?token="+secret, "Host", "gpu-3:8080")
	require.Equal(t, http.StatusSeeOther, w.Code)
	require.Equal(t, "/", w.Header().Get("Location"))
	require.Len(t, w.Result().Cookies(), 1)
	cookie := w.Result().Cookies()[0]
	require.True(t, cookie.HttpOnly)
	require.NotContains(t, cookie.Value, secret)
	for _, path := range []string{"/", "/page.js", "/healthz"} {
		require.Equal(t, 200, ask(s, "GET", path, "Cookie", cookie.Name+"="+cookie.Value).Code)
		require.Equal(t, 401, ask(s, "GET", path, "Cookie", cookie.Name+"="+cookie.Value+"0").Code)
	}
}

func TestBadOptions(t *testing.T) {
	for want, option := range map[string]dashboard.Option{
		"has 5 characters, want at least 16": dashboard.WithRemote("short"),
		"no gatherer":                        dashboard.WithMetrics(nil),
		"WithMaxAge(-1s)":                    dashboard.WithMaxAge(-time.Second),
		"nil":                                nil,
	} {
		_, err := dashboard.Serve("", option)
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "short")
	}
	for addr, want := range map[string]string{
		"8080":            `"8080"`,
		"127.0.0.1:99999": "99999",
		"0.0.0.0:0":       "WithRemote",
		"[::]:0":          "WithRemote",
		"a b:0":           "a b",
	} {
		_, err := dashboard.Serve(addr)
		require.ErrorContains(t, err, want)
	}
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer busy.Close()
	_, err = dashboard.Serve(busy.Addr().String())
	require.ErrorContains(t, err, "cannot serve the live page on "+busy.Addr().String())
	require.ErrorContains(t, err, "address already in use")
}

func TestAddresses(t *testing.T) {
	for _, addr := range []string{"", ":0", "127.0.0.1:0", "localhost:0"} {
		s, err := dashboard.Serve(addr)
		require.NoError(t, err, addr)
		r := fetch(t, s.URL()+"healthz")
		require.Equal(t, http.StatusOK, r.StatusCode)
		require.NoError(t, s.Close(t.Context(), nil))
		require.NoError(t, s.Close(t.Context(), nil), "closed is closed")
		_, err = net.Dial("tcp", s.Addr())
		require.Error(t, err)
	}
	s, err := dashboard.Serve("0.0.0.0:0", dashboard.WithRemote(secret))
	require.NoError(t, err)
	require.NotContains(t, s.URL(), secret)
	require.NoError(t, s.Close(t.Context(), nil))
}

func fetch(t testing.TB, url string) *http.Response {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 20 * time.Second}
	r, err := client.Get(url)
	require.NoError(t, err)
	t.Cleanup(func() { r.Body.Close() })
	return r
}

func TestHealthz(t *testing.T) {
	s := page(t, dashboard.WithMaxAge(time.Hour))
	health := func(query string) (code int, h struct {
		Run     string   `json:"run"`
		Step    int64    `json:"step"`
		StepAge *float64 `json:"step_age_seconds"`
		Status  string   `json:"status"`
	}) {
		w := ask(s, "GET", "/healthz"+query)
		if w.Code != http.StatusBadRequest {
			require.NoError(t, json.Unmarshal(w.Body.Bytes(), &h))
			require.NotNil(t, h.StepAge)
			require.GreaterOrEqual(t, *h.StepAge, 0.0)
		}
		return w.Code, h
	}
	code, h := health("")
	require.Equal(t, 200, code)
	require.Equal(t, "waiting", h.Status)

	require.NoError(t, s.Start(&monitor.Run{Name: "r"}))
	require.NoError(t, s.Step(&monitor.Step{Step: 7}))
	code, h = health("?max_age=10m")
	require.Equal(t, 200, code)
	require.Equal(t, "r", h.Run)
	require.EqualValues(t, 7, h.Step)
	require.Equal(t, "running", h.Status)
	code, _ = health("?max_age=1ns")
	require.Equal(t, http.StatusServiceUnavailable, code)
	for _, bad := range []string{"60", "-1s", "0s", "soon", ""} {
		w := ask(s, "GET", "/healthz?max_age="+bad)
		require.Equal(t, http.StatusBadRequest, w.Code)
		require.Contains(t, w.Body.String(), fmt.Sprintf("max_age=%q", bad))
		require.Contains(t, w.Body.String(), "90s")
	}

	require.NoError(t, s.Close(t.Context(), &monitor.End{Reason: monitor.Stopped}))
	code, h = health("?max_age=1ns")
	require.Equal(t, 200, code, "a run that is over owes no step")
	require.Equal(t, "stopped", h.Status)

	late := page(t, dashboard.WithMaxAge(time.Nanosecond))
	require.Equal(t, http.StatusServiceUnavailable, ask(late, "GET", "/healthz").Code, "the first step counts too")
	require.Equal(t, http.StatusOK, ask(late, "GET", "/healthz?max_age=1h").Code)
}

func TestMetrics(t *testing.T) {
	registry := prometheus.NewRegistry()
	p, err := prom.New(registry)
	require.NoError(t, err)
	require.NoError(t, p.Start(&monitor.Run{Name: "r"}))
	w := ask(page(t, dashboard.WithMetrics(registry)), "GET", "/metrics")
	require.Equal(t, 200, w.Code)
	require.Contains(t, w.Body.String(), `gtg_steps_total{run="r"} 0`)
}

// reader reads what a page is told.
type reader struct {
	body io.ReadCloser
	*bufio.Scanner
}

func stream(t testing.TB, s *dashboard.Server, query string) *reader {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, "GET", s.URL()+"stream"+query, nil)
	require.NoError(t, err)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(r)
	require.NoError(t, err)
	t.Cleanup(func() { answer.Body.Close() })
	require.Equal(t, http.StatusOK, answer.StatusCode)
	require.Equal(t, "text/event-stream", answer.Header.Get("Content-Type"))
	lines := bufio.NewScanner(answer.Body)
	lines.Buffer(nil, 16<<20)
	return &reader{answer.Body, lines}
}

// next returns the next message of that kind; ok is false when the stream ends.
func (r *reader) next(kind string) (data map[string]any, ok bool) {
	for r.Scan() {
		if r.Text() != "event: "+kind || !r.Scan() {
			continue
		}
		if json.Unmarshal([]byte(strings.TrimPrefix(r.Text(), "data: ")), &data) == nil {
			return data, true
		}
	}
	return nil, false
}

func TestStream(t *testing.T) {
	tr := train(t, "", "streamed")
	tr.steps(t, 200, 1)
	wide, narrow := stream(t, tr.Server, ""), stream(t, tr.Server, "?size=narrow")
	for _, r := range []*reader{wide, narrow} {
		st, ok := r.next("state")
		require.True(t, ok)
		require.Equal(t, "streamed", st["run"])
		require.Equal(t, "running", st["status"])
		f, ok := r.next("figure")
		require.True(t, ok)
		require.Equal(t, "norm", f["name"])
		require.Equal(t, st["id"], f["id"])
		width := 860
		if r == narrow {
			width = 370
		}
		require.Contains(t, f["svg"], fmt.Sprintf(`viewBox="0 0 %d `, width))
	}
	tr.steps(t, 1, 1e6)
	for {
		events, ok := wide.next("events")
		require.True(t, ok)
		if rows := events["rows"].([]any); len(rows) > 0 {
			require.Equal(t, "cliff", rows[0].(map[string]any)["kind"])
			break
		}
	}
	tr.end(t)
	for _, r := range []*reader{wide, narrow} {
		var last map[string]any
		for st, ok := r.next("state"); ok; st, ok = r.next("state") {
			last = st
		}
		require.Equal(t, "ended", last["status"], "the end is shown before the stream ends")
		require.NotEmpty(t, last["verdict"])
	}
}

// Values that JSON does not have are shown, and nothing is drawn out of nothing.
func TestARunOfNaN(t *testing.T) {
	s, err := dashboard.Serve("")
	require.NoError(t, err)
	defer s.Close(t.Context(), nil)
	r := stream(t, s, "")
	st, ok := r.next("state")
	require.True(t, ok)
	require.Equal(t, "waiting", st["status"])
	require.NoError(t, s.Start(&monitor.Run{Name: "r\n\ndata: {}", Params: []monitor.Param{{Name: "p"}}}))
	nan := monitor.Known(nan())
	for i := range int64(20) {
		require.NoError(t, s.Step(&monitor.Step{Step: i + 1, Loss: nan, GradNorm: nan, LR: nan, ParamGradNorms: []monitor.Number{nan}}))
	}
	for st["run"] != "r\n\ndata: {}" || !strings.Contains(fmt.Sprint(st["facts"]), "NaN") {
		st, ok = r.next("state")
		require.True(t, ok)
	}
	_, ok = r.next("figure")
	require.True(t, ok)
}

func nan() float64 { var zero float64; return zero / zero }

func TestTooManyViewers(t *testing.T) {
	s, err := dashboard.Serve("")
	require.NoError(t, err)
	defer s.Close(t.Context(), nil)
	var all []*reader
	for range dashboard.MaxViewers {
		all = append(all, stream(t, s, ""))
	}
	answer := fetch(t, s.URL()+"stream")
	require.Equal(t, http.StatusServiceUnavailable, answer.StatusCode)
	require.NotEmpty(t, answer.Header.Get("Retry-After"))
	require.Equal(t, http.StatusOK, fetch(t, s.URL()+"healthz").StatusCode)
	require.NoError(t, all[0].body.Close())
	require.Eventually(t, func() bool {
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		r, _ := http.NewRequestWithContext(ctx, "GET", s.URL()+"stream", nil)
		answer, err := client.Do(r)
		if err != nil {
			return false
		}
		defer answer.Body.Close()
		return answer.StatusCode == http.StatusOK
	}, 30*time.Second, 20*time.Millisecond, "who leaves makes room")
}

// Browsers that do not read hold up neither the run nor each other nor Close.
func TestSlowBrowsers(t *testing.T) {
	tr := train(t, "", "slow")
	for range 5 {
		c, err := net.Dial("tcp", tr.Addr())
		require.NoError(t, err)
		defer c.Close()
		require.NoError(t, c.(*net.TCPConn).SetReadBuffer(4096))
		_, err = fmt.Fprintf(c, "GET /stream HTTP/1.1\r\nHost: %s\r\n\r\n", tr.Addr())
		require.NoError(t, err)
	}
	idle, err := net.Dial("tcp", tr.Addr()) // opened and never used, as browsers do
	require.NoError(t, err)
	defer idle.Close()
	quick := stream(t, tr.Server, "")
	for n := 0; n < 3; n++ {
		tr.steps(t, 500, 1)
		for {
			f, ok := quick.next("figure")
			require.True(t, ok)
			if f["name"] == "norm" {
				break
			}
		}
	}
	require.EqualValues(t, 1500, tr.step)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	require.NoError(t, tr.Close(ctx, &monitor.End{Step: tr.step, Reason: monitor.Closed}))
	require.NoError(t, ctx.Err())
}

// Without a server of its own a page goes on showing a run that is over.
func TestASinkInAServerOfTheCallers(t *testing.T) {
	s := page(t)
	server := httptest.NewServer(s)
	defer server.Close()
	require.NoError(t, s.Start(&monitor.Run{Name: "r"}))
	require.NoError(t, s.Step(&monitor.Step{Step: 1, Loss: monitor.Known(1), GradNorm: monitor.Known(1)}))
	require.NoError(t, s.Close(t.Context(), &monitor.End{Reason: monitor.Closed}))
	require.NoError(t, s.Close(t.Context(), nil))
	for range 2 {
		ctx, cancel := context.WithCancel(t.Context())
		r, err := http.NewRequestWithContext(ctx, "GET", server.URL+"/stream", nil)
		require.NoError(t, err)
		answer, err := server.Client().Do(r)
		require.NoError(t, err)
		lines := bufio.NewScanner(answer.Body)
		lines.Buffer(nil, 16<<20)
		read := &reader{answer.Body, lines}
		st, ok := read.next("state")
		require.True(t, ok)
		require.Equal(t, "ended", st["status"])
		_, ok = read.next("figure")
		require.True(t, ok)
		cancel()
		answer.Body.Close()
	}
}
