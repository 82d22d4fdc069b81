package torch

// #include "gtg.h"
import "C"

import (
	"errors"
	"fmt"
)

// message holds what a C function has to say when it fails.
type message [C.GTG_ERROR_SIZE]C.char

// failed turns a C function's result into an error.
func (m *message) failed(what string, result C.int) error {
	if result == 0 {
		return nil
	}
	text := C.GoString(&m[0])
	if text == "" {
		return errors.New(what + " failed in libtorch")
	}
	if result == C.GTG_REFUSED {
		return fmt.Errorf("%s: %s", what, text)
	}
	return fmt.Errorf("%s: libtorch: %s", what, text)
}
