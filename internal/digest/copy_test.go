package digest_test

import (
	"fmt"
	"math"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-140d0f39/gtg/internal/digest"
	"github.com/seed-140d0f39/gtg/monitor"
)

// everything is a step with all that a digest counts.
func everything(i int64) *monitor.Step {
	n := func(v float64) monitor.Number { return monitor.Known(v * (1 + 0.1*math.Sin(float64(i)))) }
	all := []monitor.Number{n(1), n(2), n(3)}
	return &monitor.Step{Step: i, T: monitor.Known(0.01 * float64(i)), Loss: n(2), LR: n(0.1), GradNorm: n(4), GTGSeconds: n(1e-4),
		ParamGradNorms: all, ParamNorms: all, UpdateNorms: all, ParamElasticities: all,
		Clip:      monitor.Clip{Policy: "norm", Clipped: true, Factor: n(0.5), Threshold: n(2), NormAfter: n(2)},
		Curvature: &monitor.Curvature{GTHG: n(math.Cos(float64(i))), Rho: n(1), RhoLimit: n(2), LambdaMax: n(9), LambdaMin: n(-1)}}
}

func feed(d *digest.Digest, from, to int64) {
	for i := from; i <= to; i++ {
		d.Step(everything(i))
		if i%7 == 0 {
			state := monitor.Firing
			if i%14 == 0 {
				state = monitor.Resolved
			}
			d.Event(&monitor.Event{Step: i, Kind: monitor.Plateau, State: state, Severity: monitor.Warning})
			d.Event(&monitor.Event{Step: i, Kind: monitor.Dead, State: state, Severity: monitor.Warning, Param: fmt.Sprint(i % 4)})
		}
		if i%1000 == 0 {
			d.Resume()
		}
	}
}

// shared finds memory that both values refer to and that is not the run's, which
// never changes.
func shared(a, b reflect.Value, path string) (found []string) {
	switch a.Kind() {
	case reflect.Pointer:
		if a.IsNil() || b.IsNil() || a.Type() == reflect.TypeFor[*monitor.Run]() {
			return nil
		}
		if a.Pointer() == b.Pointer() {
			return []string{path}
		}
		return shared(a.Elem(), b.Elem(), path)
	case reflect.Struct:
		for i := range a.NumField() {
			found = append(found, shared(a.Field(i), b.Field(i), path+"."+a.Type().Field(i).Name)...)
		}
	case reflect.Slice:
		if a.Cap() > 0 && b.Cap() > 0 && a.Pointer() == b.Pointer() {
			return []string{path}
		}
		for i := range min(a.Len(), b.Len(), 3) {
			found = append(found, shared(a.Index(i), b.Index(i), path+"[]")...)
		}
	case reflect.Map:
		if !a.IsNil() && a.Pointer() == b.Pointer() {
			return []string{path}
		}
		for _, k := range a.MapKeys() {
			if v := b.MapIndex(k); v.IsValid() {
				found = append(found, shared(a.MapIndex(k), v, path+"{}")...)
			}
		}
	}
	return found
}

// A copy says what the original does, goes on as it would, and shares no memory
// with it, in new memory and in that of an older copy.
func TestCopyFrom(t *testing.T) {
	run := &monitor.Run{Name: "r", Params: []monitor.Param{{Name: "a"}, {Name: "b"}, {Name: "c"}}}
	d, copied := digest.New(run), &digest.Digest{}
	for i := int64(0); i < 10; i++ {
		feed(d, 1000*i+1, 1000*i+1000)
		copied.CopyFrom(d)
		require.Equal(t, fmt.Sprintf("%+v", *d.Run), fmt.Sprintf("%+v", *copied.Run))
		require.Equal(t, d, copied)
		require.Empty(t, shared(reflect.ValueOf(d).Elem(), reflect.ValueOf(copied).Elem(), "digest"))
	}
	other := &digest.Digest{}
	other.CopyFrom(d)
	feed(d, 10_001, 10_500)
	require.Equal(t, copied, other, "the original went on alone")
	feed(other, 10_001, 10_500)
	require.Equal(t, d, other)
}
