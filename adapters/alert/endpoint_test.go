package alert_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/stretchr/testify/require"

	"github.com/seed-140d0f39/gtg/adapters/alert"
)

func post(t *testing.T, address string, header http.Header, secrets ...string) error {
	e, err := alert.NewEndpoint(address, header, nil, secrets...)
	require.NoError(t, err)
	defer e.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	return e.Post(ctx, nil, []byte(`{}`))
}

func TestWhatAnAnswerMeans(t *testing.T) {
	for code, want := range map[int]string{200: "", 202: "", 204: "", 301: "refused", 307: "refused", 400: "refused", 401: "refused", 404: "refused", 413: "refused",
		408: "again", 429: "again", 500: "again", 502: "again", 503: "again"} {
		for _, after := range []string{"", "7", "soon", "-1", "999999"} {
			t.Run(fmt.Sprint(code, after), func(t *testing.T) {
				requests := 0
				server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					requests++
					w.Header().Set("Location", "/elsewhere")
					w.Header().Set("Retry-After", after)
					w.WriteHeader(code)
					if code != 204 {
						fmt.Fprint(w, "the\nreason", strings.Repeat("x", 10000))
					}
				}))
				defer server.Close()
				err := post(t, server.URL, nil)
				require.Equal(t, 1, requests)
				var refused *backoff.PermanentError
				var later *backoff.RetryAfterError
				require.Equal(t, want == "refused", errors.As(err, &refused))
				if want == "" {
					require.NoError(t, err)
					return
				}
				require.ErrorContains(t, err, fmt.Sprint(code, " ", http.StatusText(code), ": the reason"))
				require.Less(t, len(err.Error()), 500)
				if errors.As(err, &later) {
					require.Equal(t, map[string]time.Duration{"7": 7 * time.Second, "999999": time.Hour}[after], later.Duration)
				} else {
					require.True(t, want == "refused" || after != "7" && after != "999999")
				}
			})
		}
	}
}

// Whatever goes wrong, and even where the receiver repeats all that it was
// sent, no secret is in the error.
func TestSecretsAreNotInErrors(t *testing.T) {
	const token, password, header, key = "T0KEN/B0T/abcdefghijklmnopqrstuvwx", "pass+word/1", "Bearer s3cr3t-bearer", "R0UT1NGKEY"
	secrets := []string{token, "abcdefghijklmnopqrstuvwx", password, url.QueryEscape(password), header, "s3cr3t-bearer", key, "qu3rysecret"}
	var gone string
	if l, err := net.Listen("tcp", "127.0.0.1:0"); err == nil {
		gone = l.Addr().String()
		l.Close()
	}
	garbage, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer garbage.Close()
	go func() {
		for {
			c, err := garbage.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				buf := make([]byte, 4096)
				n, _ := c.Read(buf)
				_, _ = c.Write(append([]byte("\x00\xff"), buf[:n]...))
			}()
		}
	}()
	for _, code := range []int{200, 307, 400, 500, 429} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			w.Header().Set("Location", r.URL.String()+"&again=1")
			w.WriteHeader(code)
			user, pw, _ := r.BasicAuth()
			fmt.Fprintln(w, r.URL, r.URL.Query(), user, pw, r.Header, string(body))
		}))
		defer server.Close()
		for _, host := range []string{server.Listener.Addr().String(), gone, garbage.Addr().String(), "no such host", "127.0.0.1:99999"} {
			address := "http://me:" + url.QueryEscape(password) + "@" + host + "/services/" + token + "?key=qu3rysecret"
			e, err := alert.NewEndpoint(address, http.Header{"X-Token": {header}}, nil, key)
			if err == nil {
				err = e.Post(t.Context(), nil, []byte(key))
				require.Equal(t, "http://"+host, e.String())
				e.Close()
			}
			if code != 200 || host != server.Listener.Addr().String() {
				require.Error(t, err)
				for _, s := range secrets {
					require.NotContains(t, err.Error(), s)
				}
			} else {
				require.NoError(t, err)
			}
		}
	}
	for _, bad := range []string{"", "hooks.example/" + token, "ftp://h/" + token, "http:///" + token, "http://h:bad" + token, "http://h/%zz" + token} {
		_, err := alert.NewEndpoint(bad, nil, nil)
		require.ErrorContains(t, err, "https://host/path")
		require.NotContains(t, err.Error(), "T0KEN")
	}
}

func TestAHangingServerIsGivenUp(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer server.Close()
	defer close(release)
	e, err := alert.NewEndpoint(server.URL, nil, nil)
	require.NoError(t, err)
	defer e.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.ErrorContains(t, e.Post(ctx, nil, nil), "deadline")
}

func TestTheCallersClientIsUsedAndLeftAsItIs(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer x" || r.Header.Get("Content-Type") != "application/json" {
			w.WriteHeader(400)
		}
	}))
	defer server.Close()
	client := server.Client()
	e, err := alert.NewEndpoint(server.URL, http.Header{"authorization": {"Bearer x"}}, client)
	require.NoError(t, err)
	require.NoError(t, e.Post(t.Context(), nil, []byte("{}")))
	require.Nil(t, client.CheckRedirect)
	require.Error(t, post(t, server.URL, nil), "its certificate is nobody's")
}
