// Package push sends the outcome of a run to a Prometheus Pushgateway when the run
// ends: for runs that are too short, or too well hidden, to be scraped. A run that can
// be scraped is better served by package prom.
//
//	outcome, err := push.New(push.Config{URL: "http://pushgateway:9091"})
//	…
//	guard, err := hooks.Attach(opt, hooks.WithSink("push", outcome))
//
// What is pushed are package prom's metrics as they are at the end, without its
// histograms, which make no sense after the fact, and without the time of the last step;
// gtg_run_end_timestamp_seconds says when it was. They replace what an earlier run of
// the same job and name has left: the Pushgateway's group is job and run.
package push

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/push"
	dto "github.com/prometheus/client_model/go"

	"github.com/seed-140d0f39/gtg/adapters/prom"
	"github.com/seed-140d0f39/gtg/monitor"
)

// DefaultJob is the label job of what is pushed.
const DefaultJob = "gtg"

// DefaultTimeout is how long one attempt may take.
const DefaultTimeout = 5 * time.Second

// Config says where the outcome goes.
type Config struct {
	// URL is the Pushgateway's address, http or https, without credentials.
	URL string
	// Job is the label job, DefaultJob when empty.
	Job string
	// Grouping are further labels of the group; not job, run or one of the metrics' own.
	Grouping map[string]string
	// Username and Password are sent by basic authentication where Username is set.
	Username, Password string
	// Client makes the requests; nil is one that has Go's proxies and TLS.
	Client *http.Client
	// Timeout bounds one attempt; 0 is DefaultTimeout.
	Timeout time.Duration
}

// Sink is the [monitor.Sink] of one run.
type Sink struct {
	*prom.Sink
	config   Config
	registry *prometheus.Registry
	run      string
}

var _ monitor.Sink = (*Sink)(nil)

// New returns a sink for one run. Options are those of package prom. An address that
// cannot be pushed to is an error.
func New(c Config, options ...prom.Option) (*Sink, error) {
	u, err := url.Parse(c.URL)
	switch {
	case err != nil:
		return nil, errors.New("push: the URL cannot be read: want one like http://host:9091")
	case u.User != nil:
		return nil, fmt.Errorf("push: the URL of host %q holds credentials: give them as Username and Password", u.Host)
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return nil, fmt.Errorf("push: URL %q: want one like http://host:9091", c.URL)
	case c.Timeout < 0:
		return nil, fmt.Errorf("push: Timeout %v: want a time above 0, or 0 for %v", c.Timeout, DefaultTimeout)
	}
	for _, name := range []string{"job", "run"} {
		if _, ok := c.Grouping[name]; ok {
			return nil, fmt.Errorf("push: Grouping has the label %q, which is set already", name)
		}
	}
	if c.Job == "" {
		c.Job = DefaultJob
	}
	if c.Timeout == 0 {
		c.Timeout = DefaultTimeout
	}
	if c.Client == nil {
		c.Client = &http.Client{}
	}
	s := &Sink{config: c, registry: prometheus.NewRegistry()}
	s.Sink, err = prom.New(s.registry, options...)
	return s, err
}

// Start begins the run.
func (s *Sink) Start(r *monitor.Run) error {
	s.run = strings.ToValidUTF8(r.Name, "\uFFFD")
	return s.Sink.Start(r)
}

// Close pushes the outcome. It tries again, with growing pauses, until the context
// ends; what the Pushgateway refuses is not sent twice.
func (s *Sink) Close(ctx context.Context, end *monitor.End) error {
	if err := s.Sink.Close(ctx, end); err != nil {
		return err
	}
	_, err := backoff.Retry(ctx, func() (struct{}, error) { return struct{}{}, s.push(ctx) },
		backoff.WithBackOff(&backoff.ExponentialBackOff{InitialInterval: 100 * time.Millisecond, Multiplier: 2, RandomizationFactor: 0.5, MaxInterval: 5 * time.Second}))
	if err != nil {
		return fmt.Errorf("push: the outcome of run %q is lost: %w", s.run, err)
	}
	return nil
}

func (s *Sink) push(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.config.Timeout)
	defer cancel()
	answer := &witness{client: s.config.Client}
	p := push.New(s.config.URL, s.config.Job).Gatherer(prometheus.GathererFunc(s.outcome)).Grouping("run", s.run).Client(answer)
	for name, value := range s.config.Grouping {
		p.Grouping(name, value)
	}
	if s.config.Username != "" {
		p.BasicAuth(s.config.Username, s.config.Password)
	}
	err := s.redacted(p.PushContext(ctx))
	if err != nil && !answer.again {
		return backoff.Permanent(err)
	}
	return err
}

// redacted takes the credentials out of an error: a server may repeat them.
func (s *Sink) redacted(err error) error {
	if err == nil || s.config.Password == "" {
		return err
	}
	basic := base64.StdEncoding.EncodeToString([]byte(s.config.Username + ":" + s.config.Password))
	text := strings.NewReplacer(basic, "[redacted]", s.config.Password, "[redacted]").Replace(err.Error())
	if text == err.Error() {
		return err
	}
	return errors.New(text)
}

// outcome gathers what is left of the run, without the label that the group has.
func (s *Sink) outcome() ([]*dto.MetricFamily, error) {
	all, err := s.registry.Gather()
	var kept []*dto.MetricFamily
	for _, family := range all {
		if family.GetType() == dto.MetricType_HISTOGRAM || family.GetName() == "gtg_last_step_timestamp_seconds" {
			continue
		}
		for _, m := range family.Metric {
			var labels []*dto.LabelPair
			for _, l := range m.Label {
				if l.GetName() != "run" {
					labels = append(labels, l)
				}
			}
			m.Label = labels
		}
		kept = append(kept, family)
	}
	return kept, err
}

// witness notes whether a request is worth making again: it got no answer, or one that
// speaks of the server's state and not of the request.
type witness struct {
	client *http.Client
	again  bool
}

func (w *witness) Do(r *http.Request) (*http.Response, error) {
	answer, err := w.client.Do(r)
	w.again = err != nil || answer.StatusCode >= 500 || answer.StatusCode == http.StatusTooManyRequests
	return answer, err
}
