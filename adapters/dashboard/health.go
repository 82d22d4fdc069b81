package dashboard

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// health is what /healthz answers.
type health struct {
	Run  string `json:"run"`
	Step int64  `json:"step"`
	// StepAge is the time since the last step, or before the first since the
	// waiting for it began.
	StepAge float64 `json:"step_age_seconds"`
	Status  status  `json:"status"`
}

func (s *Sink) health() health {
	s.mu.Lock()
	defer s.mu.Unlock()
	return health{Run: s.digest.Name(), Step: s.now.Step, StepAge: time.Since(s.stepAt).Seconds(), Status: s.status}
}

// healthz answers 503 when the run goes on and no step came for too long.
func (s *Sink) healthz(w http.ResponseWriter, r *http.Request) {
	limit := s.maxAge
	if q := r.URL.Query(); q.Has("max_age") {
		d, err := time.ParseDuration(q.Get("max_age"))
		if err != nil || d <= 0 {
			http.Error(w, fmt.Sprintf("max_age=%q: want a time above 0 with its unit, such as 90s or 10m", q.Get("max_age")), http.StatusBadRequest)
			return
		}
		limit = d
	}
	now := s.health()
	code := http.StatusOK
	over := now.Status == ended || now.Status == stopped
	if limit > 0 && !over && now.StepAge > limit.Seconds() {
		code = http.StatusServiceUnavailable
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(now)
}
