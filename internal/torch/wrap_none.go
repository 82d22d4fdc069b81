//go:build !linux || gtg_nowrap

package torch

// Interposed says whether this build sees the calls of an unchanged training
// loop. Where it does not, a loop has to call [Attachment.Step] itself.
const Interposed = false
