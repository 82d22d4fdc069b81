package dashboard

import (
	"net/http"
	"time"
)

const (
	// writeTimeout is how long a browser may take for one message; then it is let
	// go, and comes again.
	writeTimeout = 10 * time.Second
	// heartbeat finds out who has left without a word.
	heartbeat = 15 * time.Second
)

// A viewer is one page that is connected.
type viewer struct {
	size int           // of its figures: a place in sizes
	wake chan struct{} // holds one: there is something new on the board
}

// enter lets another viewer in and sees to it that someone draws, unless there
// are too many.
func (s *Sink) enter(size int) *viewer {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.viewers) >= MaxViewers {
		return nil
	}
	v := &viewer{size: size, wake: make(chan struct{}, 1)}
	s.viewers[v] = struct{}{}
	if !s.drawing {
		s.drawing = true
		go s.draw()
	}
	return v
}

func (s *Sink) leave(v *viewer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.viewers, v)
}

// stream sends what is on the board, and again what has changed, as server-sent
// events. What a viewer is too slow for is left out: it always gets the latest.
func (s *Sink) stream(w http.ResponseWriter, r *http.Request) {
	size := wide
	if r.URL.Query().Get("size") == "narrow" {
		size = narrow
	}
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // for proxies
	if r.Method == http.MethodHead {
		return
	}
	v := s.enter(size)
	if v == nil {
		h.Set("Retry-After", "10")
		http.Error(w, "too many pages are connected", http.StatusServiceUnavailable)
		return
	}
	defer s.leave(v)

	out := http.NewResponseController(w)
	send := func(b []byte) bool {
		// Not every ResponseWriter has deadlines; a server of ours does.
		_ = out.SetWriteDeadline(time.Now().Add(writeTimeout))
		if _, err := w.Write(b); err != nil {
			return false
		}
		return out.Flush() == nil
	}
	if !send([]byte("retry: 1000\n\n")) {
		return
	}
	sent := map[string]int64{}
	update := func() bool {
		for topic, m := range s.board.Load().messages(v.size) {
			if sent[topic] == m.version {
				continue
			}
			if !send(m.bytes) {
				return false
			}
			sent[topic] = m.version
		}
		return true
	}
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for {
		if !update() {
			return
		}
		select {
		case <-v.wake:
		case <-beat.C:
			if !send([]byte(":\n\n")) {
				return
			}
		case <-r.Context().Done():
			return
		case <-s.leaving:
			update()
			return
		}
	}
}
