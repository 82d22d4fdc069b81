#!/bin/sh
# Formatting, go vet and staticcheck, over every package of both modules.
set -eu
cd "$(dirname "$0")/.."

unformatted=$(gofmt -l .)
if [ -n "$unformatted" ]; then
	printf 'not formatted (gofmt -w mends it):\n%s\n' "$unformatted" >&2
	exit 1
fi
check() {
	go vet ./...
	go run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./...
}
check
# A module of its own.
cd adapters/otel
export GOWORK=off
check
