// Package alertmanager posts a run's alerts to Prometheus Alertmanager, version
// 2 of its API.
//
//	alerts, err := alertmanager.New(alertmanager.Config{URLs: []string{"http://alertmanager:9093"}})
//	…
//	guard, err := hooks.Attach(opt, hooks.WithSink("alertmanager", alerts))
//
// The labels of an alert are its identity: alertname (GtgCliff, …), run, kind,
// severity, parameter for up to 20 parameters of a kind, duration="instant" for
// what has none, and those of [alert.WithLabels]. What varies is in the
// annotations: summary, description (what to try first), values, step,
// since_step, incidents, section. So a route can group by run or kind and route
// by severity, and an alert is one alert however many steps it lasts.
//
// A firing alert is posted again, whole, every [Config.Repeat], and with it when
// Alertmanager may take it to be over if it hears no more: four times as long.
// A trainer that is killed so resolves its alerts within minutes; see
// [alert.WithExit] for one that ends. Of two such times Alertmanager keeps the
// later one, so what was handed over for an hour lasts that long should the next
// process be killed. The end of an alert is posted for five minutes. Several
// Alertmanagers of a cluster are told each for itself.
package alertmanager

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/seed-140d0f39/gtg/adapters/alert"
)

// DefaultRepeat is how often a firing alert is posted again, well inside
// Alertmanager's resolve_timeout of 5 minutes.
const DefaultRepeat = time.Minute

// linger is for how long the end of an alert is posted again.
const linger = 5 * time.Minute

// Config says where the alerts go.
type Config struct {
	// URLs are the addresses of the Alertmanagers, without /api/v2.
	URLs []string
	// Repeat is how often a firing alert is posted again; 0 is DefaultRepeat.
	Repeat time.Duration
	// Header is sent with each request, such as an Authorization.
	Header http.Header
	// Client is the HTTP client; nil is one with Go's defaults.
	Client *http.Client
}

// New returns a sink that posts to every Alertmanager.
func New(c Config, options ...alert.Option) (*alert.Sink, error) {
	if len(c.URLs) == 0 {
		return nil, errors.New("alertmanager: no address: want at least one, such as http://127.0.0.1:9093")
	}
	if c.Repeat < 0 {
		return nil, fmt.Errorf("alertmanager: Repeat of %v: want a duration above 0, or 0 for %v", c.Repeat, DefaultRepeat)
	}
	if c.Repeat == 0 {
		c.Repeat = DefaultRepeat
	}
	var receivers []alert.Receiver
	for _, base := range c.URLs {
		address := base // without a host it is refused as it is
		if u, err := url.Parse(base); err == nil && u.Host != "" {
			address = u.JoinPath("api", "v2", "alerts").String()
		}
		e, err := alert.NewEndpoint(address, c.Header, c.Client)
		if err != nil {
			return nil, fmt.Errorf("alertmanager: %w", err)
		}
		receivers = append(receivers, alert.Receiver{
			Name:   "Alertmanager " + e.String(),
			Send:   func(ctx context.Context, alerts []alert.Alert) error { return send(ctx, e, alerts) },
			Batch:  true,
			Repeat: c.Repeat,
			Linger: max(linger, c.Repeat),
			Close:  e.Close,
		})
	}
	return alert.NewSink(receivers, options...)
}

// postable is an alert as the API takes it.
type postable struct {
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     time.Time         `json:"startsAt"`
	EndsAt       time.Time         `json:"endsAt"`
	GeneratorURL string            `json:"generatorURL,omitempty"`
}

func send(ctx context.Context, e *alert.Endpoint, alerts []alert.Alert) error {
	body := make([]postable, len(alerts))
	for i := range alerts {
		a := &alerts[i]
		body[i] = postable{a.Labels, a.Annotations(), a.Started, a.Ended, a.Link}
		if a.Firing() {
			body[i].EndsAt = a.Expires
		}
	}
	text, err := json.Marshal(body)
	if err != nil {
		return alert.Refused(err)
	}
	return e.Post(ctx, nil, text)
}
