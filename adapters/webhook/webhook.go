// Package webhook posts a run's alerts to an address of the caller's, in the
// form in which Prometheus Alertmanager does (version 4 of its webhook), so that
// what receives those receives these.
//
//	alerts, err := webhook.New(webhook.Config{URL: "https://example.org/hook", Secret: os.Getenv("HOOK_SECRET")})
//	…
//	guard, err := hooks.Attach(opt, hooks.WithSink("webhook", alerts))
//
// Each alert is a group of its own, told of when it fires and when it is
// resolved. A body can be signed: see [Verify].
package webhook

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seed-140d0f39/gtg/adapters/alert"
)

// Signature is the header that has "sha256=" and the HMAC-SHA256 of the body,
// in hexadecimal digits.
const Signature = "X-Gtg-Signature-256"

// Config says where the alerts go.
type Config struct {
	// URL is the address, which may hold secrets.
	URL string
	// Secret is the key that bodies are signed with; empty is no signature.
	Secret string
	// Header is sent with each request, such as an Authorization.
	Header http.Header
	// Client is the HTTP client; nil is one with Go's defaults.
	Client *http.Client
}

// New returns a sink that posts to the address.
func New(c Config, options ...alert.Option) (*alert.Sink, error) {
	e, err := alert.NewEndpoint(c.URL, c.Header, c.Client, c.Secret)
	if err != nil {
		return nil, fmt.Errorf("webhook: %w", err)
	}
	return alert.NewSink([]alert.Receiver{{
		Name: "webhook " + e.String(),
		Send: func(ctx context.Context, alerts []alert.Alert) error {
			body, err := json.Marshal(messageOf(&alerts[0]))
			if err != nil {
				return alert.Refused(err)
			}
			header := http.Header{}
			if c.Secret != "" {
				header.Set(Signature, sign(c.Secret, body))
			}
			return e.Post(ctx, header, body)
		},
		Close: e.Close,
	}}, options...)
}

// Verify says whether the body was signed with the secret; signature is the
// value of the header [Signature]. It takes the same time for every wrong one.
func Verify(secret string, body []byte, signature string) bool {
	return hmac.Equal([]byte(sign(secret, body)), []byte(signature))
}

func sign(secret string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

// message is Alertmanager's: see webhook_config in its documentation.
type message struct {
	Receiver          string            `json:"receiver"`
	Status            string            `json:"status"`
	Alerts            []entry           `json:"alerts"`
	GroupLabels       map[string]string `json:"groupLabels"`
	CommonLabels      map[string]string `json:"commonLabels"`
	CommonAnnotations map[string]string `json:"commonAnnotations"`
	ExternalURL       string            `json:"externalURL"`
	Version           string            `json:"version"`
	GroupKey          string            `json:"groupKey"`
	TruncatedAlerts   int               `json:"truncatedAlerts"`
}

type entry struct {
	Status       string            `json:"status"`
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     time.Time         `json:"startsAt"`
	EndsAt       time.Time         `json:"endsAt"`
	GeneratorURL string            `json:"generatorURL"`
	Fingerprint  string            `json:"fingerprint"`
}

func messageOf(a *alert.Alert) message {
	status := "resolved"
	if a.Firing() {
		status = "firing"
	}
	annotations := a.Annotations()
	return message{
		Receiver:          "gtg",
		Status:            status,
		Alerts:            []entry{{status, a.Labels, annotations, a.Started, a.Ended, a.Link, a.Fingerprint()}},
		GroupLabels:       a.Labels,
		CommonLabels:      a.Labels,
		CommonAnnotations: annotations,
		ExternalURL:       a.Link,
		Version:           "4",
		GroupKey:          "{}:" + labelSet(a.Labels),
	}
}

// labelSet is a set of labels as Prometheus writes it.
func labelSet(labels map[string]string) string {
	var pairs []string
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		pairs = append(pairs, k+"="+strconv.Quote(labels[k]))
	}
	return "{" + strings.Join(pairs, ", ") + "}"
}
