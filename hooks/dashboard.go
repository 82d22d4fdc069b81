package hooks

import (
	"context"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/seed-140d0f39/gtg/adapters/dashboard"
	"github.com/seed-140d0f39/gtg/adapters/prom"
	"github.com/seed-140d0f39/gtg/internal/delivery"
)

// dashboardOptions say where the live page is, and who may look.
type dashboardOptions struct {
	addr    string
	options []dashboard.Option
}

// WithDashboard serves a page on which the run is watched while it goes on, with
// /metrics and /healthz beside it, until [Guard.Close]; see package dashboard.
// [Guard.Dashboard] tells where it is, and so does the log. "127.0.0.1:0" is a free
// port; with a fixed one the page finds the next run by itself. An address that other
// machines reach takes a token:
//
//	hooks.WithDashboard("0.0.0.0:8080", dashboard.WithRemote(token))
//
// Attach fails where the address cannot be listened to. The metrics are those of
// [WithMetrics], where its registerer is a registry, and otherwise this run's.
func WithDashboard(addr string, opts ...dashboard.Option) Option {
	return func(o *options) { o.dashboard = &dashboardOptions{addr, opts} }
}

// Dashboard is the address of the live page, such as "http://127.0.0.1:8080/", and
// empty without [WithDashboard].
func (g *Guard) Dashboard() string {
	if g.dashboard == nil {
		return ""
	}
	return g.dashboard.URL()
}

// openDashboard opens the live page and returns its sinks.
func (g *Guard) openDashboard() ([]delivery.Named, error) {
	var sinks []delivery.Named
	gatherer, ok := g.options.metrics.(prometheus.Gatherer)
	if !ok {
		registry := prometheus.NewRegistry()
		s, err := prom.New(registry, prom.WithDropped(g.dropped))
		if err != nil {
			return nil, err
		}
		gatherer = registry
		sinks = append(sinks, delivery.Named{Name: "dashboard metrics", Sink: s})
	}
	d := g.options.dashboard
	server, err := dashboard.Serve(d.addr, append([]dashboard.Option{dashboard.WithMetrics(gatherer)}, d.options...)...)
	if err != nil {
		return nil, err
	}
	g.dashboard = server
	// The run begins with its first step; until then the page has its name.
	waiting := *g.run
	_ = server.Start(&waiting)
	if log := g.options.logger; log != nil {
		log.Info("live page", zap.String("run", g.run.Name), zap.String("url", server.URL()))
	} else {
		slog.Default().Info("gtg: live page", "run", g.run.Name, "url", server.URL())
	}
	return append(sinks, delivery.Named{Name: "dashboard", Sink: server}), nil
}

// shutDashboard closes the page of a guard that could not be attached.
func (g *Guard) shutDashboard() {
	if g.dashboard == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), g.options.deadline)
	defer cancel()
	_ = g.dashboard.Close(ctx, nil)
}
