package figures

import (
	"bytes"
	"compress/zlib"
	"encoding/xml"
	"fmt"
	"image/png"
	"io"
	"math"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/vg"

	"github.com/seed-140d0f39/gtg/internal/digest"
	"github.com/seed-140d0f39/gtg/internal/digest/digesttest"
	"github.com/seed-140d0f39/gtg/monitor"
)

func runs(t testing.TB, recipes ...digesttest.Recipe) (all []*digest.Digest) {
	for _, r := range recipes {
		var b bytes.Buffer
		require.NoError(t, r.Write(&b))
		l, err := digest.Read(t.Context(), &b, "test.jsonl")
		require.NoError(t, err)
		all = append(all, l.Runs...)
	}
	return all
}

func wellFormed(t *testing.T, svg []byte) {
	t.Helper()
	d := xml.NewDecoder(bytes.NewReader(svg))
	d.Strict = true
	elements := 0
	for {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
		start, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		elements++
		for _, a := range start.Attr {
			require.NotContains(t, a.Value, "NaN", "%s of %s", a.Name.Local, start.Name.Local)
			require.NotContains(t, a.Value, "Inf", "%s of %s", a.Name.Local, start.Name.Local)
			if a.Name.Local == "href" {
				require.True(t, strings.HasPrefix(a.Value, "data:"), a.Value)
			}
		}
	}
	require.Greater(t, elements, 5)
}

// everyWay draws every figure that there is in every way.
func everyWay(t *testing.T, all []*Figure) (drawn int) {
	t.Helper()
	for _, f := range all {
		if f.Missing != "" {
			require.Error(t, f.Write(io.Discard, "svg", Wide))
			_, err := f.Inline(Wide)
			require.Error(t, err)
			continue
		}
		drawn++
		require.NotEmpty(t, f.Caption)
		for _, size := range []Size{Wide, Narrow} {
			svg, err := f.Inline(size)
			require.NoError(t, err)
			wellFormed(t, svg)
		}
		var b bytes.Buffer
		require.NoError(t, f.Write(&b, "svg", Wide))
		wellFormed(t, b.Bytes())
	}
	return drawn
}

func TestFiguresOfOneRun(t *testing.T) {
	all := All(runs(t, digesttest.Recipe{Name: "a", Steps: 3000, Params: 12, Spike: 1500, NaN: 2000, Vanish: true}))
	require.Equal(t, len(Names()), everyWay(t, all))
	for _, f := range all {
		var b bytes.Buffer
		require.NoError(t, f.Write(&b, "png", Wide))
		img, err := png.Decode(&b)
		require.NoError(t, err)
		require.Greater(t, img.Bounds().Dx(), 800)
		b.Reset()
		require.NoError(t, f.Write(&b, "pdf", Wide))
		require.True(t, bytes.HasPrefix(b.Bytes(), []byte("%PDF-")))
		require.ErrorContains(t, f.Write(&b, "gif", Wide), "want svg, pdf or png")
	}
}

func TestFiguresOfSeveralRuns(t *testing.T) {
	d := runs(t, digesttest.Recipe{Name: "a", Steps: 500, Params: 4, Spike: 200}, digesttest.Recipe{Name: "a", Steps: 12_000, Params: 6, Seed: 2},
		digesttest.Recipe{Name: "b", Steps: 10, Plain: true})
	require.Equal(t, "1: a", Label(d, 0))
	require.Equal(t, "b", Label(d, 2))
	d[1].Source = "elsewhere.jsonl"
	require.Equal(t, "a (test.jsonl)", Label(d, 0))
	require.Equal(t, "a (elsewhere.jsonl)", Label(d, 1))
	all := All(d)
	require.Equal(t, len(Names())+1, everyWay(t, all), "a heat map for each of the two that can have one")
	names := map[string]int{}
	for _, f := range all {
		names[f.Name]++
	}
	require.Equal(t, 3, names["gradients"])
}

// A healthy run has no figure of clipping that did nothing.
func TestNoFigureOfClippingThatNeverWas(t *testing.T) {
	f, err := Of("clip", runs(t, digesttest.Recipe{Steps: 500, Params: 2}))
	require.NoError(t, err)
	require.Equal(t, "no step was clipped", f[0].Missing)
	f, err = Of("clip", runs(t, digesttest.Recipe{Steps: 500, Params: 2, Spike: 100}))
	require.NoError(t, err)
	require.Empty(t, f[0].Missing)
}

// Texts have the width that was reckoned with, whatever font the reader has.
func TestTextsHaveTheirWidth(t *testing.T) {
	svg := []byte("<text x=\"4\" y=\"-3\"\n\tstyle=\"font-size:11px;fill:#24292F\">a &amp; b</text>")
	want := style(ink, 11).Width("a & b").Points()
	require.Contains(t, string(mend(svg)), fmt.Sprintf(`<text textLength="%.1f" lengthAdjust="spacingAndGlyphs" x="4"`, want))
	require.Contains(t, string(mend(svg)), "#24292F\">a &amp; b</text>")
	f, err := Of("norm", runs(t, digesttest.Recipe{Steps: 50}))
	require.NoError(t, err)
	inline, err := f[0].Inline(Wide)
	require.NoError(t, err)
	require.Equal(t, bytes.Count(inline, []byte("<text ")), bytes.Count(inline, []byte("textLength=")))
}

// A PDF has no text that its encoding does not know: what is not ASCII is drawn.
func TestPDFKnowsItsLetters(t *testing.T) {
	d := runs(t, digesttest.Recipe{Steps: 100, Params: 2})
	for _, name := range []string{"rho", "curvature", "updates"} {
		f, err := Of(name, d)
		require.NoError(t, err)
		var b bytes.Buffer
		require.NoError(t, f[0].Write(&b, "pdf", Wide))
		texts := 0
		for _, part := range bytes.Split(b.Bytes(), []byte("stream\n"))[1:] {
			z, err := zlib.NewReader(bytes.NewReader(part))
			if err != nil {
				continue
			}
			content, _ := io.ReadAll(z) // what follows the stream is no part of it
			for _, text := range regexp.MustCompile(`\((.*)\) ?Tj`).FindAllSubmatch(content, -1) {
				texts++
				for _, char := range text[1] {
					require.Less(t, char, byte(0x80), "%q", text[1])
				}
			}
		}
		require.Greater(t, texts, 5, name)
	}
}

// An outlined text is as wide and as high as the text.
func TestOutline(t *testing.T) {
	s := style(ink, 100)
	face := font.DefaultCache.Lookup(s.Font, s.Font.Size)
	path := outline(face, vg.Point{X: 10, Y: 20}, "ρ H ρ")
	low, high := vg.Point{X: 1e9, Y: 1e9}, vg.Point{}
	for _, part := range path {
		if part.Type != vg.CloseComp {
			low.X, low.Y = min(low.X, part.Pos.X), min(low.Y, part.Pos.Y)
			high.X, high.Y = max(high.X, part.Pos.X), max(high.Y, part.Pos.Y)
		}
	}
	require.InDelta(t, 10, low.X.Points(), 10)
	require.InDelta(t, 10+s.Width("ρ H ρ").Points(), high.X.Points(), 10)
	require.InDelta(t, 20+100*0.69, high.Y.Points(), 5, "the height of H")
	require.Less(t, low.Y.Points(), 10.0, "ρ goes below the line")
}

// What stands out is far from what is around it, not from the whole run.
func TestOutliers(t *testing.T) {
	var falling ranged
	for i := range 4000 {
		falling = append(falling, point{float64(i), math.Exp(-float64(i)/500 + 0.3*math.Sin(float64(i*i)))})
	}
	require.Empty(t, outliers(falling), "a loss that falls by e⁸")
	falling[3000].y *= 20
	require.Equal(t, ranged{falling[3000]}, outliers(falling))
	var wild ranged
	for i := range 1000 {
		wild = append(wild, point{float64(i), math.Exp(2 * math.Sin(float64(i*i)))})
	}
	require.Empty(t, outliers(wild), "what varies by orders of magnitude")
	require.Empty(t, outliers(nil))
	require.Empty(t, outliers(ranged{{1, 1}}))
}

func TestOf(t *testing.T) {
	d := runs(t, digesttest.Recipe{Steps: 10})
	for _, name := range Names() {
		f, err := Of(name, d)
		require.NoError(t, err)
		require.Equal(t, name, f[0].Name)
	}
	_, err := Of("sing", d)
	require.ErrorContains(t, err, `"sing"`)
	require.ErrorContains(t, err, "norm, loss")
}

// Whatever a run measured, its figures can be drawn.
func TestFiguresOfStrangeRuns(t *testing.T) {
	known := monitor.Known
	lengths := []int64{1, 2, 9000}
	if testing.Short() {
		lengths = []int64{1, 800}
	}
	for name, step := range map[string]func(i int64) monitor.Step{
		"nothing":        func(i int64) monitor.Step { return monitor.Step{} },
		"all NaN":        func(i int64) monitor.Step { return filled(known(math.NaN())) },
		"all infinite":   func(i int64) monitor.Step { return filled(known(math.Inf(1))) },
		"all 0":          func(i int64) monitor.Step { return filled(known(0)) },
		"constant":       func(i int64) monitor.Step { return filled(known(0.1)) },
		"huge":           func(i int64) monitor.Step { return filled(known(math.MaxFloat64)) },
		"tiny":           func(i int64) monitor.Step { return filled(known(math.SmallestNonzeroFloat64)) },
		"huge and tiny":  func(i int64) monitor.Step { return filled(known(math.Pow(10, float64(i%600-300)))) },
		"one is not 0":   func(i int64) monitor.Step { return filled(known(float64(i / 700))) },
		"one is not NaN": func(i int64) monitor.Step { return filled(known([]float64{math.NaN(), 1}[i/700])) },
	} {
		for _, n := range lengths {
			for _, sign := range []float64{1, -1} {
				run := &monitor.Run{Params: []monitor.Param{{Name: "a & <b>", Numel: 1}, {Name: "", Numel: 1}}}
				d := digest.New(run)
				for i := int64(1); i <= n; i++ {
					s := step(min(i, 700))
					s.Step = i * (1 << 49)
					if v, ok := s.Loss.Get(); ok {
						s.Loss = known(sign * v)
						s.Curvature.GTHG, s.Curvature.Rho = s.Loss, s.Loss
					}
					d.Step(&s)
				}
				t.Run(name, func(t *testing.T) { everyWay(t, All([]*digest.Digest{d})) })
			}
		}
	}
	t.Run("no step", func(t *testing.T) { require.Zero(t, everyWay(t, All([]*digest.Digest{digest.New(nil)}))) })
}

// filled has the same number everywhere.
func filled(n monitor.Number) monitor.Step {
	two := []monitor.Number{n, n}
	return monitor.Step{T: n, Loss: n, LR: n, GradNorm: n, ParamGradNorms: two, ParamNorms: two, UpdateNorms: two,
		GTGSeconds: n, Clip: monitor.Clip{Policy: "norm", Clipped: true, Factor: n, Threshold: n, NormAfter: n},
		Curvature: &monitor.Curvature{GTHG: n, Rho: n, RhoLimit: n}}
}

// One spike in 100,000 steps is in what the figures of the norm are drawn from,
// at its place and with its height, and reaches the top of the drawing.
func TestNoSpikeIsLost(t *testing.T) {
	const spike = 77_777
	d := runs(t, digesttest.Recipe{Name: "a", Steps: 100_000, Params: 2, Spike: spike, Plain: true})[0]
	all := d.GradNorm.All()
	require.Equal(t, int64(spike), all.MaxAt)
	for _, size := range []Size{Wide, Narrow} {
		f := normFigure([]*digest.Digest{d})
		found := 0
		for _, s := range bandOf(&d.GradNorm, resolution(size), true) {
			if s.high == all.Max {
				found++
				require.True(t, s.from <= spike && spike <= s.to)
			}
		}
		require.Equal(t, 1, found)
		p := f.panels(size)[0]
		require.GreaterOrEqual(t, p.Y.Max, all.Max)
	}
	// In the heat map its column is the lightest colour in each row.
	columns := 0
	for _, c := range d.Gradients.Columns() {
		if c.First <= spike && spike <= c.Last {
			columns++
			for _, cell := range c.Cells {
				require.Greater(t, cell.Max, float32(5))
			}
		}
	}
	require.Equal(t, 1, columns)
}

func TestVariables(t *testing.T) {
	f := All(runs(t, digesttest.Recipe{Name: "a", Steps: 100, Params: 4}))[0]
	svg, err := f.Inline(Wide)
	require.NoError(t, err)
	require.Empty(t, hexColour.FindAll(svg, -1), "every colour follows the page's")
	for _, h := range hues {
		require.Contains(t, Variables(false), "--fig-"+h.name+":")
		require.Contains(t, Variables(true), "--fig-"+h.name+":")
	}
}

func TestTicks(t *testing.T) {
	labels := func(ticks []string) string { return strings.Join(ticks, " ") }
	get := func(min, max float64, f interface {
		label(min, max float64) []string
	}) string {
		return labels(f.label(min, max))
	}
	require.Equal(t, "0 200k 400k 600k 800k 1M", get(0, 1e6, ticker{even(6, steps)}))
	require.Equal(t, "0 0.1 0.2 0.3", get(0, 0.31, ticker{even(4, number)}))
	require.Equal(t, "1e-4 0.001 0.01 0.1 1", get(1e-4, 1, ticker{decades(6)}))
	require.Equal(t, "2 5", get(1.5, 7, ticker{decades(6)}))
	require.Equal(t, "1 1000 1e6 1e9", get(1, 1e10, ticker{decades(4)}))
	require.Equal(t, "0 1 -1 10 -10 100", get(-20, 500, ticker{signed(7)}))
}

type ticker struct{ plot.Ticker }

func (k ticker) label(min, max float64) (all []string) {
	for _, tick := range k.Ticks(min, max) {
		all = append(all, tick.Label)
	}
	return all
}
