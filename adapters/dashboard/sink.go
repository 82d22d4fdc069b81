package dashboard

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-140d0f39/gtg/internal/digest"
	"github.com/seed-140d0f39/gtg/internal/figures"
	"github.com/seed-140d0f39/gtg/monitor"
)

// Sink is one run's page: a [monitor.Sink] and the [http.Handler] that shows what
// it is told. [Serve] puts it on an address of its own.
type Sink struct {
	token    *token // nil serves this machine only
	gatherer prometheus.Gatherer
	maxAge   time.Duration // 0 is no limit
	refused  error
	paint    func(*painter, []message, figures.Size) []message // draws the figures

	mux     *http.ServeMux
	board   atomic.Pointer[board] // what the page shows
	over    chan struct{}         // closed when the run is over
	final   chan struct{}         // closed when those who look then have its last picture
	leaving chan struct{}         // closed when those who look have to leave

	mu       sync.Mutex // the fields below
	digest   *digest.Digest
	id       string // of the run, for the page
	status   status
	now      monitor.Step // the scalars of the last step
	stepAt   time.Time    // of the last step, or when the waiting for it began
	changes  int64        // counts steps and events
	findings int64        // counts events
	viewers  map[*viewer]struct{}
	drawing  bool
}

var (
	_ monitor.Sink = (*Sink)(nil)
	_ http.Handler = (*Sink)(nil)
)

// status is where the run is.
type status string

const (
	waiting status = "waiting" // for the first step
	running status = "running"
	ended   status = "ended"
	stopped status = "stopped" // gtg told the loop to stop
)

// New returns a page for one run. It is served until Close.
func New(options ...Option) (*Sink, error) {
	s := &Sink{over: make(chan struct{}), final: make(chan struct{}), leaving: make(chan struct{}),
		status: waiting, stepAt: time.Now(), viewers: map[*viewer]struct{}{}, paint: (*painter).figures}
	for _, o := range options {
		if o == nil {
			s.refuse(errors.New("an option is nil"))
			continue
		}
		o(s)
	}
	if s.refused != nil {
		return nil, fmt.Errorf("dashboard: %w", s.refused)
	}
	s.begin(nil)
	s.board.Store(&board{})
	s.mux = s.routes()
	return s, nil
}

// begin is called with the lock held, or before there is anyone else.
func (s *Sink) begin(r *monitor.Run) {
	s.digest = digest.New(r)
	s.id = fmt.Sprintf("%s %x", s.digest.Name(), time.Now().UnixNano())
}

// Start takes the run.
func (s *Sink) Start(r *monitor.Run) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.begin(r)
	s.changes++
	return nil
}

// Step counts a step into the figures. Its cost does not depend on how many steps
// there were or how many pages are connected.
func (s *Sink) Step(step *monitor.Step) error {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.digest.Step(step)
	s.now = monitor.Step{Step: step.Step, T: step.T, Loss: step.Loss, LR: step.LR, GradNorm: step.GradNorm, Action: step.Action}
	s.stepAt, s.status = now, running
	s.changes++
	return nil
}

// Event takes an event.
func (s *Sink) Event(e *monitor.Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.digest.Event(e)
	s.changes++
	s.findings++
	return nil
}

// Close shows the end of the run. A Sink without a [Server] goes on showing its
// last picture to whoever comes.
func (s *Sink) Close(_ context.Context, end *monitor.End) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed() {
		return nil
	}
	s.status = ended
	if end != nil {
		s.digest.Close(end)
		if end.Reason == monitor.Stopped {
			s.status = stopped
		}
	}
	s.changes++
	s.findings++
	close(s.over)
	return nil
}

// closed is called with the lock held.
func (s *Sink) closed() bool {
	select {
	case <-s.over:
		return true
	default:
		return false
	}
}
