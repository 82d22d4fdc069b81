package runlog_test

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-140d0f39/gtg/adapters/runlog"
	"github.com/seed-140d0f39/gtg/monitor"
)

// FuzzReader reads anything without a panic and without an end, and whatever it
// reads is the same after it was written and read again.
func FuzzReader(f *testing.F) {
	f.Add(written(f, everything(), &monitor.Step{Step: 2}))
	f.Add([]byte("\uFEFF" + `{"step":1,"type":"step","zero_grads":[null,1e2],"clip":{"policy":"\u00e4"},"loss":-0}` + "\r\n"))
	f.Add([]byte(`{"type":"run","schema":1,"run":"r","started":"2026-01-02T03:04:05.6+07:00","params":[{"name":"a","shape":[1]}],"config":{"a":[1]}}` + "\n"))
	f.Add([]byte(`{"type":"event","step":1,"kind":"cliff","values":{"a":"NaN"}}` + "\n" + `{"type":"end","step":1,"verdict":[{"section":"8"}]}`))
	f.Add([]byte(`{"type":"event","step":1,"kind":"critical_point","values":{"class":"saddle","lambda_min":-1,"class":null}}`))
	f.Add([]byte(`{"type":"step","step":1,"successive":{"cosine":-1,"dot":"NaN","error":null}}` + "\n" + `{"type":"step","step":2,"successive":{}}`))
	f.Add([]byte(`{"type":"step","step":1,"curvature":{"converged":true,"spectral_radii":[{},null],"param_gthg":[-1]}}` + "\n" +
		`{"type":"step","step":2,"curvature":{"lambda_min":1,"loss_change":"-Inf"}}`))
	f.Add([]byte(`{"type":"step","step":1,"loss":NaN}` + "\n\n[]\n{\"type\":\"step\""))
	f.Fuzz(func(t *testing.T, log []byte) {
		r := runlog.NewReader(bytes.NewReader(log))
		for calls := 0; ; calls++ {
			require.LessOrEqual(t, calls, bytes.Count(log, []byte("\n"))+1, "as many lines as there are")
			line, err := r.Next()
			var bad *runlog.LineError
			switch {
			case err == io.EOF:
				return
			case errors.As(err, &bad):
				require.Positive(t, bad.Line)
				continue
			}
			require.NoError(t, err)
			again(t, line)
		}
	})
}

// again writes the line, reads it and writes it once more.
func again(t *testing.T, line runlog.Line) {
	first := write(t, line)
	back, err := runlog.NewReader(bytes.NewReader(first)).Next()
	require.NoError(t, err, "%s", first)
	if line.Step != nil {
		require.Equal(t, plain(*line.Step), plain(*back.Step))
	}
	require.Equal(t, string(first), string(write(t, back)))
}

func write(t *testing.T, line runlog.Line) []byte {
	var b bytes.Buffer
	w := runlog.NewWriter(&b)
	switch {
	case line.Run != nil:
		require.NoError(t, w.Start(line.Run))
	case line.Step != nil:
		require.NoError(t, w.Step(line.Step))
	case line.Event != nil:
		require.NoError(t, w.Event(line.Event))
	}
	require.NoError(t, w.Close(t.Context(), line.End))
	return b.Bytes()
}
