package hooks_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-140d0f39/gtg/adapters/alert"
	"github.com/seed-140d0f39/gtg/adapters/alertmanager"
	"github.com/seed-140d0f39/gtg/hooks"
	"github.com/seed-140d0f39/gtg/internal/servertest"
)

// A poisoned batch of a real training fires an alert in a real Alertmanager, and good
// ones after it resolve it.
func TestATrainingUnderAlertmanager(t *testing.T) {
	var mu sync.Mutex
	var heard []string
	people := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var message struct {
			Alerts []struct {
				Status string
				Labels map[string]string
			}
		}
		if json.NewDecoder(r.Body).Decode(&message) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		for _, a := range message.Alerts {
			heard = append(heard, a.Labels["run"]+": "+a.Labels["alertname"]+" "+a.Status)
		}
	}))
	t.Cleanup(people.Close)
	am := servertest.NewAlertmanager(t, people.URL)
	alerts, err := alertmanager.New(alertmanager.Config{URLs: []string{am.URL}}, alert.WithKeepFiring(0))
	require.NoError(t, err)
	l := newLesson(t)
	g := attach(t, l.opt, hooks.WithName("night"), hooks.WithSink("alertmanager", alerts))
	hear := func(want string) {
		t.Helper()
		require.Eventually(t, func() bool {
			mu.Lock()
			defer mu.Unlock()
			return slices.Contains(heard, want)
		}, 30*time.Second, 10*time.Millisecond, "%s\n%s", want, am.Log())
	}

	l.learn(t, 300, 1)
	require.Empty(t, am.Alerts(t), "it goes well")
	l.learn(t, 1, 1e6)
	hear("night: GtgCliff firing")
	l.learn(t, 100, 1)
	hear("night: GtgCliff resolved")
	require.NoError(t, g.Close())
	require.Empty(t, am.Alerts(t))
	mu.Lock()
	defer mu.Unlock()
	slices.Sort(heard)
	require.Equal(t, slices.Compact(slices.Clone(heard)), heard, "each once")
}
