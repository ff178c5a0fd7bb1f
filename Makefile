# `make help` lists what there is; every target works on a fresh clone.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.ONESHELL:
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
BIN := .venv/bin
RUN := $(BIN)/python
STAMP := .venv/.setup
PYTEST := $(RUN) -m pytest
# Hundreds of processes start in the tests: none compiles again what another has compiled.
export PYTHONDONTWRITEBYTECODE :=
# Processes that run tests: many tests wait for a service to start.
WORKERS ?= 3

.PHONY: help
help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort | awk -F'\t' '{printf "  %-12s %s\n", $$1, $$2}'

.PHONY: setup
setup: $(STAMP) ## Make .venv from requirements.lock, every file checked by its hash

$(STAMP): requirements.lock pyproject.toml client/pyproject.toml client/VERSION
	@test -x $(RUN) || $(PYTHON) -m venv .venv
	$(RUN) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(RUN) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable client --editable .
	touch $@

.PHONY: up
up: setup ## Start server, runner and gateway on this machine
	@$(BIN)/assay up

.PHONY: demo
demo: setup ## Register, evaluate, promote and read real models, then stop
	@$(RUN) -m tools.demo

.PHONY: test
test: setup lint ## Everything that must hold before a change lands (minutes)
	@$(PYTEST) -m "not slow" -n $(WORKERS) --dist worksteal $(ARGS)

.PHONY: test-slow
test-slow: setup ## The long tests: crashes, loads, big files
	@$(PYTEST) -m slow --timeout 1800 $(ARGS)

.PHONY: lint
lint: setup ## Style, types, layers, contract, generated files
	@$(BIN)/ruff check --quiet .
	$(BIN)/ruff format --quiet --check .
	layers=$$($(BIN)/lint-imports --no-cache --no-logo) || { echo "$$layers"; exit 1; }
	$(RUN) -m tools.generate --check
	$(RUN) -m tools.contract
	$(RUN) -m mypy

.PHONY: format
format: setup ## Format and mend what ruff can mend by itself
	@$(BIN)/ruff check --quiet --fix-only .
	$(BIN)/ruff format .

.PHONY: generate
generate: setup ## Re-make what is generated from protos/ and from the code
	@$(RUN) -m tools.generate

.PHONY: lock
lock: setup ## Resolve the requirements of both distributions anew into the two locks
	@export CUSTOM_COMPILE_COMMAND="make lock"
	compile() {
	  $(BIN)/pip-compile --quiet --generate-hashes --strip-extras --no-annotate --allow-unsafe \
	    --no-emit-index-url --no-emit-find-links --no-emit-trusted-host "$$@" -
	}
	$(RUN) -m tools.requirements --all | compile --output-file=requirements.lock
	$(RUN) -m tools.requirements | compile --constraint requirements.lock --output-file=requirements-server.lock

.PHONY: bench
bench: setup ## Measure the bars, as ratios; both sides run here and now
	@$(RUN) -m benchmarks

.PHONY: bench-peers
bench-peers: setup ## Measure against other libraries, each in an environment of its own (gigabytes)
	@$(RUN) -m benchmarks.peers
