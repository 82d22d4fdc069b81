package prom

import (
	"math"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// dropped yields what each sink has lost so far.
type dropped = func(yield func(sink string, records int64))

// metrics are the vectors that all sinks of one registry share, as one
// collector.
type metrics struct {
	info                                              *prometheus.GaugeVec
	steps, clips, nonfiniteGradients, nonfiniteLosses *prometheus.CounterVec
	skipped, detections                               *prometheus.CounterVec
	step, timestamp, end, loss, lr                    *prometheus.GaugeVec
	norm, clippedNorm, squaredNorm                    *prometheus.GaugeVec
	curvature, rayleigh, clipRatio, clipThreshold     *prometheus.GaugeVec
	cosine, cosine2, dot                              *prometheus.GaugeVec
	rho, rhoLimit, lambdaMax, lambdaMin               *prometheus.GaugeVec
	curvatureTime, updateRatio                        *prometheus.GaugeVec
	firing, layers                                    *prometheus.GaugeVec
	normHistogram, duration, overhead                 *prometheus.HistogramVec
	all                                               []vector

	reportsDropped *prometheus.Desc
	mu             sync.Mutex
	drops          map[string]dropped // by run
}

type vector interface {
	prometheus.Collector
	DeletePartialMatch(prometheus.Labels) int
}

func newMetrics() *metrics {
	m := &metrics{
		reportsDropped: prometheus.NewDesc("gtg_reports_dropped_total",
			"Records that a sink has lost because its queue was full, it was switched off or it could not deliver them.", []string{"run", "sink"}, nil),
		drops: map[string]dropped{},
	}
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		v := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "gtg_" + name, Help: help}, append([]string{"run"}, labels...))
		m.all = append(m.all, v)
		return v
	}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "gtg_" + name, Help: help}, append([]string{"run"}, labels...))
		m.all = append(m.all, v)
		return v
	}
	histogram := func(name, help string, buckets []float64) *prometheus.HistogramVec {
		v := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "gtg_" + name, Help: help, Buckets: buckets,
			NativeHistogramBucketFactor: 1.1, NativeHistogramMaxBucketNumber: 160, NativeHistogramMinResetDuration: time.Hour,
		}, []string{"run"})
		m.all = append(m.all, v)
		return v
	}
	m.info = gauge("run_info", "What the run is; always 1.", "framework", "device", "optimizer")
	m.steps = counter("steps_total", "Optimizer steps that this process reported.")
	m.step = gauge("global_step", "Number of the last step; goes on after a resume.")
	m.timestamp = gauge("last_step_timestamp_seconds", "Unix time of the last step.")
	m.end = gauge("run_end_timestamp_seconds", "Unix time of the run's end; absent while it goes on.")
	m.loss = gauge("loss", "Last finite loss.")
	m.lr = gauge("learning_rate", "Learning rate in force.")
	m.norm = gauge("gradient_norm", "Last finite L2 norm of all gradients before clipping.")
	m.clippedNorm = gauge("gradient_clipped_norm", "Last finite L2 norm of all gradients after clipping.")
	m.squaredNorm = gauge("gradient_squared_norm", "Last finite squared L2 norm of all gradients before clipping, the product of g with itself.")
	m.cosine = gauge("gradient_cosine", "Last estimate of the cosine between the gradients of a step and of the one before; near -1 the steps go to and fro.")
	m.cosine2 = gauge("gradient_cosine2", "Last estimate of the cosine between the gradients of a step and of the one before the last.")
	m.dot = gauge("gradient_dot", "Last finite estimate of the product of the gradients of a step and of the one before; its mean over the mean of gtg_gradient_squared_norm is the share that is not noise.")
	m.curvature = gauge("gradient_curvature", "Last finite curvature along the gradient, the product of g, H and g.")
	m.rayleigh = gauge("gradient_rayleigh_quotient", "Last finite Rayleigh quotient of the Hessian along the gradient.")
	m.rho = gauge("rho", "Last finite rho, the effective learning rate times the Rayleigh quotient; 1 is the line's minimum, 2 raises the loss to second order.")
	m.rhoLimit = gauge("rho_limit", "What the optimizer tolerates of rho for long.")
	m.lambdaMax = gauge("lambda_max", "Last finite estimate of the Hessian's largest eigenvalue.")
	m.lambdaMin = gauge("lambda_min", "Last finite estimate of the Hessian's smallest eigenvalue.")
	m.curvatureTime = gauge("curvature_time_ratio", "Share of the time since this process's first step that measuring curvature took.")
	m.updateRatio = gauge("update_ratio", "L2 norm of the last measured change of all parameters in a step over that of the parameters.")
	m.clipRatio = gauge("gradient_clip_ratio", "L2 norm of all gradients after clipping over that before, in the last step; 1 is untouched.")
	m.clipThreshold = gauge("gradient_clip_threshold", "Clipping threshold in force.")
	m.clips = counter("gradient_clips_total", "Steps whose gradients were changed by clipping.")
	m.nonfiniteGradients = counter("nonfinite_gradients_total", "Steps with a gradient that holds a NaN or an infinity.")
	m.nonfiniteLosses = counter("nonfinite_losses_total", "Steps with a loss that is NaN or infinite.")
	m.skipped = counter("skipped_steps_total", "Steps that did not reach the optimizer or were taken back.", "reason")
	m.detections = counter("detections_total", "Times that a detector began to fire.", "detector")
	m.firing = gauge("detector_firing", "1 while a detector fires, 0 otherwise.", "detector")
	m.layers = gauge("layer_gradient_norm", "Last finite L2 norm of one parameter's gradient before clipping.", "layer")
	// The classic buckets span what norms and durations can be; the native ones adapt.
	m.normHistogram = histogram("step_gradient_norm", "L2 norms of all gradients before clipping that are finite.", decades(-8, 8))
	m.duration = histogram("step_duration_seconds", "Time from one step to the next.", decades(-5, 3))
	m.overhead = histogram("monitor_duration_seconds", "What gtg itself cost in a step.", decades(-7, 1))
	return m
}

// decades are the powers of 10.
func decades(from, to int) (buckets []float64) {
	for i := from; i <= to; i++ {
		buckets = append(buckets, math.Pow10(i))
	}
	return buckets
}

func (m *metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, v := range m.all {
		v.Describe(ch)
	}
	ch <- m.reportsDropped
}

func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	for _, v := range m.all {
		v.Collect(ch)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for run, drops := range m.drops {
		sum := map[string]int64{} // two sinks may have one name
		drops(func(sink string, records int64) { sum[clean(sink)] += records })
		for sink, records := range sum {
			metric, err := prometheus.NewConstMetric(m.reportsDropped, prometheus.CounterValue, float64(records), run, sink)
			if err != nil {
				metric = prometheus.NewInvalidMetric(m.reportsDropped, err)
			}
			ch <- metric
		}
	}
}

// remove deletes the run's series.
func (m *metrics) remove(run string) {
	for _, v := range m.all {
		v.DeletePartialMatch(prometheus.Labels{"run": run})
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.drops, run)
}
