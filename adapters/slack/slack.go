// Package slack writes a message to a Slack channel when an alert of the run
// fires and another one when it is resolved, through an incoming webhook.
//
//	alerts, err := slack.New(slack.Config{URL: os.Getenv("SLACK_WEBHOOK_URL")})
//	…
//	guard, err := hooks.Attach(opt, hooks.WithSink("slack", alerts))
//
// Slack takes about one message a second for a channel; no more are sent, and
// its Retry-After is kept to. Services that take Slack's messages, such as
// Mattermost, take these.
package slack

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/seed-140d0f39/gtg/adapters/alert"
	"github.com/seed-140d0f39/gtg/monitor"
)

// pace is the least time between messages.
const pace = time.Second

// Config says where the messages go.
type Config struct {
	// URL is that of the incoming webhook. It is a secret.
	URL string
	// Client is the HTTP client; nil is one with Go's defaults.
	Client *http.Client
}

// New returns a sink that writes messages.
func New(c Config, options ...alert.Option) (*alert.Sink, error) {
	e, err := alert.NewEndpoint(c.URL, nil, c.Client)
	if err != nil {
		return nil, fmt.Errorf("slack: %w", err)
	}
	return alert.NewSink([]alert.Receiver{{
		Name: "Slack " + e.String(),
		Send: func(ctx context.Context, alerts []alert.Alert) error {
			body, err := json.Marshal(messageOf(&alerts[0]))
			if err != nil {
				return alert.Refused(err)
			}
			return e.Post(ctx, nil, body)
		},
		Pace:  pace,
		Close: e.Close,
	}}, options...)
}

// message is the body of a request. Its text is what a notification shows.
type message struct {
	Text        string       `json:"text"`
	Attachments []attachment `json:"attachments"`
}

type attachment struct {
	Color    string  `json:"color"`
	Fallback string  `json:"fallback"`
	Text     string  `json:"text"`
	Fields   []field `json:"fields"`
	Stamp    int64   `json:"ts"`
}

type field struct {
	Title string `json:"title"`
	Value string `json:"value"`
	Short bool   `json:"short"`
}

// escape is what Slack wants of text that is no markup.
var escape = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

func messageOf(a *alert.Alert) message {
	color, mark, since := "good", ":large_green_circle:", a.Ended
	if a.Firing() {
		since = a.Started
		switch a.Severity {
		case monitor.Critical:
			color, mark = "danger", ":red_circle:"
		case monitor.Warning:
			color, mark = "warning", ":large_orange_circle:"
		default:
			color, mark = "#439fe0", ":large_blue_circle:"
		}
	}
	title := escape.Replace(a.Title())
	if a.Link != "" {
		title = "<" + escape.Replace(a.Link) + "|" + strings.ReplaceAll(title, "|", "¦") + ">"
	}
	text := a.Text()
	if a.Firing() && a.Advice != "" {
		text += "\n" + a.Advice
	}
	m := message{Text: mark + " *" + title + "*", Attachments: []attachment{{Color: color, Fallback: escape.Replace(a.Text()),
		Text: escape.Replace(text), Stamp: since.Unix()}}}
	add := func(title, value string) {
		if value != "" {
			m.Attachments[0].Fields = append(m.Attachments[0].Fields, field{title, escape.Replace(value), len(value) < 40})
		}
	}
	n := a.Annotations()
	add("Step", n["step"])
	add("Parameter", a.Param)
	add("Values", n["values"])
	add("Incidents", n["incidents"])
	if !a.Firing() {
		add("Fired for", a.Ended.Sub(a.Started).Round(time.Second).String())
	}
	return m
}
