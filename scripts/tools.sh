#!/bin/sh
# Bring what some tests are held against: Prometheus, Alertmanager and promtool, which
# are unpacked from Debian's packages into the user's cache folder (installed, they
# would run as services), and a browser. Prints the folder for PATH. Where they cannot
# be had the tests that need them are skipped and say so.
set -u
cd "$(dirname "$0")/.."

cache="${XDG_CACHE_HOME:-$HOME/.cache}/gtg/tools"
warn() { echo "setup: $*; the tests that need it are skipped" >&2; }

as_root() {
	if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

# unpack PACKAGE PROGRAM: has the program under $cache/usr/bin.
unpack() {
	[ -x "$cache/usr/bin/$2" ] && return
	command -v apt-get >/dev/null || return
	folder=$(mktemp -d) || return
	(
		cd "$folder" || exit
		apt-get download -q "$1" || { as_root apt-get update -q && apt-get download -q "$1"; }
	) >&2 && mkdir -p "$cache" && dpkg-deb -x "$folder"/*.deb "$cache"
	status=$?
	rm -rf "$folder"
	return $status
}

for tool in prometheus:promtool prometheus-alertmanager:prometheus-alertmanager prometheus-pushgateway:prometheus-pushgateway; do
	command -v "${tool#*:}" >/dev/null || unpack "${tool%:*}" "${tool#*:}" ||
		warn "Debian's package ${tool%:*} could not be had"
done
# Debian's Alertmanager wants its templates where the package would have put them.
templates=/usr/share/prometheus/alertmanager
if [ -d "$cache$templates" ] && [ ! -d "$templates" ]; then
	as_root mkdir -p "${templates%/*}" && as_root cp -R "$cache$templates" "$templates" || {
		rm -f "$cache/usr/bin/prometheus-alertmanager"
		warn "Alertmanager's templates could not be put into $templates"
	}
fi
command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null ||
	scripts/install.sh chromium || warn "Debian's package chromium could not be installed"
echo "$cache/usr/bin"
