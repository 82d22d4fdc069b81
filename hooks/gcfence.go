package hooks

import (
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"strings"
	"sync"
	"time"
)

// The fence is one for the process, because Go's garbage collector is: it is up
// while at least one guard wants it.
var fence gcFence

type gcFence struct {
	sync.Mutex
	guards  int
	percent int // GOGC before the fence

	samples  []metrics.Sample
	allocs   uint64 // bytes that Go had ever allocated at the last collection
	live     uint64 // bytes that it found in use
	resident uint64 // bytes of the process then
	page     uint64
	statm    *os.File

	stepped time.Time     // when a loop last was between two steps
	stop    chan struct{} // ends the patrol
	stopped chan struct{}
}

// fencePatience is how long a loop may take no step before garbage is collected
// all the same: in an evaluation, after the last step, in a step that hangs.
const fencePatience = 2 * time.Second

// Growth that is waited for before a collection, at least. gotch's tensors take
// 100 kB of Go heap each, so a heap that has not grown holds few dead tensors;
// the process's size counts what they hold in libtorch's memory.
const (
	fenceHeapGrowth     = 16 << 20
	fenceResidentGrowth = 256 << 20
)

func (f *gcFence) up() {
	f.Lock()
	defer f.Unlock()
	f.guards++
	if f.guards > 1 {
		return
	}
	f.samples = []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}, {Name: "/gc/heap/live:bytes"},
		{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	f.page = uint64(os.Getpagesize())
	f.statm, _ = os.Open("/proc/self/statm") // none: the Go heap alone decides
	f.percent = debug.SetGCPercent(-1)
	f.stepped = time.Now()
	f.collect()
	f.stop, f.stopped = make(chan struct{}), make(chan struct{})
	go f.patrol(f.stop, f.stopped)
}

// patrol collects for loops that take no steps. Their tensors in use are then
// kept by what package torch puts aside, not by the fence.
func (f *gcFence) patrol(stop <-chan struct{}, stopped chan<- struct{}) {
	defer close(stopped)
	tick := time.NewTicker(fencePatience / 10)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case now := <-tick.C:
			f.Lock()
			if now.Sub(f.stepped) > fencePatience && f.due() {
				f.collect()
			}
			f.Unlock()
		}
	}
}

func (f *gcFence) down() {
	f.Lock()
	if f.guards--; f.guards > 0 {
		f.Unlock()
		return
	}
	debug.SetGCPercent(f.percent)
	if f.statm != nil {
		_ = f.statm.Close()
		f.statm = nil
	}
	close(f.stop)
	stopped := f.stopped
	f.Unlock()
	<-stopped // which may wait for the lock
}

// between is called when the loop is between two steps.
func (f *gcFence) between() {
	f.Lock()
	defer f.Unlock()
	if f.guards == 0 {
		return
	}
	f.stepped = time.Now()
	if f.due() {
		f.collect()
	}
}

func (f *gcFence) due() bool {
	metrics.Read(f.samples)
	// As Go's own pacing at GOGC=100: when as much was allocated as was in use.
	allocated := f.samples[0].Value.Uint64() - f.allocs
	if allocated > max(f.live, fenceHeapGrowth) {
		return true
	}
	// Go collects by itself, in the middle of a step, when it comes to the
	// memory limit: be earlier.
	if limit := debug.SetMemoryLimit(-1); limit != math.MaxInt64 {
		used := f.samples[2].Value.Uint64() - f.samples[3].Value.Uint64()
		if used > uint64(limit)/4*3 && allocated > f.live/8 {
			return true
		}
	}
	return f.residentNow() > f.resident+max(f.resident/4, fenceResidentGrowth)
}

func (f *gcFence) collect() {
	runtime.GC()
	metrics.Read(f.samples)
	f.allocs, f.live = f.samples[0].Value.Uint64(), f.samples[1].Value.Uint64()
	f.resident = f.residentNow()
}

// residentNow is the process's resident size in bytes, 0 where it is not known.
func (f *gcFence) residentNow() uint64 {
	if f.statm == nil {
		return 0
	}
	var space [128]byte
	n, err := f.statm.ReadAt(space[:], 0)
	if n == 0 && err != nil {
		return 0
	}
	fields := strings.Fields(string(space[:n]))
	if len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.ParseUint(fields[1], 10, 64)
	return pages * f.page
}
