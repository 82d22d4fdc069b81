package alert

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"time"

	"github.com/seed-140d0f39/gtg/monitor"
)

// Rules say when an event becomes an alert and how long the alert lasts.
type Rules struct {
	// Floor is the least severity that alerts.
	Floor monitor.Severity
	// For is how long a condition must hold before its alert fires, and KindFor
	// the same for single kinds. An instant does not wait.
	For     time.Duration
	KindFor map[monitor.Kind]time.Duration
	// KeepFiring is how long a condition must be clear before its alert is
	// resolved, so that what comes and goes is one alert.
	KeepFiring time.Duration
	// Hold is how long the alert of an instant lasts; 0 is that instants do not
	// alert.
	Hold time.Duration
	// Cooldown is how long after its end an alert does not fire again. A
	// condition that still holds then fires.
	Cooldown time.Duration
	// Silences says which causes, while they hold, keep which consequences from
	// firing; nil is [monitor.Silences]. What fires already goes on.
	Silences func(cause, consequence monitor.Kind) bool
	// Labels are added to those of every alert, and Link is where a person can
	// look at the run.
	Labels map[string]string
	Link   string
}

// DefaultRules are the rules in force unless an option says otherwise.
func DefaultRules() Rules {
	return Rules{
		Floor:      monitor.Warning,
		KeepFiring: time.Minute,      // detectors wait for steps, of which a second may have a thousand
		Hold:       5 * time.Minute,  // Alertmanager's resolve_timeout
		Cooldown:   10 * time.Minute, // six pages an hour at the worst
	}
}

var severities = []monitor.Severity{monitor.Info, monitor.Warning, monitor.Critical}

var labelName = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)

// reserved are the labels that gtg sets itself.
var reserved = []string{"alertname", "run", "kind", "severity", "parameter", "duration"}

// Validate refuses rules that cannot be meant.
func (r *Rules) Validate() error {
	var errs []error
	refuse := func(format string, args ...any) { errs = append(errs, fmt.Errorf("alert: "+format, args...)) }
	if !slices.Contains(severities, r.Floor) {
		refuse("severity floor %q: want one of %q", r.Floor, severities)
	}
	for name, d := range map[string]time.Duration{"For": r.For, "KeepFiring": r.KeepFiring, "Hold": r.Hold, "Cooldown": r.Cooldown} {
		if d < 0 {
			refuse("%s of %v: want a duration of at least 0", name, d)
		}
	}
	for _, k := range slices.Sorted(maps.Keys(r.KindFor)) {
		if !slices.Contains(monitor.Kinds(), k) {
			refuse("For of kind %q: there is no such kind, want one of %q", k, monitor.Kinds())
		}
		if d := r.KindFor[k]; d < 0 {
			refuse("For of kind %s is %v: want a duration of at least 0", k, d)
		}
	}
	if u, err := url.Parse(r.Link); r.Link != "" && (err != nil || u.Scheme == "" || u.Host == "") {
		refuse("link %q: want an address such as https://grafana.example/d/gtg", r.Link)
	}
	for _, l := range slices.Sorted(maps.Keys(r.Labels)) {
		switch {
		case !labelName.MatchString(l):
			refuse("label %q: want a name of letters, digits and underscores", l)
		case slices.Contains(reserved, l):
			refuse("label %q is one that gtg sets itself: want another name than %q", l, reserved)
		}
	}
	return errors.Join(errs...)
}

func (r *Rules) wait(k Key) time.Duration {
	if k.Instant {
		return 0
	}
	if d, ok := r.KindFor[k.Kind]; ok {
		return d
	}
	return r.For
}

func (r *Rules) silences(cause, consequence monitor.Kind) bool {
	if r.Silences == nil {
		return monitor.Silences(cause, consequence)
	}
	return cause != consequence && r.Silences(cause, consequence)
}

// alerts says whether events of the severity are of interest.
func (r *Rules) alerts(s monitor.Severity) bool {
	return slices.Index(severities, s) >= slices.Index(severities, r.Floor)
}
