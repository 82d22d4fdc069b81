package dashboard

import (
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// MinToken is how many characters a token has at least.
const MinToken = 16

// MaxViewers is how many pages can be connected at a time.
const MaxViewers = 64

// An Option changes what is served, and to whom.
type Option func(*Sink)

// WithRemote serves other machines too, to those who know the token: the page as
// http://host:port/?token=TOKEN, which the browser then keeps in a cookie, and
// programs by the header "Authorization: Bearer TOKEN". It has at least [MinToken]
// characters; "openssl rand -hex 16" makes one.
func WithRemote(token string) Option {
	return func(s *Sink) {
		if len(token) < MinToken {
			s.refuse(fmt.Errorf("the token has %d characters, want at least %d, such as what \"openssl rand -hex 16\" prints", len(token), MinToken))
			return
		}
		s.token = newToken(token)
	}
}

// WithMetrics serves the gatherer's metrics under /metrics.
func WithMetrics(gatherer prometheus.Gatherer) Option {
	return func(s *Sink) {
		if gatherer == nil {
			s.refuse(errors.New("no gatherer: pass prometheus.DefaultGatherer or the registry"))
			return
		}
		s.gatherer = gatherer
	}
}

// WithMaxAge has /healthz answer 503 when no step came for longer than that. A
// probe can ask for another limit: /healthz?max_age=60s. The default is no limit.
func WithMaxAge(d time.Duration) Option {
	return func(s *Sink) {
		if d <= 0 {
			s.refuse(fmt.Errorf("WithMaxAge(%v): want a time above 0", d))
			return
		}
		s.maxAge = d
	}
}

// refuse keeps a bad option's error for New.
func (s *Sink) refuse(err error) { s.refused = errors.Join(s.refused, err) }
