package runlog_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/quick"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/seed-140d0f39/gtg/adapters/runlog"
	"github.com/seed-140d0f39/gtg/monitor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	known = monitor.Known
	nan   = monitor.Known(math.NaN())
	inf   = monitor.Known(math.Inf(1))
	minus = monitor.Known(math.Inf(-1))
)

// same compares like ==, but for NaN, which is the same as NaN.
func same(a, b monitor.Number) bool {
	x, xk := a.Get()
	y, yk := b.Get()
	return xk == yk && math.Float64bits(x) == math.Float64bits(y) || math.IsNaN(x) && math.IsNaN(y)
}

// plain puts a text in the place of every NaN, so that steps can be compared.
func plain(s monitor.Step) any {
	flat := func(n monitor.Number) any {
		v, k := n.Get()
		if !k {
			return nil
		}
		return [2]any{math.Float64bits(v), math.IsNaN(v)}
	}
	all := func(ns []monitor.Number) any {
		if ns == nil {
			return nil
		}
		out := []any{}
		for _, n := range ns {
			out = append(out, flat(n))
		}
		return out
	}
	var c any
	if k := s.Curvature; k != nil {
		var radii []any
		for _, r := range k.SpectralRadii {
			radii = append(radii, []any{r.Name, flat(r.Radius), flat(r.Residual), r.Converged})
		}
		c = []any{flat(k.GTHG), flat(k.Rayleigh), flat(k.Rho), flat(k.RhoPreconditioned), flat(k.RhoLimit), flat(k.PredictedChange), flat(k.LossChange),
			flat(k.GTU), flat(k.UTHU), all(k.ParamGTHG), flat(k.LambdaMax), flat(k.LambdaMin), flat(k.LambdaMaxResidual),
			flat(k.LambdaMinResidual), k.Converged, flat(k.Trace), flat(k.TraceError), k.SpectralRadii == nil, radii, k.Method, flat(k.Seconds)}
	}
	var groups []any
	for _, g := range s.Clip.Groups {
		groups = append(groups, []any{g.Name, g.Clipped, flat(g.Norm), flat(g.NormAfter), flat(g.Threshold)})
	}
	return []any{s.Step, flat(s.T), flat(s.Loss), flat(s.LR), flat(s.GradNorm), all(s.ParamGradNorms),
		all(s.ParamNorms), all(s.UpdateNorms), all(s.ParamElasticities), s.ZeroGrads, flat(s.NonFinite), s.Clip.Policy,
		flat(s.Clip.Factor), flat(s.Clip.Threshold), s.Clip.Clipped, flat(s.Clip.NormAfter), flat(s.Clip.Lower),
		flat(s.Clip.Upper), all(s.Clip.ParamFactors), groups, s.NonFiniteParams, s.Zeroed,
		flat(s.Successive.Cosine), flat(s.Successive.Cosine2), flat(s.Successive.Dot), flat(s.Successive.Error), s.Action, c, flat(s.GTGSeconds)}
}

func everything() *monitor.Step {
	return &monitor.Step{
		Step: 7, T: known(1.25), Loss: nan, LR: known(1e-3), GradNorm: inf,
		ParamGradNorms:    []monitor.Number{known(0.1), {}, nan, inf},
		ParamNorms:        []monitor.Number{known(1), known(2), known(3), known(4)},
		UpdateNorms:       []monitor.Number{known(1e-300), known(5e-324), known(math.MaxFloat64), known(0)},
		ParamElasticities: []monitor.Number{known(0.5), {}, inf, known(0)},
		ZeroGrads:         []int64{0, -1, 3, math.MaxInt64},
		NonFinite:         known(2),
		NonFiniteParams:   []monitor.NonFiniteParam{{Param: 2, NaN: 3}, {Param: 3, PosInf: 1, NegInf: 2}},
		Zeroed:            6,
		Clip: monitor.Clip{Policy: "groups", Clipped: true, Factor: known(0.5), Threshold: known(12), NormAfter: known(6),
			Lower: known(-2), Upper: inf, ParamFactors: []monitor.Number{known(1), {}, known(0), known(0.25)},
			Groups: []monitor.ClipGroup{{Name: "a", Clipped: true, Norm: known(24), NormAfter: known(6), Threshold: known(6)}, {Name: "b"}}},
		Successive: monitor.Successive{Cosine: known(-0.75), Cosine2: known(1), Dot: minus, Error: known(0.0625)},
		Action:     monitor.ActionSkip,
		Curvature: &monitor.Curvature{GTHG: known(-3), Rayleigh: minus, Rho: known(-0.5), RhoPreconditioned: known(30), RhoLimit: known(3.8),
			PredictedChange: known(-0.25), LossChange: known(-0.125), GTU: known(-2), UTHU: known(-4),
			ParamGTHG: []monitor.Number{known(-5), {}, nan, known(2)},
			LambdaMax: known(5), LambdaMin: known(-1), LambdaMaxResidual: known(0.25), LambdaMinResidual: known(0.125), Converged: true,
			Trace: known(-7), TraceError: known(0.5), SpectralRadii: []monitor.SpectralRadius{
				{Name: "rnn.weight_hh_l0[r]", Radius: known(1.25), Residual: known(0.01), Converged: true}, {Name: "b", Radius: known(0.5)}},
			Method: "hvp", Seconds: known(0.375)},
		GTGSeconds: known(0.0001),
	}
}

// The line is what the format's description says, letter for letter.
func TestTheLines(t *testing.T) {
	var b bytes.Buffer
	w := runlog.NewWriter(&b)
	require.NoError(t, w.Start(&monitor.Run{
		Name: "a \"run\"", Started: time.Date(2026, 1, 2, 4, 5, 6, 0, time.FixedZone("", 3600)),
		Framework: "gotch 0.9.1", Device: "cpu",
		Optimizer: &monitor.Optimizer{Kind: "adam", LR: known(0.001), Beta1: known(0.9), Beta2: known(0.999)},
		Params:    []monitor.Param{{Name: "w", Shape: []int64{3, 2}, Numel: 6, Constant: known(0.5)}, {Name: "s", Shape: []int64{}, Numel: 1}, {}},
		Config:    map[string]any{"b": 1, "a": math.NaN(), "list": []any{1.5, math.Inf(-1)}, "f": func() {}},
	}))
	require.NoError(t, w.Step(everything()))
	require.NoError(t, w.Step(&monitor.Step{Step: 8, ParamNorms: []monitor.Number{}, Curvature: &monitor.Curvature{}}))
	require.NoError(t, w.Event(&monitor.Event{Step: 8, Kind: monitor.Cliff, State: monitor.Resolved, Severity: monitor.Warning,
		Since: 3, Param: "w", Summary: "s", Advice: "a", Section: "8.2.4", Values: map[string]float64{"z": 1, "a": math.Inf(1)}}))
	require.NoError(t, w.Event(&monitor.Event{Step: 9, Kind: monitor.CriticalPoint, Class: monitor.ClassSaddle,
		Values: map[string]float64{"lambda_max": 1, "lambda_min": -1}}))
	require.NoError(t, w.Event(&monitor.Event{Step: 9, Values: map[string]float64{}}))
	require.NoError(t, w.Close(t.Context(), &monitor.End{Step: 8, T: known(2), Reason: monitor.Closed,
		Verdict: []monitor.Finding{{Section: "8.2.1", Finding: "f", Evidence: "e"}}}))
	lines := strings.SplitAfter(b.String(), "\n")
	require.Len(t, lines, 8)
	require.Regexp(t, `^\{"type":"run","schema":1,"run":"a \\"run\\"","started":"2026-01-02T03:05:06Z","framework":"gotch 0.9.1","device":"cpu",`+
		`"optimizer":\{"kind":"adam","lr":0.001,"beta1":0.9,"beta2":0.999\},`+
		`"params":\[\{"name":"w","shape":\[3,2\],"numel":6,"constant":0.5\},\{"name":"s","shape":\[\],"numel":1\},\{\}\],`+
		`"config":\{"a":"NaN","b":1,"f":"0x[0-9a-f]+","list":\[1.5,"-Inf"\]\}\}`+"\n$", lines[0])
	require.Equal(t, `{"type":"step","step":7,"t":1.25,"loss":"NaN","lr":0.001,"grad_norm":"+Inf",`+
		`"param_grad_norms":[0.1,null,"NaN","+Inf"],"param_norms":[1,2,3,4],"update_norms":[1e-300,5e-324,1.7976931348623157e+308,0],"param_elasticities":[0.5,null,"+Inf",0],`+
		`"zero_grads":[0,null,3,9223372036854775807],"nonfinite":2,"nonfinite_params":[{"param":2,"nan":3,"pos_inf":0,"neg_inf":0},{"param":3,"nan":0,"pos_inf":1,"neg_inf":2}],"zeroed":6,"clip":{"policy":"groups","clipped":true,"factor":0.5,"threshold":12,"norm_after":6,"lower":-2,"upper":"+Inf","param_factors":[1,null,0,0.25],"groups":[{"name":"a","clipped":true,"norm":24,"norm_after":6,"threshold":6},{"name":"b","clipped":false}]},"successive":{"cosine":-0.75,"cosine2":1,"dot":"-Inf","error":0.0625},"action":"skip",`+
		`"curvature":{"gthg":-3,"rayleigh":"-Inf","rho":-0.5,"rho_preconditioned":30,"rho_limit":3.8,"predicted_change":-0.25,"loss_change":-0.125,"gtu":-2,"uthu":-4,`+
		`"param_gthg":[-5,null,"NaN",2],"lambda_max":5,"lambda_max_residual":0.25,"lambda_min":-1,"lambda_min_residual":0.125,"converged":true,`+
		`"trace":-7,"trace_error":0.5,"spectral_radii":[{"name":"rnn.weight_hh_l0[r]","radius":1.25,"residual":0.01,"converged":true},{"name":"b","radius":0.5,"converged":false}],`+
		`"method":"hvp","seconds":0.375},`+
		`"gtg_seconds":0.0001}`+"\n", lines[1])
	require.Equal(t, `{"type":"step","step":8,"param_norms":[],"curvature":{}}`+"\n", lines[2])
	require.Equal(t, `{"type":"event","step":8,"kind":"cliff","state":"resolved","severity":"warning","since":3,"param":"w","summary":"s","advice":"a","section":"8.2.4","values":{"a":"+Inf","z":1}}`+"\n", lines[3])
	require.Equal(t, `{"type":"event","step":9,"kind":"critical_point","values":{"class":"saddle","lambda_max":1,"lambda_min":-1}}`+"\n", lines[4])
	require.Equal(t, `{"type":"event","step":9,"values":{}}`+"\n", lines[5])
	require.Equal(t, `{"type":"end","step":8,"t":2,"reason":"closed","verdict":[{"section":"8.2.1","finding":"f","evidence":"e"}]}`+"\n", lines[6])
	for _, line := range lines[:7] {
		require.True(t, json.Valid([]byte(line)), line)
	}
}

func TestWhatIsWrittenIsReadBack(t *testing.T) {
	run := &monitor.Run{Name: "r\u00e9\n", Started: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC), Framework: "f", Device: "cuda:0",
		Optimizer: &monitor.Optimizer{Kind: "sgd", LR: known(0.1), Momentum: known(0.9), Beta1: known(1), Beta2: known(2), WeightDecay: known(0)},
		Params:    []monitor.Param{{Name: "a", Shape: []int64{1, 2}, Numel: 2, Constant: known(-0.25)}, {Name: "b"}},
		Config:    map[string]any{"x": "y", "n": 1.5, "deep": map[string]any{"k": []any{true, nil}}}}
	event := &monitor.Event{Step: 3, Kind: "k", State: "s", Severity: "v", Since: 2, Param: "p", Summary: "s", Advice: "a",
		Section: "8", Class: "c", Values: map[string]float64{"inf": math.Inf(-1), "x": 0.1}}
	end := &monitor.End{Step: 9, T: known(3), Reason: monitor.Stopped, Verdict: []monitor.Finding{{Section: "8.2.1", Finding: "f", Evidence: "e"}}}
	var b bytes.Buffer
	w := runlog.NewWriter(&b)
	require.NoError(t, w.Start(run))
	require.NoError(t, w.Step(everything()))
	require.NoError(t, w.Event(event))
	require.NoError(t, w.Close(t.Context(), end))

	r := runlog.NewReader(&b)
	line, err := r.Next()
	require.NoError(t, err)
	require.Equal(t, runlog.Line{Number: 1, Run: run}, line)
	line, err = r.Next()
	require.NoError(t, err)
	require.Equal(t, plain(*everything()), plain(*line.Step))
	line, err = r.Next()
	require.NoError(t, err)
	require.Equal(t, runlog.Line{Number: 3, Event: event}, line)
	line, err = r.Next()
	require.NoError(t, err)
	require.Equal(t, runlog.Line{Number: 4, End: end}, line)
	_, err = r.Next()
	require.Equal(t, io.EOF, err)
	require.False(t, r.Torn())
}

// Every float64, whatever its bits, survives.
func TestEveryFloatSurvives(t *testing.T) {
	property := func(bits []uint64) bool {
		s := &monitor.Step{Step: 1, ParamGradNorms: []monitor.Number{}}
		for _, b := range bits {
			v := math.Float64frombits(b)
			s.ParamGradNorms = append(s.ParamGradNorms, known(math.Abs(v)))
			s.Loss = known(v)
		}
		line, err := runlog.NewReader(bytes.NewReader(written(t, s))).Next()
		if err != nil || !same(line.Step.Loss, s.Loss) || len(line.Step.ParamGradNorms) != len(s.ParamGradNorms) {
			return false
		}
		for i, n := range line.Step.ParamGradNorms {
			if !same(n, s.ParamGradNorms[i]) {
				return false
			}
		}
		return true
	}
	require.NoError(t, quick.Check(property, &quick.Config{MaxCount: 2000}))
}

func read(t *testing.T, log string) (steps []int64, bad []string, r *runlog.Reader) {
	r = runlog.NewReader(strings.NewReader(log))
	for {
		line, err := r.Next()
		var e *runlog.LineError
		switch {
		case err == io.EOF:
			return steps, bad, r
		case errors.As(err, &e):
			bad = append(bad, err.Error())
		case err != nil:
			t.Fatal(err)
		case line.Step != nil:
			steps = append(steps, line.Step.Step)
		}
	}
}

func TestAReaderForgives(t *testing.T) {
	for name, log := range map[string]string{
		"no run line":         `{"type":"step","step":1}` + "\n",
		"a byte order mark":   "\uFEFF" + `{"type":"step","step":1}` + "\n",
		"CR LF":               `{"type":"step","step":1}` + "\r\n",
		"blank lines":         "\n \t\r\n" + `{"type":"step","step":1}` + "\n\n",
		"no last line break":  `{"type":"step","step":1}`,
		"spaces":              ` { "type" : "step" , "step" : 1 , "param_norms" : [ 1 , null ] , "zero_grads": [ ] } ` + "\n",
		"another order":       `{"step":1,"loss":2,"type":"step"}` + "\n",
		"escapes":             `{"\u0074ype":"st\u0065p","st\u0065p":1}` + "\n",
		"unknown fields":      `{"type":"step","x":{"y":[1,{"z":null}]},"step":1,"clip":{"new":[]},"successive":{"new":{}},"curvature":{"new":1}}` + "\n",
		"unknown types":       `{"type":"image","step":"?"}` + "\n" + `{"type":"step","step":1}` + "\n",
		"null":                `{"type":"step","step":1,"loss":null,"clip":null,"successive":null,"curvature":null,"param_norms":null,"zero_grads":null,"action":null}` + "\n",
		"an integral float":   `{"type":"step","step":1.0,"zero_grads":[2e3]}` + "\n",
		"a repeated field":    `{"type":"step","step":3,"step":1}` + "\n",
		"a torn last line":    `{"type":"step","step":1}` + "\n" + `{"type":"step","step":2,"loss":0.`,
		"a torn bad line":     `{"type":"step","step":1}` + "\n" + `{"type":"step","step":0,"lo`,
		"zeros after a crash": `{"type":"step","step":1}` + "\n\x00\x00\x00",
	} {
		t.Run(name, func(t *testing.T) {
			steps, bad, r := read(t, log)
			require.Empty(t, bad)
			require.Equal(t, []int64{1}, steps)
			require.Equal(t, strings.Contains(name, "torn") || strings.Contains(name, "crash"), r.Torn())
		})
	}
}

// A line that is cut off anywhere is torn, never wrong.
func TestALineCutAnywhereIsTorn(t *testing.T) {
	line := written(t, everything())
	for i := 1; i < len(line)-1; i++ {
		steps, bad, r := read(t, string(line[:i]))
		require.Empty(t, bad, "cut to %q", line[:i])
		require.Empty(t, steps)
		require.True(t, r.Torn())
	}
}

func TestABadLineSaysWhatIsWrong(t *testing.T) {
	for line, want := range map[string]string{
		`{"type":"step"}`:                                                         `no "step": want an integer from 1`,
		`{"type":"step","step":0}`:                                                `step: got 0, want an integer from 1`,
		`{"type":"step","step":-3}`:                                               `step: got -3`,
		`{"type":"step","step":1.5}`:                                              `step: got 1.5, want an integer`,
		`{"type":"step","step":"1"}`:                                              `step: got "1", want an integer`,
		`{"type":"step","step":9223372036854775808}`:                              `step: got 9223372036854775808, want an integer within the range of an int64`,
		`{"type":"step","step":1,"loss":1e400}`:                                   `loss: got 1e400, want a number within the range of a float64`,
		`{"type":"step","step":1,"loss":"abc"}`:                                   `loss: got "abc", want a number, "NaN", "+Inf", "-Inf" or null`,
		`{"type":"step","step":1,"loss":[1]}`:                                     `loss: got [1], want a number`,
		`{"type":"step","step":1,"loss":true}`:                                    `loss: got true, want a number`,
		`{"type":"step","step":1,"loss":NaN}`:                                     `strings "NaN", "+Inf" and "-Inf"`,
		`{"type":"step","step":1,"loss":-Infinity}`:                               `strings "NaN", "+Inf" and "-Inf"`,
		`{"type":"step","step":1,"loss":Infinity}`:                                `strings "NaN", "+Inf" and "-Inf"`,
		`{"type":"step","step":1,"grad_norm":-1}`:                                 `grad_norm: got -1, want a number that is not negative`,
		`{"type":"step","step":1,"param_norms":[1,"x"]}`:                          `param_norms: entry 1: got "x", want a number`,
		`{"type":"step","step":1,"param_norms":[[1,2]]}`:                          `param_norms: entry 0: got [1, want a number`,
		`{"type":"step","step":1,"param_norms":{"a":1}}`:                          `param_norms: got {"a":1}, want an array`,
		`{"type":"step","step":1,"zero_grads":[-1]}`:                              `zero_grads: entry 0: got -1, want an integer from 0 or null`,
		`{"type":"step","step":1,"zero_grads":[0.5]}`:                             `zero_grads: entry 0: got 0.5, want an integer`,
		`{"type":"step","step":1,"clip":1}`:                                       `clip: got 1, want an object`,
		`{"type":"step","step":1,"clip":{"factor":"x"}}`:                          `clip: factor: got "x", want a number`,
		`{"type":"step","step":1,"clip":{"policy":1}}`:                            `clip: policy: got 1, want a string`,
		`{"type":"step","step":1,"action":"jump"}`:                                `action: got "jump", want "step", "skip", "rollback" or "stop"`,
		`{"type":"step","step":1,"successive":[]}`:                                `successive: got [], want an object`,
		`{"type":"step","step":1,"successive":{"error":-1}}`:                      `successive: error: got -1, want a number that is not negative`,
		`{"type":"step","step":1,"curvature":[]}`:                                 `curvature: got [], want an object`,
		`{"type":"step","step":1,"curvature":{"trace_error":-1}}`:                 `curvature: trace_error: got -1, want a number that is not negative`,
		`{"type":"step","step":1,"curvature":{"param_gthg":[1,"x"]}}`:             `curvature: param_gthg: entry 1: got "x", want a number`,
		`{"type":"step","step":1,"curvature":{"converged":1}}`:                    `curvature: converged: got 1, want true or false`,
		`{"type":"step","step":1,"curvature":{"spectral_radii":[{"radius":-1}]}}`: `curvature: spectral_radii: radius: got -1, want a number that is not negative`,
		`{"type":"step","step":1} {"type":"step","step":2}`:                       `something follows`,
		`{"type":"step","step":1,}`:                                               `not JSON`,
		`{"type":"step","step":1,"loss":"` + "\xff" + `"}`:                        `not JSON`,
		`{"step":1}`:                            `no "type": want "run", "step", "event" or "end"`,
		`{"type":3}`:                            `type: got 3, want a string`,
		`[1,2]`:                                 `got [1,2], want an object`,
		`12`:                                    `got 12, want an object`,
		`hello`:                                 `not JSON`,
		`null`:                                  `no "type"`,
		`{"type":"run","schema":2}`:             `schema: got 2, want 1`,
		`{"type":"run","started":"yesterday"}`:  `started: got "yesterday", want a time as RFC 3339`,
		`{"type":"run","params":[{"shape":3}]}`: `params: shape: got 3, want an array`,
		`{"type":"run","params":{"a":1}}`:       `params: got {"a":1}, want an array`,
		`{"type":"run","config":[1]}`:           `config: got [1], want an object`,
		`{"type":"run","optimizer":"adam"}`:     `optimizer: got "adam", want an object`,
		`{"type":"event","values":{"a":"b"}}`:   `values: a: got "b", want a number`,
		`{"type":"event","values":{"class":1}}`: `values: class: got 1, want a string`,
		`{"type":"end","verdict":[1]}`:          `verdict: got 1, want an object`,
		`{"type":"step","step":1,"loss":"` + strings.Repeat("long", 99) + `"}`: `longlon…, want a number`,
	} {
		t.Run(line, func(t *testing.T) {
			steps, bad, r := read(t, `{"type":"step","step":1}`+"\n"+line+"\n"+`{"type":"step","step":2}`+"\n")
			require.Equal(t, []int64{1, 2}, steps, "reading goes on")
			require.Len(t, bad, 1)
			require.Contains(t, bad[0], "line 2: ")
			require.Contains(t, bad[0], want)
			require.False(t, r.Torn())
		})
	}
}

// A field that one step has says nothing of the next step.
func TestStepsDoNotLeakIntoEachOther(t *testing.T) {
	bare := &monitor.Step{Step: 8}
	other := &monitor.Step{Step: 9, Curvature: &monitor.Curvature{GTHG: known(1)}, Clip: monitor.Clip{Policy: "norm"},
		ParamGradNorms: []monitor.Number{known(1)}, ZeroGrads: []int64{}}
	nameless := &monitor.Step{Step: 10, Clip: monitor.Clip{Groups: []monitor.ClipGroup{{Norm: known(1)}}},
		Curvature: &monitor.Curvature{LambdaMin: known(-1), ParamGTHG: []monitor.Number{}, SpectralRadii: []monitor.SpectralRadius{{Radius: known(1)}}}}
	steps := []*monitor.Step{everything(), bare, other, everything(), nameless, bare, everything()}
	r := runlog.NewReader(bytes.NewReader(written(t, steps...)))
	for _, want := range steps {
		line, err := r.Next()
		require.NoError(t, err)
		require.Equal(t, plain(*want), plain(*line.Step))
	}
}

func TestLongLines(t *testing.T) {
	params := 300_000 // about 6 MB, far beyond any buffer
	s := typical(params, rand.New(rand.NewPCG(1, 2)))
	log := append(written(t, s), `{"type":"step","step":2}`...)
	r := runlog.NewReader(bytes.NewReader(log))
	line, err := r.Next()
	require.NoError(t, err)
	require.Equal(t, plain(*s), plain(*line.Step))
	line, err = r.Next()
	require.NoError(t, err)
	require.Equal(t, 2, line.Number)

	// Beyond the bound a line is skipped without being kept.
	in := io.MultiReader(&atMost{left: runlog.MaxLine + 1}, strings.NewReader("\n"+`{"type":"step","step":3}`))
	r = runlog.NewReader(in)
	_, err = r.Next()
	var e *runlog.LineError
	require.ErrorAs(t, err, &e)
	require.ErrorContains(t, err, "line 1: longer than 67108864 bytes")
	line, err = r.Next()
	require.NoError(t, err)
	require.EqualValues(t, 3, line.Step.Step)
}

// atMost gives that many spaces.
type atMost struct{ left int }

func (a *atMost) Read(p []byte) (int, error) {
	if a.left == 0 {
		return 0, io.EOF
	}
	n := min(len(p), a.left)
	for i := range p[:n] {
		p[i] = ' '
	}
	a.left -= n
	return n, nil
}

func TestAnErrorOfTheReaderIsPassedOn(t *testing.T) {
	broken := errors.New("broken")
	r := runlog.NewReader(io.MultiReader(strings.NewReader(`{"type":"step","step":1}`+"\n"+`{"ty`), failing{broken}))
	_, err := r.Next()
	require.NoError(t, err)
	_, err = r.Next()
	require.ErrorIs(t, err, broken)
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error)  { return 0, f.err }
func (f failing) Write([]byte) (int, error) { return 0, f.err }

func TestReadingAStepAllocatesNothing(t *testing.T) {
	r := runlog.NewReader(&endless{line: append(written(t, everything()), written(t, &monitor.Step{Step: 1})...)})
	next := func() {
		_, err := r.Next()
		require.NoError(t, err)
		_, err = r.Next()
		require.NoError(t, err)
	}
	next()
	require.Zero(t, testing.AllocsPerRun(100, next))
}

func TestWritingAStepAllocatesNothing(t *testing.T) {
	w := runlog.NewWriter(io.Discard)
	s := everything()
	step := func() { _ = w.Step(s) }
	for range 1000 {
		step()
	}
	require.Zero(t, testing.AllocsPerRun(100, step))
	require.NoError(t, w.Close(context.Background(), nil))
}
