package dashboard

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-140d0f39/gtg/internal/figures"
	"github.com/seed-140d0f39/gtg/monitor"
)

// However long drawing takes, it takes a tenth of the time, and however short, the
// figures are drawn once a second.
func TestDrawingIsBounded(t *testing.T) {
	for _, c := range []struct {
		takes        time.Duration
		fewest, most int // drawings in 10 minutes
	}{{time.Millisecond, 400, 601}, {400 * time.Millisecond, 120, 151}, {7 * time.Second, 8, 9}} {
		synctest.Test(t, func(t *testing.T) {
			s, err := New()
			require.NoError(t, err)
			drawings := 0
			s.paint = func(_ *painter, old []message, _ figures.Size) []message {
				drawings++
				time.Sleep(c.takes)
				return old
			}
			require.NoError(t, s.Start(&monitor.Run{}))
			v := s.enter(wide)
			defer func() { s.leave(v); time.Sleep(time.Minute) }() // the drawing ends
			const minutes = 10
			for i := range int64(minutes * 60 * 20) { // steps, 20 a second
				require.NoError(t, s.Step(&monitor.Step{Step: i + 1}))
				time.Sleep(time.Second / 20)
			}
			synctest.Wait()
			spent := time.Duration(drawings) * c.takes
			require.LessOrEqual(t, spent-c.takes, minutes*time.Minute/10, "the last one may be under way")
			require.GreaterOrEqual(t, drawings, c.fewest)
			require.LessOrEqual(t, drawings, c.most)
		})
	}
}

// pipes is a listener whose connections are in memory, so that their deadlines
// keep to the test's time.
type pipes struct{ accept chan net.Conn }

type local struct{ net.Conn }

func (local) LocalAddr() net.Addr  { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80} }
func (local) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 81} }

func (p pipes) Accept() (net.Conn, error) {
	c, ok := <-p.accept
	if !ok {
		return nil, net.ErrClosed
	}
	return local{c}, nil
}
func (p pipes) Close() error   { return nil }
func (p pipes) Addr() net.Addr { return local{}.LocalAddr() }

func (p pipes) dial(t *testing.T) net.Conn {
	mine, its := net.Pipe()
	p.accept <- its
	_, err := io.WriteString(mine, "GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
	require.NoError(t, err)
	return mine
}

// A browser that does not read is let go after ten seconds, and one that does
// stays.
func TestABrowserThatDoesNotReadIsLetGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := New()
		require.NoError(t, err)
		require.NoError(t, s.Start(&monitor.Run{Name: "r"}))
		listener := pipes{make(chan net.Conn)}
		server := &http.Server{Handler: s, WriteTimeout: 30 * time.Second}
		go server.Serve(listener)
		defer server.Close()
		defer close(listener.accept)
		viewers := func() int {
			synctest.Wait()
			s.mu.Lock()
			defer s.mu.Unlock()
			return len(s.viewers)
		}
		deaf, reads := listener.dial(t), listener.dial(t)
		defer func() { deaf.Close(); reads.Close(); time.Sleep(time.Minute) }()
		go io.Copy(io.Discard, reads)
		time.Sleep(writeTimeout - time.Second)
		require.Equal(t, 2, viewers())
		time.Sleep(2 * time.Second)
		require.Equal(t, 1, viewers())
		time.Sleep(time.Hour)
		require.Equal(t, 1, viewers(), "whoever reads is not held to a time")
		require.NoError(t, reads.Close())
		time.Sleep(heartbeat + writeTimeout + time.Second)
		require.Zero(t, viewers())
	})
}

// A server holds so many connections; the next is served when one of them ends.
func TestConnectionsAreBounded(t *testing.T) {
	s, err := Serve("")
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close(t.Context(), nil)) }()
	ask := func() net.Conn {
		c, err := net.Dial("tcp", s.Addr())
		require.NoError(t, err)
		_, err = fmt.Fprintf(c, "HEAD /healthz HTTP/1.1\r\nHost: %s\r\n\r\n", s.Addr())
		require.NoError(t, err)
		return c
	}
	answered := func(c net.Conn, wait time.Duration) error {
		require.NoError(t, c.SetReadDeadline(time.Now().Add(wait)))
		_, err := bufio.NewReader(c).ReadString('\n')
		return err
	}
	var held []net.Conn
	for range maxConnections {
		c := ask()
		defer c.Close()
		require.NoError(t, answered(c, time.Minute))
		held = append(held, c)
	}
	next := ask()
	defer next.Close()
	require.ErrorContains(t, answered(next, 50*time.Millisecond), "timeout", "there is no place")
	require.NoError(t, held[0].Close())
	require.NoError(t, answered(next, time.Minute))
}
