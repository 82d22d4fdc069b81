#!/bin/sh
# Run every fuzz target for a while: scripts/fuzz.sh [TIME], 10s unless told. The
# module in adapters/otel has none, and would not build from here.
set -eu
cd "$(dirname "$0")/.."
time=${1:-10s}

grep -rl --include='*_test.go' --exclude-dir=otel '^func Fuzz' . | sort | while read -r file; do
	sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$file" | while read -r target; do
		echo "$(dirname "$file") $target"
		# An input that is being made smaller when the time is over fails the run.
		go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" -fuzzminimizetime 10x -timeout 10m "$(dirname "$file")" </dev/null
	done
done
