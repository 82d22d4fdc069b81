package alert

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Endpoint is an address that alerts are posted to. What it says in errors is
// the scheme and the host: the rest of the address, the secrets that it was made
// with and the headers are never in them.
type Endpoint struct {
	url     string
	name    string
	header  http.Header
	client  *http.Client
	own     *http.Transport // nil when the client is the caller's
	secrets []string
}

// longestPause is how long a receiver's Retry-After is believed.
const longestPause = time.Hour

// NewEndpoint returns the endpoint of an http or https address. The headers are
// sent with each request. A nil client is one with Go's defaults: proxies from
// the environment and the system's certificates; another one can have its own
// proxy, certificates and authorization. Redirects are not followed, since a
// secret would follow them.
func NewEndpoint(address string, header http.Header, client *http.Client, secrets ...string) (*Endpoint, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("alert: an address of %d characters, not shown since it may hold a secret, is not one of the form https://host/path", len(address))
	}
	e := &Endpoint{url: address, name: u.Scheme + "://" + u.Host, header: header.Clone(), client: client}
	if client == nil {
		if t, ok := http.DefaultTransport.(*http.Transport); ok {
			e.own = t.Clone()
			e.client = &http.Client{Transport: e.own}
		} else {
			e.client = &http.Client{}
		}
	}
	own := *e.client
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	e.client = &own
	e.secrets = secretsOf(u, header, secrets)
	return e, nil
}

// secretsOf is everything that may not be repeated, longest first.
func secretsOf(u *url.URL, header http.Header, given []string) []string {
	all := slices.Concat(given, []string{u.String(), u.RequestURI(), u.EscapedPath(), u.Path, u.RawQuery})
	if password, ok := u.User.Password(); ok {
		all = append(all, u.User.String(), password)
	}
	for _, part := range strings.Split(u.Path, "/") {
		if len(part) >= 16 || len(part) >= 8 && strings.ContainsAny(part, "0123456789") { // not a word such as alerts
			all = append(all, part)
		}
	}
	for _, v := range u.Query() {
		all = append(all, v...)
	}
	for _, v := range header {
		for _, one := range v {
			all = append(all, one)
			all = append(all, strings.Fields(one)...) // Bearer …
		}
	}
	for _, s := range slices.Clone(all) {
		all = append(all, url.QueryEscape(s), url.PathEscape(s))
	}
	all = slices.DeleteFunc(all, func(s string) bool { return len(s) < 6 && !slices.Contains(given, s) || s == "" })
	slices.SortFunc(all, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	return slices.Compact(all)
}

// String is the scheme and the host.
func (e *Endpoint) String() string { return e.name }

// Post posts a JSON body. An answer that says to come again later is an error of
// [RetryAfter], one that would be the same the next time of [Refused].
func (e *Endpoint) Post(ctx context.Context, header http.Header, body []byte) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, e.url, bytes.NewReader(body))
	if err != nil {
		return Refused(e.error("%v", bare(err)))
	}
	for _, h := range []http.Header{e.header, header} {
		for k, v := range h {
			request.Header[http.CanonicalHeaderKey(k)] = v
		}
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "gtg")
	response, err := e.client.Do(request)
	if err != nil {
		return e.error("%v", bare(err))
	}
	defer response.Body.Close()
	// A little is enough to say what was wrong and to use the connection again.
	answer, _ := io.ReadAll(io.LimitReader(response.Body, 4096))
	code := response.StatusCode
	if code/100 == 2 {
		return nil
	}
	err = e.error("%d %s: %s", code, http.StatusText(code), printable(answer))
	switch {
	case code == http.StatusTooManyRequests || code/100 == 5 || code == http.StatusRequestTimeout:
		if d, ok := pause(response.Header.Get("Retry-After"), time.Now()); ok {
			return RetryAfter(err, min(d, longestPause))
		}
		return err
	case code/100 == 3:
		return Refused(fmt.Errorf("%w (redirects are not followed: give the address that it leads to)", err))
	}
	return Refused(err)
}

// Close gives back the connections.
func (e *Endpoint) Close() {
	if e.own != nil {
		e.own.CloseIdleConnections()
	}
}

// error is an error without secrets.
func (e *Endpoint) error(format string, args ...any) error {
	text := fmt.Sprintf(format, args...)
	for _, s := range e.secrets {
		text = strings.ReplaceAll(text, s, "[redacted]")
	}
	return errors.New(text)
}

// bare is the error without the address that net/http puts around it.
func bare(err error) error {
	var u *url.Error
	for errors.As(err, &u) {
		err = u.Err
	}
	return err
}

// pause reads a Retry-After: seconds or a date.
func pause(v string, now time.Time) (time.Duration, bool) {
	if n, err := strconv.ParseInt(strings.TrimSpace(v), 10, 32); err == nil && n >= 0 {
		return time.Duration(n) * time.Second, true
	}
	if t, err := http.ParseTime(v); err == nil {
		return max(t.Sub(now), 0), true
	}
	return 0, false
}

// printable is the beginning of an answer on one line.
func printable(answer []byte) string {
	text := strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(string(answer), "\uFFFD"))
	text = strings.Join(strings.Fields(text), " ")
	if r := []rune(text); len(r) > 300 {
		return string(r[:300]) + "…"
	}
	return text
}
