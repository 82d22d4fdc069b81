package alert

import (
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/seed-140d0f39/gtg/monitor"
)

// An Option changes how a [Sink] alerts. Options with bad values make [NewSink]
// return an error that names them.
type Option func(*config)

// An Exit is what becomes of alerts that fire when the run ends.
type Exit int

// The exits.
const (
	// Leave says nothing: a receiver that is told again and again, such as
	// Alertmanager, takes the alert to be over a few minutes later; elsewhere it
	// stays open until a person closes it.
	Leave Exit = iota
	// Resolve ends every alert.
	Resolve
	// HandOver keeps alerts open for the process that goes on with the run, see
	// [WithState] and [WithHandOver].
	HandOver
)

type config struct {
	rules      Rules
	exit       Exit
	handOver   time.Duration
	timeout    time.Duration
	retryFirst time.Duration
	retryMost  time.Duration
	state      []byte
	errs       []error
}

// DefaultHandOver is how long alerts stay open for the next process.
const DefaultHandOver = time.Hour

// DefaultTimeout is how long one attempt to reach a receiver may take.
const DefaultTimeout = 10 * time.Second

func newConfig(options []Option) (*config, error) {
	c := &config{rules: DefaultRules(), handOver: DefaultHandOver, timeout: DefaultTimeout, retryFirst: time.Second, retryMost: time.Minute}
	for _, o := range options {
		if o == nil {
			c.refuse("an option is nil")
			continue
		}
		o(c)
	}
	if err := c.rules.Validate(); err != nil {
		c.errs = append(c.errs, err)
	}
	return c, errors.Join(c.errs...)
}

func (c *config) refuse(format string, args ...any) {
	c.errs = append(c.errs, fmt.Errorf("alert: "+format, args...))
}

// WithFloor sets the least severity that alerts. The default is
// [monitor.Warning].
func WithFloor(s monitor.Severity) Option { return func(c *config) { c.rules.Floor = s } }

// WithFor sets how long a condition must hold before its alert fires: of the
// kinds given, or of all. The default is not to wait.
func WithFor(d time.Duration, kinds ...monitor.Kind) Option {
	return func(c *config) {
		if len(kinds) == 0 {
			c.rules.For = d
			return
		}
		c.rules.KindFor = maps.Clone(c.rules.KindFor)
		if c.rules.KindFor == nil {
			c.rules.KindFor = map[monitor.Kind]time.Duration{}
		}
		for _, k := range kinds {
			c.rules.KindFor[k] = d
		}
	}
}

// WithKeepFiring sets how long a condition must be clear before its alert is
// resolved. The default is a minute.
func WithKeepFiring(d time.Duration) Option { return func(c *config) { c.rules.KeepFiring = d } }

// WithHold sets how long the alert of something without a duration lasts. The
// default is 5 minutes.
func WithHold(d time.Duration) Option { return func(c *config) { c.rules.Hold = d } }

// WithCooldown sets how long after its end an alert does not fire again. The
// default is 10 minutes.
func WithCooldown(d time.Duration) Option { return func(c *config) { c.rules.Cooldown = d } }

// WithSilences sets which causes, while they hold, keep which consequences from
// firing. The default is [monitor.Silences]. It is called under a lock and must
// not call the sink.
func WithSilences(silences func(cause, consequence monitor.Kind) bool) Option {
	return func(c *config) { c.rules.Silences = silences }
}

// WithLabels adds labels to every alert, such as the team it is routed by.
func WithLabels(labels map[string]string) Option {
	return func(c *config) { c.rules.Labels = maps.Clone(labels) }
}

// WithLink gives every alert the address of a page where a person can look at
// the run.
func WithLink(url string) Option { return func(c *config) { c.rules.Link = url } }

// WithExit sets what becomes of alerts that fire when the run ends. The default
// is [Leave].
func WithExit(e Exit) Option {
	return func(c *config) {
		if e < Leave || e > HandOver {
			c.refuse("WithExit(%d): want Leave, Resolve or HandOver", e)
		}
		c.exit = e
	}
}

// WithHandOver is WithExit(HandOver) for a process that starts within the time
// given. The default is an hour.
func WithHandOver(d time.Duration) Option {
	return func(c *config) {
		if d <= 0 {
			c.refuse("WithHandOver(%v): want a duration above 0", d)
		}
		c.exit, c.handOver = HandOver, d
	}
}

// WithState takes back what [Sink.State] returned, so that a run that is resumed
// neither alerts again of what was known nor leaves it open for ever. An empty
// state is that of a run that begins. A sink of hooks.Attach does not need it:
// hooks.WithState restores the sinks too.
func WithState(state []byte) Option { return func(c *config) { c.state = state } }

// WithTimeout sets how long one attempt to reach a receiver may take. The
// default is 10 seconds.
func WithTimeout(d time.Duration) Option {
	return func(c *config) {
		if d <= 0 {
			c.refuse("WithTimeout(%v): want a duration above 0", d)
		}
		c.timeout = d
	}
}

// WithRetry sets the pause after a first failure, which doubles with each
// further one, and the longest pause. Half of each is random, so that many
// trainers do not come back at once. The default is from a second to a minute.
func WithRetry(first, most time.Duration) Option {
	return func(c *config) {
		if first <= 0 || most < first {
			c.refuse("WithRetry(%v, %v): want a first pause above 0 and a longest that is not shorter", first, most)
		}
		c.retryFirst, c.retryMost = first, most
	}
}
