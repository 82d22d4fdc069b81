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

install() {
	command="apt-get install -y --no-install-recommends $*"
	command -v apt-get >/dev/null ||
		fail "missing here: $* (Debian's names), and there is no apt-get to install them with;" \
			"install a C++ compiler and libtorch, and set GOTCH_LIBTORCH to libtorch's folder"
	if [ "$(id -u)" = 0 ]; then
		as_root=
	elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
		as_root="sudo -n"
	else
		fail "missing here: $*; installing them takes root, and sudo is not there or asks for a password. As root: apt-get update && $command"
	fi
	echo "Installing $*" >&2
	# shellcheck disable=SC2086 # as_root and command are lists of words
	{
		$as_root env DEBIAN_FRONTEND=noninteractive apt-get update -q
		$as_root env DEBIAN_FRONTEND=noninteractive $command -q
	} >&2 || fail "the packages could not be installed. Run: apt-get update && $command"
}

command -v go >/dev/null ||
	fail "the go command is not on PATH; install Go (https://go.dev/dl) and add its bin folder to PATH"

packages=
command -v "$(go env CXX | cut -d' ' -f1)" >/dev/null || packages="$packages g++"
has_libtorch || packages="$packages libtorch-dev libopenblas0-pthread"
# shellcheck disable=SC2086 # a list of words
[ -z "$packages" ] || install $packages

# A go.work whose fitted copy is gone must not be in the way of making another.
GOWORK=off CGO_ENABLED=0 go build -buildvcs=false -o bin/gtg ./cmd/gtg
exec bin/gtg setup "$@"
