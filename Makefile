# quotad: needs make and Python 3.11 or newer. Everything else goes into .venv, nothing needs root.
# Variables: PYTHON=/path/to/python3.12  CHECK=1  QUICK=1  PYTEST="-k link"

.DEFAULT_GOAL := help
.PHONY: help demo test test-all lint bench clean
SHELL := /bin/sh

BIN := .venv/bin
export PYTHON

# What `make test-all` needs from Debian, as program:package. A missing one fails there.
DEBIAN := redis-server:redis-server
# What `make bench` measures against and with.
RIVALS := nginx:nginx redis-server:redis-server wrk:wrk

help: ## what can be made
	@sed -n 's/^\([a-z-]*\):.*## /make \1\t/p' Makefile | expand -t 18

demo: ## quotad before a sample backend, ready to try (CHECK=1: tries it itself, exits 0 or 1)
	@sh .ci/venv embedded
	@exec $(BIN)/python -m quotad demo $(if $(filter-out 0,$(CHECK)),--check)

lint: ## ruff, mypy --strict, import-linter
	@sh .ci/venv embedded,dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

test: lint ## lint, and all tests that need nothing but PyPI
	$(BIN)/python -m pytest $(PYTEST)

test-all: ## lint, and all tests, also those that need programs from Debian
	@sh .ci/tools $(DEBIAN)
	@$(MAKE) --no-print-directory lint
	$(BIN)/python -m pytest -m "debian or not debian" $(PYTEST)

bench: ## quotad and its rivals on one core; writes bench/results/ (QUICK=1: under two minutes)
	@sh .ci/tools $(RIVALS)
	@sh .ci/venv embedded,bench
	$(BIN)/python -m bench

clean: ## removes .venv, caches, builds and the demo's folder; keeps counters in quotad-data/
	rm -rf .venv .demo dist build .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
