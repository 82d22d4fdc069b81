#!/bin/sh
# Install Debian packages: scripts/install.sh PACKAGE... Asks nothing.
set -eu

fail() {
	echo "setup: $*" >&2
	exit 1
}

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
