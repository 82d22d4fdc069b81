//go:build unix

package setup

import (
	"os/exec"
	"syscall"
)

// endWithChildren makes cancelling the command end its children too: a killed
// "go build" leaves its compilers running otherwise.
func endWithChildren(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
