package main

// The exit statuses, of which 0 is a command that did what it was asked to and 1
// any error that is not one of these.
const (
	statusUsage = 2 // the command line is wrong, or a log cannot be read
	statusMet   = 3 // what --fail-on asks for was met
)

const statusHelp = `Exit status: 0 done, 1 error, 2 the command line is wrong or a log cannot be read, 3 what --fail-on asks for was met.`

// unreadable is the error of a log that could not be read.
type unreadable struct{ error }

func (unreadable) ExitCode() int   { return statusUsage }
func (u unreadable) Unwrap() error { return u.error }

// usage is the error of a command line that is well-formed but makes no sense.
type usage struct{ error }

func (usage) ExitCode() int   { return statusUsage }
func (u usage) Unwrap() error { return u.error }

// met is the error of a --fail-on whose condition was met.
type met struct{ error }

func (met) ExitCode() int   { return statusMet }
func (m met) Unwrap() error { return m.error }
