// Package dashboard serves a page on which a run is watched while it goes on:
// the figures of a report, the events as they come, and beside them /metrics and
// /healthz.
//
// The page is complete in itself: nothing is loaded from elsewhere, and nothing
// can be changed through it. It updates without being loaded again, and finds
// the next run of a trainer that was started again on the same address.
//
//	/         the page
//	/stream   what the page is told: server-sent events
//	/metrics  for Prometheus, where the metrics are known ([WithMetrics])
//	/healthz  for probes: whether steps still come
//
// # Who may look
//
// Without a token only this machine is served, under an address that is its own:
// a page of another origin that has its name point here (DNS rebinding) is
// refused. Every user of the machine can look. [WithRemote] serves other
// machines, to those who know the token. What is sent is not encrypted: across
// a network that others can listen to, use a tunnel (ssh -L) or a proxy that
// speaks TLS.
//
// # What it costs
//
// A step costs what it takes to count it into the figures, whoever looks.
// Figures are drawn only while someone looks, once for all, at most once a second
// and at most a tenth of the time; a browser that is slow gets fewer pictures.
package dashboard
