#!/bin/sh
# Set up a fresh checkout: install what is missing (Debian and its like), then
# fit gotch to this machine's libtorch. Asks nothing; quick when all is there.
set -eu
cd "$(dirname "$0")/.."

fail() {
	echo "setup: $*" >&2
	exit 1
}

has_libtorch() {
	[ -n "${GOTCH_LIBTORCH:-}${LIBTORCH:-}" ] && return
	for found in /usr/local/lib/libtorch /usr/lib/*/libtorch_cpu.so /usr/lib64/libtorch_cpu.so /usr/lib/libtorch_cpu.so; do
		[ -e "$found" ] && return
	done
	return 1
}

command -v go >/dev/null ||
	fail "the go command is not on PATH; install Go (https://go.dev/dl) and add its bin folder to PATH"

packages=
command -v "$(go env CXX | cut -d' ' -f1)" >/dev/null || packages="$packages g++"
has_libtorch || packages="$packages libtorch-dev libopenblas0-pthread"
# shellcheck disable=SC2086 # a list of words
[ -z "$packages" ] || scripts/install.sh $packages

# A go.work whose fitted copy is gone must not be in the way of making another.
GOWORK=off CGO_ENABLED=0 go build -buildvcs=false -o bin/gtg ./cmd/gtg
exec bin/gtg setup "$@"
