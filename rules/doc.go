// Package rules holds gtg.rules.yaml, recording and alerting rules for Prometheus over
// the metrics of adapters/prom, and gtg_test.yaml, their tests for promtool.
package rules
