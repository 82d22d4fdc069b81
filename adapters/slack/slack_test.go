package slack_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/seed-140d0f39/gtg/adapters/alert"
	"github.com/seed-140d0f39/gtg/adapters/internal/receivertest"
	"github.com/seed-140d0f39/gtg/adapters/slack"
	"github.com/seed-140d0f39/gtg/monitor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const token = "T00000000/B00000000/abcdefghijklmnopqrstuvwx"

func at(url string, options ...alert.Option) (*alert.Sink, error) {
	return slack.New(slack.Config{URL: url + "/services/" + token}, options...)
}

func TestSickServers(t *testing.T) {
	receivertest.Recovers(t, 200, []string{token, "abcdefghijklmnopqrstuvwx"}, at)
}

func TestAMessageOnFiringAndOneOnResolved(t *testing.T) {
	server := receivertest.NewServer(t, 200)
	s, err := at(server.URL, receivertest.Quick(alert.WithLink("https://dash/r?a=1&b=2"))...)
	require.NoError(t, err)
	require.NoError(t, s.Start(&monitor.Run{Name: "<!channel> & |co"}))
	before := time.Now()
	require.NoError(t, s.Event(receivertest.Event(monitor.Cliff, monitor.Firing)))
	require.Eventually(t, func() bool { return len(server.Taken()) == 1 }, receivertest.Patience, receivertest.Poll)
	over := receivertest.Event(monitor.Cliff, monitor.Resolved)
	over.Summary = "It is within its range."
	require.NoError(t, s.Event(over))
	require.NoError(t, receivertest.Close(t, s))
	require.GreaterOrEqual(t, time.Since(before), time.Second, "the pace that Slack allows")
	type message struct {
		Text        string
		Attachments []struct {
			Color, Text, Fallback string
			Fields                []struct{ Title, Value string }
		}
	}
	var got [2]message
	require.Len(t, server.Taken(), 2)
	for i, r := range server.Taken() {
		require.Equal(t, "/services/"+token, r.Path)
		require.NoError(t, json.Unmarshal(r.Body, &got[i]))
		require.NotContains(t, got[i].Text, "<!channel>", "a run's name calls nobody")
	}
	require.Equal(t, ":large_orange_circle: *<https://dash/r?a=1&amp;b=2|[firing] cliff in run &lt;!channel&gt; &amp; ¦co (warning)>*", got[0].Text)
	require.Equal(t, "warning", got[0].Attachments[0].Color)
	require.Equal(t, "The gradient norm leapt to 90 &lt;&amp;&gt;.\nClip the gradient.", got[0].Attachments[0].Text)
	require.Contains(t, got[1].Text, ":large_green_circle: *<https://dash/r?a=1&amp;b=2|[resolved] cliff")
	require.Equal(t, "It is within its range.", got[1].Attachments[0].Text)
	require.Equal(t, "good", got[1].Attachments[0].Color)
	fields := map[string]string{}
	for _, f := range got[1].Attachments[0].Fields {
		fields[f.Title] = f.Value
	}
	require.Contains(t, fields, "Fired for")
	require.Equal(t, "grad_norm=90, limit=12.5", fields["Values"])
}

func ExampleNew() {
	sink, err := slack.New(slack.Config{URL: "https://hooks.slack.com/services/T/B/x"}, alert.WithFor(time.Minute))
	fmt.Println(sink != nil, err)
	// Output: true <nil>
}
