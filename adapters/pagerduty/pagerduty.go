// Package pagerduty triggers and resolves PagerDuty incidents from a run's
// alerts, with version 2 of its Events API.
//
//	alerts, err := pagerduty.New(pagerduty.Config{RoutingKey: os.Getenv("PAGERDUTY_ROUTING_KEY")},
//		alert.WithFloor(monitor.Critical))
//	…
//	guard, err := hooks.Attach(opt, hooks.WithSink("pagerduty", alerts))
//
// The deduplication key is a hash of the alert's labels, so an alert is one
// incident however often it is triggered. PagerDuty does not resolve by itself:
// what fires when the run ends stays open unless [alert.WithExit] says
// otherwise.
package pagerduty

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/seed-140d0f39/gtg/adapters/alert"
)

// DefaultURL is where events go, in the US service region. The one of the EU is
// https://events.eu.pagerduty.com/v2/enqueue.
const DefaultURL = "https://events.pagerduty.com/v2/enqueue"

const (
	// routingKey is how long an integration key is.
	routingKey = 32
	// summaryLimit is how many characters a summary may have.
	summaryLimit = 1024
)

// Config says where the events go.
type Config struct {
	// RoutingKey is the integration key of a service: 32 characters, secret.
	RoutingKey string
	// URL is the address of the Events API; empty is DefaultURL.
	URL string
	// Source is where the incident happened; empty is this machine's name.
	Source string
	// Client is the HTTP client; nil is one with Go's defaults.
	Client *http.Client
}

// New returns a sink that sends events.
func New(c Config, options ...alert.Option) (*alert.Sink, error) {
	if n := len(c.RoutingKey); n != routingKey {
		return nil, fmt.Errorf("pagerduty: a routing key of %d characters: want the %d of a service's integration key (Events API v2)", n, routingKey)
	}
	e, err := alert.NewEndpoint(cmp.Or(c.URL, DefaultURL), nil, c.Client, c.RoutingKey)
	if err != nil {
		return nil, fmt.Errorf("pagerduty: %w", err)
	}
	if c.Source == "" {
		c.Source, _ = os.Hostname()
	}
	return alert.NewSink([]alert.Receiver{{
		Name: "PagerDuty " + e.String(),
		Send: func(ctx context.Context, alerts []alert.Alert) error {
			body, err := json.Marshal(eventOf(&c, &alerts[0]))
			if err != nil {
				return alert.Refused(err)
			}
			return e.Post(ctx, nil, body)
		},
		Close: e.Close,
	}}, options...)
}

// event is the body of a request.
type event struct {
	RoutingKey string   `json:"routing_key"`
	Action     string   `json:"event_action"`
	DedupKey   string   `json:"dedup_key"`
	Payload    *payload `json:"payload,omitempty"`
	Links      []link   `json:"links,omitempty"`
	Client     string   `json:"client,omitempty"`
	ClientURL  string   `json:"client_url,omitempty"`
}

type payload struct {
	Summary   string            `json:"summary"`
	Source    string            `json:"source"`
	Severity  string            `json:"severity"`
	Timestamp time.Time         `json:"timestamp"`
	Component string            `json:"component"`
	Group     string            `json:"group,omitempty"`
	Class     string            `json:"class"`
	Details   map[string]string `json:"custom_details"`
}

type link struct {
	Href string `json:"href"`
	Text string `json:"text"`
}

func eventOf(c *Config, a *alert.Alert) event {
	e := event{RoutingKey: c.RoutingKey, Action: "resolve", DedupKey: "gtg-" + a.Fingerprint()}
	if !a.Firing() {
		return e
	}
	e.Action, e.Client, e.ClientURL = "trigger", "gtg", a.Link
	details := a.Annotations()
	for k, v := range a.Labels {
		details[k] = v
	}
	e.Payload = &payload{
		Summary:   short(a.Title() + ": " + a.Text()),
		Source:    cmp.Or(c.Source, a.Run, "gtg"),
		Severity:  string(a.Severity), // gtg's are PagerDuty's, which has error as well
		Timestamp: a.Started,
		Component: "training",
		Group:     a.Run,
		Class:     string(a.Kind),
		Details:   details,
	}
	if a.Link != "" {
		e.Links = []link{{a.Link, "The run"}}
	}
	return e
}

func short(s string) string {
	if r := []rune(s); len(r) > summaryLimit {
		return string(r[:summaryLimit-1]) + "…"
	}
	return s
}
