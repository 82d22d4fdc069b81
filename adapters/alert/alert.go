package alert

import (
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seed-140d0f39/gtg/monitor"
)

// A Key tells the alerts of a run apart.
type Key struct {
	Kind monitor.Kind `json:"kind"`
	// Param is the parameter that the event named, where it named one.
	Param string `json:"param,omitempty"`
	// Instant is set for what has no duration. It is news even while a condition
	// of its kind is firing.
	Instant bool `json:"instant,omitempty"`
}

// Alert is one incident as a receiver is told of it. It is a value: no machine
// changes it any more, and neither may a receiver.
type Alert struct {
	Key
	Run      string           `json:"run"`
	Severity monitor.Severity `json:"severity"`
	// Labels are the alert's identity: they are the same for as long as it fires
	// and each time that it comes back. Whatever varies from step to step is in
	// the annotations.
	Labels map[string]string `json:"labels"`
	// Step is the step of the last event, Since that of the event that began it.
	Step  int64 `json:"step"`
	Since int64 `json:"since"`
	// Summary, Advice, Section, Class and Values are those of the last event,
	// but for the summary, of which Ending has that of the end.
	Summary string            `json:"summary"`
	Ending  string            `json:"ending,omitempty"`
	Advice  string            `json:"advice,omitempty"`
	Section string            `json:"section,omitempty"`
	Class   monitor.Class     `json:"class,omitempty"`
	Values  map[string]string `json:"values,omitempty"`
	// Incidents is how often the condition has begun since the alert fired
	// last, those that were kept back included.
	Incidents int64 `json:"incidents"`
	// Link is where a person can look at the run.
	Link string `json:"link,omitempty"`
	// Started is when the alert fired, and Ended when it was resolved: zero
	// while it is firing.
	Started time.Time `json:"started"`
	Ended   time.Time `json:"ended"`
	// Expires is when a receiver that hears no more of a firing alert may take
	// it to be over; zero where it is never told again.
	Expires time.Time `json:"-"`
}

// Firing says whether the alert goes on.
func (a *Alert) Firing() bool { return a.Ended.IsZero() }

// Name is the alert's name: "Gtg" and the kind, as in GtgIllConditioned.
func (a *Alert) Name() string { return name(a.Kind) }

func name(k monitor.Kind) string {
	words := strings.Split(string(k), "_")
	for i, w := range words {
		if w != "" {
			words[i] = strings.ToUpper(w[:1]) + w[1:]
		}
	}
	return "Gtg" + strings.Join(words, "")
}

// Title is one line for people.
func (a *Alert) Title() string {
	state := "firing"
	if !a.Firing() {
		state = "resolved"
	}
	return fmt.Sprintf("[%s] %s in run %s (%s)", state, strings.ReplaceAll(string(a.Kind), "_", " "), a.Run, a.Severity)
}

// Text is the summary of what is so now.
func (a *Alert) Text() string {
	if !a.Firing() && a.Ending != "" {
		return a.Ending
	}
	return a.Summary
}

// Annotations are what is said of the alert beyond its labels: summary,
// description (the advice), section, class, step, since_step, incidents and
// values, those that there are.
func (a *Alert) Annotations() map[string]string {
	n := map[string]string{
		"summary":     a.Text(),
		"description": a.Advice,
		"section":     a.Section,
		"class":       string(a.Class),
		"step":        strconv.FormatInt(a.Step, 10),
		"since_step":  strconv.FormatInt(a.Since, 10),
	}
	if a.Incidents > 1 {
		n["incidents"] = strconv.FormatInt(a.Incidents, 10)
	}
	var values []string
	for _, k := range slices.Sorted(maps.Keys(a.Values)) {
		values = append(values, k+"="+a.Values[k])
	}
	n["values"] = strings.Join(values, ", ")
	maps.DeleteFunc(n, func(_, v string) bool { return v == "" })
	return n
}

// Fingerprint is a hash of the labels: the one that Alertmanager has for them
// (64-bit FNV-1a over the sorted names and values, each followed by the byte
// 0xff), in 16 hexadecimal digits.
func (a *Alert) Fingerprint() string {
	h := fnv.New64a()
	for _, k := range slices.Sorted(maps.Keys(a.Labels)) {
		_, _ = h.Write([]byte(k + "\xff" + a.Labels[k] + "\xff"))
	}
	return fmt.Sprintf("%016x", h.Sum64())
}

// labels are the identity of an alert: those that the caller wants on all
// alerts, and over them gtg's own. An empty label is as good as none.
func labels(own map[string]string, run string, k Key, severity monitor.Severity) map[string]string {
	l := maps.Clone(own)
	if l == nil {
		l = map[string]string{}
	}
	maps.Copy(l, map[string]string{"alertname": name(k.Kind), "run": clean(run), "kind": string(k.Kind), "severity": string(severity)})
	if k.Param != "" {
		l["parameter"] = clean(k.Param)
	}
	if k.Instant {
		l["duration"] = "instant"
	}
	maps.DeleteFunc(l, func(_, v string) bool { return v == "" })
	return l
}

// clean makes a label value of any text: a Go string may hold what is not UTF-8.
func clean(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// values are an event's numbers as text, which can be NaN.
func values(v map[string]float64) map[string]string {
	if len(v) == 0 {
		return nil
	}
	text := make(map[string]string, len(v))
	for k, x := range v {
		text[k] = strconv.FormatFloat(x, 'g', 6, 64)
	}
	return text
}
