package digest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/seed-140d0f39/gtg/internal/digest"
	"github.com/seed-140d0f39/gtg/internal/digest/digesttest"
	"github.com/seed-140d0f39/gtg/monitor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func made(t testing.TB, r digesttest.Recipe) string {
	var b bytes.Buffer
	require.NoError(t, r.Write(&b))
	return b.String()
}

func read(t testing.TB, log string) *digest.Log {
	l, err := digest.Read(t.Context(), strings.NewReader(log), "test.jsonl")
	require.NoError(t, err)
	return l
}

func TestReadTellsWhatTheLogSays(t *testing.T) {
	l := read(t, made(t, digesttest.Recipe{Name: "a", Steps: 3000, Params: 8, Spike: 1500, NaN: 2000}))
	require.Empty(t, l.Complaints())
	require.Len(t, l.Runs, 1)
	d := l.Runs[0]
	require.Equal(t, int64(3000), d.Steps)
	require.Equal(t, monitor.Closed, d.Ended)
	require.False(t, d.Judged)
	require.False(t, d.Replayed)
	require.Len(t, d.Verdict, 5)
	require.Equal(t, int64(1), d.NonFinite)
	require.Equal(t, int64(1), d.Actions[monitor.ActionSkip])
	require.Equal(t, int64(1), d.Events.Kinds[monitor.Cliff])
	all := d.GradNorm.All()
	require.Equal(t, int64(1500), all.MaxAt)
	require.Equal(t, int64(1), all.Bad)
	require.Equal(t, int64(1), d.Clipped)
	require.NotZero(t, len(d.Updates.Columns()))
	require.NotZero(t, d.Rho.All().N)
	share, known := d.Share()
	require.True(t, known)
	require.InDelta(t, 0.0055, share, 0.001)

	kept, dropped := d.Events.Kept()
	require.Zero(t, dropped)
	for _, i := range kept {
		if i.Kind == monitor.Cliff {
			require.Equal(t, int64(1500), i.Step)
			require.Greater(t, i.Until, i.Step)
			require.True(t, i.Over())
			require.NotEmpty(t, i.Outcome)
		}
	}
}

// A log of another program is judged as gtg replay judges it, and gets the same
// events and verdict as the same run under gtg.
func TestReadJudgesWhatWasNot(t *testing.T) {
	recipe := digesttest.Recipe{Name: "a", Steps: 3000, Params: 8, Spike: 1500, NaN: 2000}
	ours := read(t, made(t, recipe)).Runs[0]
	recipe.Unjudged = true
	theirs := read(t, made(t, recipe)).Runs[0]
	require.True(t, theirs.Judged)
	require.True(t, theirs.Replayed)
	require.Equal(t, ours.Verdict, theirs.Verdict)
	a, _ := ours.Events.Kept()
	b, _ := theirs.Events.Kept()
	require.Equal(t, a, b)
}

// A log that recorded events and was cut off keeps them, and gets a verdict.
func TestReadATornLog(t *testing.T) {
	whole := made(t, digesttest.Recipe{Name: "a", Steps: 3000, Params: 8, Spike: 1500})
	l := read(t, whole[:len(whole)*3/4])
	require.True(t, l.Torn)
	require.Contains(t, l.Complaints()[0], "cut off")
	d := l.Runs[0]
	require.True(t, d.Judged)
	require.False(t, d.Replayed)
	require.Empty(t, d.Ended)
	require.Equal(t, int64(1), d.Events.Kinds[monitor.Cliff])
}

func TestReadWhatIsNoLog(t *testing.T) {
	for name, test := range map[string]struct{ log, want string }{
		"empty":     {"", "it is empty"},
		"blank":     {"\n\n", "it is empty"},
		"no step":   {`{"type":"end","step":3}` + "\n", "no run line and no step line"},
		"torn only": {`{"type":"st`, "cut off"},
		"text":      {"hello\nworld\n", "line 1: not JSON"},
		"binary":    {"\x7fELF\x00\x00\n\x00", "line 1: not JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := digest.Read(t.Context(), strings.NewReader(test.log), "x")
			require.ErrorAs(t, err, new(*digest.Unreadable))
			require.ErrorContains(t, err, test.want)
		})
	}
}

// What a reader of another schema can make of a log is shown, and it is said.
func TestReadAnotherSchema(t *testing.T) {
	l := read(t, `{"type":"run","schema":2,"run":"new"}
{"type":"step","step":1,"loss":2}
{"type":"step","step":2,"loss":{"value":1}}
{"type":"step","step":3,"loss":1}
`)
	require.Equal(t, int64(2), l.Runs[0].Steps)
	require.Equal(t, int64(2), l.BadLines)
	require.Contains(t, l.Complaints()[0], "got 2, want 1")
	require.Contains(t, l.Complaints()[1], "line 3: loss")
}

func TestReadWithAFailingDisk(t *testing.T) {
	log := made(t, digesttest.Recipe{Name: "a", Steps: 2000, Params: 4})
	broken := io.MultiReader(strings.NewReader(log[:len(log)/2]), iotest.ErrReader(errors.New("the disk is gone")))
	l, err := digest.Read(t.Context(), broken, "x")
	require.NoError(t, err)
	require.Contains(t, strings.Join(l.Complaints(), "\n"), "the disk is gone")
	require.Greater(t, l.Runs[0].Steps, int64(900))

	_, err = digest.Read(t.Context(), iotest.ErrReader(errors.New("the disk is gone")), "x")
	require.ErrorContains(t, err, "the disk is gone")
}

func TestReadSeveralRunsAndResumes(t *testing.T) {
	run := func(name string) string { return fmt.Sprintf(`{"type":"run","schema":1,"run":%q}`+"\n", name) }
	steps := func(from, to int) (s string) {
		for i := from; i <= to; i++ {
			s += fmt.Sprintf(`{"type":"step","step":%d,"loss":1}`+"\n", i)
		}
		return s
	}
	end := func(step int) string {
		return fmt.Sprintf(`{"type":"end","step":%d,"reason":"closed","verdict":[{"section":"8.2.1","finding":"f","evidence":"e"}]}`+"\n", step)
	}
	l := read(t, run("a")+steps(1, 10)+end(10)+run("a")+steps(11, 20))
	require.Len(t, l.Runs, 1)
	require.Equal(t, int64(20), l.Runs[0].Steps)
	require.Equal(t, []int64{11}, l.Runs[0].Resumed)
	require.True(t, l.Runs[0].Judged, "the old verdict is not that of the whole run")

	l = read(t, run("a")+steps(1, 10)+end(10)+run("a")+steps(5, 20)+end(20))
	require.Len(t, l.Runs, 2, "steps that go back begin another run")
	require.Equal(t, int64(16), l.Runs[1].Steps)
	require.False(t, l.Runs[1].Judged)

	l = read(t, run("a")+steps(1, 10)+run("b")+steps(11, 12)+run("c"))
	require.Len(t, l.Runs, 3)
	require.Zero(t, l.Runs[2].Steps)

	l = read(t, run("a")+steps(1, 5)+steps(3, 6))
	require.Equal(t, int64(6), l.Runs[0].Steps)
	require.Equal(t, int64(3), l.BadLines)

	many := ""
	for i := range 40 {
		many += run(fmt.Sprint(i)) + steps(1, 2)
	}
	l = read(t, many)
	require.Len(t, l.Runs, 16)
	require.Equal(t, 24, l.Dropped)
	require.Contains(t, l.Complaints()[0], "24 more runs")
}

func TestReadEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := digest.Read(ctx, strings.NewReader(made(t, digesttest.Recipe{Steps: 100})), "x")
	require.ErrorIs(t, err, context.Canceled)
}

// 2 GB without a line break: an error in bounded memory.
func TestReadTwoGigabytesOfNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("reads 2 GB")
	}
	_, err := digest.Read(t.Context(), io.LimitReader(zeros{}, 2<<30), "x")
	require.ErrorAs(t, err, new(*digest.Unreadable))
	require.ErrorContains(t, err, "longer than")
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	require.Less(t, m.Sys, uint64(600<<20))
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func TestGridOfManyParametersAndSteps(t *testing.T) {
	const params, steps, spikeParam, spikeStep = 1000, 3000, 777, 2222
	run := &monitor.Run{}
	for i := range params {
		run.Params = append(run.Params, monitor.Param{Name: fmt.Sprintf("p%d", i), Numel: 1})
	}
	d := digest.New(run)
	norms := make([]monitor.Number, params)
	for step := int64(1); step <= steps; step++ {
		for i := range norms {
			norms[i] = monitor.Known(1)
			switch {
			case i == spikeParam && step == spikeStep:
				norms[i] = monitor.Known(1e9)
			case i < 8:
				norms[i] = monitor.Known(0)
			case i > 990 && step == 17:
				norms[i] = monitor.Known(math.NaN())
			}
		}
		d.Step(&monitor.Step{Step: step, ParamGradNorms: norms})
	}
	g := &d.Gradients
	require.LessOrEqual(t, len(g.Rows), 128)
	require.LessOrEqual(t, len(g.Columns()), 512)
	require.Equal(t, 0, g.Rows[0].First)
	require.Equal(t, params-1, g.Rows[len(g.Rows)-1].Last)
	var records, spikes, bad, zero int64
	last := int64(0)
	for _, c := range g.Columns() {
		require.Greater(t, c.First, last)
		last = c.Last
		records += c.Records
		for i, cell := range c.Cells {
			r := g.Rows[i]
			if cell.Positive > 0 && cell.Max > 5 {
				spikes++
				require.True(t, r.First <= spikeParam && spikeParam <= r.Last && c.First <= spikeStep && spikeStep <= c.Last)
				require.InDelta(t, 9, cell.Max, 1e-6)
			}
			bad += int64(cell.Bad)
			zero += int64(cell.Zero)
		}
	}
	require.Equal(t, int64(steps), records)
	require.Equal(t, int64(1), spikes)
	require.Equal(t, int64(2), bad, "of the two last rows")
	require.Equal(t, int64(steps), zero, "of the first row")
}

func TestIncidentsAreBounded(t *testing.T) {
	d := digest.New(nil)
	for i := range int64(5000) {
		d.Event(&monitor.Event{Step: i + 1, Kind: monitor.Cliff, State: monitor.Firing, Severity: monitor.Warning})
		d.Event(&monitor.Event{Step: i + 1, Kind: monitor.Cliff, State: monitor.Resolved, Severity: monitor.Warning})
	}
	kept, dropped := d.Events.Kept()
	require.Len(t, kept, 1000)
	require.Equal(t, int64(4000), dropped)
	require.Equal(t, int64(5000), d.Events.Severity[monitor.Warning])
	require.Equal(t, int64(1), kept[0].Step)
	require.Equal(t, int64(5000), kept[999].Step)
	for i := range kept[1:] {
		require.Greater(t, kept[i+1].Step, kept[i].Step)
	}
}

func ExampleRead() {
	log := `{"type":"run","schema":1,"run":"demo"}
{"type":"step","step":1,"loss":2.5,"grad_norm":0.75}
{"type":"step","step":2,"loss":2.25,"grad_norm":0.5}
{"type":"end","step":2,"reason":"closed"}
`
	l, err := digest.Read(context.Background(), strings.NewReader(log), "run.jsonl")
	if err != nil {
		fmt.Println(err)
		return
	}
	d := l.Runs[0]
	norm := d.GradNorm.All()
	fmt.Println(d.Name(), d.Steps, d.Ended, norm.Max, norm.MaxAt)
	// Output: demo 2 closed 0.75 1
}

func ExampleNew() {
	d := digest.New(&monitor.Run{Name: "live"})
	d.Step(&monitor.Step{Step: 1, Loss: monitor.Known(2.5)})
	d.Step(&monitor.Step{Step: 2, Loss: monitor.Known(1.5)})
	loss := d.Loss.All()
	fmt.Println(d.Steps, loss.Mean)
	// Output: 2 2
}

func BenchmarkRead(b *testing.B) {
	for _, params := range []int{0, 20} {
		b.Run(fmt.Sprintf("params=%d", params), func(b *testing.B) {
			const steps = 20_000
			log := made(b, digesttest.Recipe{Steps: steps, Params: params, Plain: true, Unjudged: true})
			b.SetBytes(int64(len(log)))
			for b.Loop() {
				if _, err := digest.Read(b.Context(), strings.NewReader(log), ""); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/steps, "ns/step")
		})
	}
}
