//go:build linux && !gtg_nowrap

package torch

// #cgo CXXFLAGS: -DGTG_WRAP
// #cgo LDFLAGS: -Wl,--wrap=at_backward -Wl,--wrap=ato_step -Wl,--wrap=ato_zero_grad -Wl,--wrap=at_free
import "C"

// Interposed says whether this build sees the calls of an unchanged training
// loop. Where it does not, a loop has to call [Attachment.Step] itself.
const Interposed = true
