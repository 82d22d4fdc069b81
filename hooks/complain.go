package hooks

import "log/slog"

// complain says what went wrong inside gtg. The same complaint is said once:
// a loop of a million steps does not make a million lines.
func (g *Guard) complain(what string, err error) {
	if g.complaints == nil {
		g.complaints = make(map[string]bool)
	}
	if key := err.Error(); !g.complaints[key] && len(g.complaints) < 100 {
		g.complaints[key] = true
		slog.Default().Warn("gtg: "+what, "run", g.run.Name, "error", err)
	}
}
