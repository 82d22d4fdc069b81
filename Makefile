# What builds and tests without cgo and without libtorch.
PURE = ./clip/... ./monitor/... ./adapters/... ./cmd/... ./dashboards/... ./internal/browser/... ./internal/delivery/... \
	./internal/detect/corpus/... ./internal/detect/judge/... ./internal/detect/rivals/... ./internal/detect/score/... \
	./internal/digest/... ./internal/figures/... ./internal/report/... ./internal/screenshot/... ./internal/servertest/... ./internal/setup/... ./internal/spectrum/... ./rules/...
# Where the labelled runs are kept, and with how many seeds each is trained: 5 take about
# eight hours.
RUNS ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/gtg/runs
SEEDS ?= 5
# A module of its own, which the patterns leave out and go.work does not name.
OTEL = cd adapters/otel && GOWORK=off

.PHONY: help setup demo test pure race bench detect screenshots golden lint fuzz clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Install what is missing and fit gotch to this machine's libtorch
	@scripts/setup.sh

demo: setup ## Train a character model on Go's own sources, watched by gtg
	go run ./examples/charrnn
	@bin/gtg report charrnn.gtg.jsonl -o charrnn.html

test: setup ## Run all tests
	CGO_ENABLED=0 go build -buildvcs=false $(PURE)
	PATH="$$(scripts/tools.sh):$$PATH" go test -timeout 20m ./...
	$(OTEL) CGO_ENABLED=0 go test -timeout 5m ./...

pure: ## Test, without cgo, what needs no libtorch
	CGO_ENABLED=0 go test -short -timeout 10m $(PURE)
	$(OTEL) CGO_ENABLED=0 go test -short -timeout 5m ./...

race: setup ## Run all tests under the race detector
	go test -race -short -timeout 25m ./...
	$(OTEL) go test -race -short -timeout 5m ./...

bench: setup ## Run the benchmarks: clipping beside others, what a step of gtg costs, ...
	go run -tags gtg_bench ./internal/clipbench
	go test -run '^$$' -bench . -benchmem -timeout 30m ./...

detect: setup ## Train the labelled runs, once, and judge them: false alarms and recall, beside the rules of others
	go run ./internal/detect/generate -o "$(RUNS)" -seeds $(SEEDS)
	CGO_ENABLED=0 go run ./internal/detect/judge -runs "$(RUNS)"

screenshots: setup ## Train a character model and take the README's pictures of it with Chromium
	go run ./examples/charrnn -curvature 0.03 -sample 0 -metrics ""
	CGO_ENABLED=0 go run ./internal/screenshot -log charrnn.gtg.jsonl -o docs

golden: ## Write the golden files anew, with Debian's python3-torch
	@scripts/golden.sh

lint: setup ## Check formatting, go vet and staticcheck
	@scripts/lint.sh

fuzz: setup ## Run each fuzz target for 10 seconds
	@scripts/fuzz.sh 10s

clean: ## Remove what set-up, the examples and the tools wrote here
	rm -rf bin *.html go.work go.work.sum internal/torch/zlibtorch.go
	find . -name '*.gtg.jsonl' -o -name '*.test' -o -name '*.prof' | xargs rm -f
