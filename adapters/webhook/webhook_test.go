package webhook_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/seed-140d0f39/gtg/adapters/alert"
	"github.com/seed-140d0f39/gtg/adapters/alertmanager"
	"github.com/seed-140d0f39/gtg/adapters/internal/receivertest"
	"github.com/seed-140d0f39/gtg/adapters/webhook"
	"github.com/seed-140d0f39/gtg/internal/servertest"
	"github.com/seed-140d0f39/gtg/monitor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const secret = "s3cr3t-of-the-hook"

func at(url string, options ...alert.Option) (*alert.Sink, error) {
	return webhook.New(webhook.Config{URL: url + "/hooks/T0KEN-OF-THE-PATH", Secret: secret}, options...)
}

func TestSickServers(t *testing.T) {
	receivertest.Recovers(t, 204, []string{secret, "T0KEN-OF-THE-PATH"}, at)
}

func play(t *testing.T, s *alert.Sink, server *receivertest.Server) {
	require.NoError(t, s.Start(&monitor.Run{Name: "night, \"quoted\" ε"}))
	require.NoError(t, s.Event(receivertest.Event(monitor.Cliff, monitor.Firing)))
	require.Eventually(t, func() bool { return len(server.Taken()) == 1 }, receivertest.Patience, receivertest.Poll)
	require.NoError(t, s.Event(receivertest.Event(monitor.Cliff, monitor.Resolved)))
	require.Eventually(t, func() bool { return len(server.Taken()) == 2 }, receivertest.Patience, receivertest.Poll)
	require.NoError(t, receivertest.Close(t, s))
}

func TestABodyIsSigned(t *testing.T) {
	server := receivertest.NewServer(t, 200)
	s, err := at(server.URL, receivertest.Quick()...)
	require.NoError(t, err)
	play(t, s, server)
	for _, r := range server.Taken() {
		signature := r.Header.Get(webhook.Signature)
		require.True(t, webhook.Verify(secret, r.Body, signature))
		require.False(t, webhook.Verify(secret+"x", r.Body, signature))
		require.False(t, webhook.Verify(secret, append(bytes.Clone(r.Body), ' '), signature))
		require.False(t, webhook.Verify(secret, r.Body, ""))
	}
}

// The example of RFC 4231, section 4.3.
func TestTheSignatureIsHMACSHA256(t *testing.T) {
	require.True(t, webhook.Verify("Jefe", []byte("what do ya want for nothing?"), "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"))
}

func TestWithoutASecretThereIsNoSignature(t *testing.T) {
	server := receivertest.NewServer(t, 200)
	s, err := webhook.New(webhook.Config{URL: server.URL}, receivertest.Quick()...)
	require.NoError(t, err)
	play(t, s, server)
	require.Empty(t, server.Taken()[0].Header.Get(webhook.Signature))
}

// normal is a message without what differs between two deliveries: times to the
// second, the receiver's name and the address of the Alertmanager.
func normal(t *testing.T, body []byte) map[string]any {
	var m map[string]any
	require.NoError(t, json.Unmarshal(body, &m))
	require.NotEmpty(t, m["receiver"])
	delete(m, "receiver")
	require.Contains(t, m, "externalURL")
	delete(m, "externalURL")
	for _, a := range m["alerts"].([]any) {
		a := a.(map[string]any)
		for _, k := range []string{"startsAt", "endsAt"} {
			v, err := time.Parse(time.RFC3339Nano, a[k].(string))
			require.NoError(t, err)
			a[k] = "unset"
			if !v.IsZero() {
				require.WithinDuration(t, time.Now(), v, time.Minute)
				a[k] = "set"
			}
		}
	}
	return m
}

// What a real Alertmanager makes of our alert and sends to a webhook is what
// this package sends to it.
func TestTheMessageIsAlertmanagers(t *testing.T) {
	theirs, ours := receivertest.NewServer(t, 200), receivertest.NewServer(t, 200)
	am := servertest.NewAlertmanager(t, theirs.URL)
	options := receivertest.Quick(alert.WithLink("https://dash/r"), alert.WithTimeout(5*time.Second))
	direct, err := at(ours.URL, options...)
	require.NoError(t, err)
	play(t, direct, ours)
	through, err := alertmanager.New(alertmanager.Config{URLs: []string{am.URL}}, options...)
	require.NoError(t, err)
	play(t, through, theirs)
	for i := range 2 {
		require.Equal(t, normal(t, theirs.Taken()[i].Body), normal(t, ours.Taken()[i].Body))
	}
}

func TestABadAddressIsRefused(t *testing.T) {
	_, err := webhook.New(webhook.Config{URL: "T0KEN-OF-THE-PATH"})
	require.ErrorContains(t, err, "webhook: ")
	require.NotContains(t, err.Error(), "T0KEN")
}

func ExampleNew() {
	sink, err := webhook.New(webhook.Config{URL: "https://example.org/hook", Secret: "shared with the receiver"}, alert.WithFloor(monitor.Critical))
	fmt.Println(sink != nil, err)
	// Output: true <nil>
}

func ExampleVerify() {
	body, header := []byte(`{}`), "sha256=0000"
	fmt.Println(webhook.Verify("shared with the sender", body, header))
	// Output: false
}
