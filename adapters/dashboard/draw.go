package dashboard

import (
	"fmt"
	"time"

	"github.com/seed-140d0f39/gtg/internal/digest"
	"github.com/seed-140d0f39/gtg/internal/figures"
)

const (
	// lookEvery is how often the page's head and events are brought up to date.
	lookEvery = 250 * time.Millisecond
	// drawEvery is the least time from one drawing of the figures to the next.
	drawEvery = time.Second
	// drawShare is the share of the time that drawing may take.
	drawShare = 0.1
)

// draw keeps the board up to date for as long as someone looks at it, and after
// the run's end until its last picture is up.
func (s *Sink) draw() {
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	var p painter
	over := s.over
	for s.refresh(&p) {
		select {
		case <-look.C:
		case <-over:
			over = nil // once is enough
		}
	}
}

// A painter draws the figures of a copy of the digest, so that the run goes on
// meanwhile.
type painter struct {
	copy   digest.Digest
	id     string // of the run
	due    time.Time
	seen   int64             // changes that are on the board
	drawn  [len(sizes)]int64 // likewise, in figures; -1 where none are
	listed int64             // findings that are
	ready  bool
}

// refresh replaces the board by a new one where there is news. It returns false
// when nobody looks any more, or nothing more will come.
func (s *Sink) refresh(p *painter) (goOn bool) {
	s.mu.Lock()
	last := s.closed()
	if len(s.viewers) == 0 {
		s.drawing = false
		if last {
			s.finish()
		}
		s.mu.Unlock()
		return false
	}
	next := *s.board.Load()
	changes := s.changes
	if !p.ready || p.id != s.id {
		*p = painter{id: s.id, ready: true, seen: -1, drawn: [len(sizes)]int64{-1, -1}, listed: -1, due: p.due}
	}
	news := p.seen != changes
	if news {
		next.state = compose(next.state, "state", "state", s.state())
		p.seen = changes
	}
	if p.listed != s.findings {
		next.events = compose(next.events, "events", "events", s.incidents())
		p.listed = s.findings
	}
	var wanted [len(sizes)]bool
	due := !time.Now().Before(p.due) || last
	paint := false
	for v := range s.viewers {
		wanted[v.size] = due && p.drawn[v.size] != changes
		paint = paint || wanted[v.size]
	}
	if paint {
		p.copy.CopyFrom(s.digest)
	}
	s.mu.Unlock()

	if news {
		s.put(&next)
	}
	if paint {
		began := time.Now()
		for size := range sizes {
			if wanted[size] {
				next.figures[size] = s.paint(p, next.figures[size], sizes[size])
				p.drawn[size] = changes
			}
		}
		took := time.Since(began)
		p.due = began.Add(max(drawEvery, time.Duration(float64(took)/drawShare)))
		s.put(&next)
	}
	return !last || !s.finished(p)
}

// finished says whether all who look see the end of the run, and ends the drawing
// if so.
func (s *Sink) finished(p *painter) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for v := range s.viewers {
		if p.drawn[v.size] != s.changes {
			return false
		}
	}
	s.drawing = false
	s.finish()
	return true
}

// finish says that the last picture is up. It is called with the lock held.
func (s *Sink) finish() {
	select {
	case <-s.final:
	default:
		close(s.final)
	}
}

// figures draws all of them, or says what they are missing.
func (p *painter) figures(old []message, size figures.Size) (all []message) {
	defer func() {
		if fault := recover(); fault != nil { // the page stays as it was
			all = old
		}
	}()
	for i, f := range figures.All([]*digest.Digest{&p.copy}) {
		var before message
		if i < len(old) {
			before = old[i]
		}
		one := drawn(f, size)
		one.ID, one.At = p.id, i
		all = append(all, compose(before, "figure", fmt.Sprint("figure ", i), one))
	}
	return all
}

// put puts the board up and tells those who look.
func (s *Sink) put(b *board) {
	up := *b
	s.board.Store(&up)
	s.mu.Lock()
	defer s.mu.Unlock()
	for v := range s.viewers {
		select {
		case v.wake <- struct{}{}:
		default: // it has not seen the last one yet
		}
	}
}
