# quotad: needs make and Python 3.11 or newer. Everything else goes into .venv, nothing needs root.
# Variables: PYTHON=/path/to/python3.12  CHECK=1  QUICK=1  PYTEST="-k link"

.DEFAULT_GOAL := help
.PHONY: help demo test test-all lint compiled test-compiled properties attacks chaos rehearsal model screenshots smuggling fuzz rest storm bench clean
SHELL := /bin/sh

BIN := .venv/bin
export PYTHON

NGINX_LUA := /usr/lib/nginx/modules/ngx_http_lua_module.so:libnginx-mod-http-lua /usr/share/lua/5.1/nginx/redis.lua:lua-nginx-redis
# What `make test-all` needs from Debian, as program:package. A missing one fails there.
DEBIAN := prometheus:prometheus redis-server:redis-server openssl:openssl nginx:nginx node:nodejs curl:curl chromium:chromium $(NGINX_LUA)
# What `make bench` measures against and with.
RIVALS := nginx:nginx redis-server:redis-server wrk:wrk $(NGINX_LUA)
# What `make chaos` needs besides: a Sidecar whose clock is an hour off.
FAULTS := faketime:faketime
# What `make rehearsal` builds its image with.
IMAGING := buildah:buildah debootstrap:debootstrap

help: ## what can be made
	@sed -n 's/^\([a-z-]*\):.*## /make \1\t/p' Makefile | expand -t 20

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
	$(BIN)/python -m pytest -n 2 --dist worksteal $(PYTEST)

test-all: ## lint, and all tests, also those that need programs from Debian
	@sh .ci/tools $(DEBIAN)
	@$(MAKE) --no-print-directory lint
	@sh .ci/kube
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "debian or not debian" $(PYTEST)

compiled: ## dist/compiled/: the wheel with its hot path in C; installs it in .venv-compiled (needs a C compiler)
	@sh .ci/venv embedded
	@sh .ci/compiled

# The tests run on a copy: beside the sources they would import those.
COMPILED := build/test-compiled
CPYTHON := $(CURDIR)/.venv-compiled/bin/python
test-compiled: compiled ## the tests of the hot path and of the whole, on the compiled wheel
	rm -rf $(COMPILED) && mkdir -p $(COMPILED) && cp -R tests lua docs pyproject.toml $(COMPILED)
	cd $(COMPILED) && $(CPYTHON) -c 'import quotad.engine.limiter as it; assert it.__file__.endswith(".so"), it'
	cd $(COMPILED) && $(CPYTHON) -m pytest -n 2 --dist worksteal -m "not debian and not pure" $(or $(PYTEST),tests/core tests/engine \
		tests/store tests/dataplane tests/integration tests/test_app.py)

properties: ## what is tried on made-up examples, on others in each run, so many times as many (TIMES=20)
	@sh .ci/tools redis-server:redis-server
	@sh .ci/venv embedded,dev
	QUOTAD_EXAMPLES=$(or $(TIMES),20) $(BIN)/python -m pytest -n 2 --dist worksteal --timeout=0 -m hypothesis $(PYTEST)

chaos: ## faults against real processes and servers; writes bench/results/chaos.md (QUICK=1: three minutes, writes nothing)
	@sh .ci/tools $(DEBIAN) $(FAULTS)
	@sh .ci/venv embedded,dev
	$(BIN)/python -m tests.chaos $(if $(filter-out 0,$(QUICK)),--quick,--write)

rehearsal: ## a Pod takes another's place, by the manifests, without a cluster; as root (QUICK=1: without an image)
	@sh .ci/tools redis-server:redis-server runc:runc ip:iproute2 unshare:util-linux $(if $(filter-out 0,$(QUICK)),,$(IMAGING))
	@sh .ci/venv embedded,dev
	@sh .ci/kube
	$(BIN)/python -m tests.rehearsal $(if $(filter-out 0,$(QUICK)),--quick)

attacks: ## floods and slow callers in full size against a real quotad; writes bench/results/attacks.md
	@sh .ci/venv embedded,dev
	$(BIN)/python -m tests.attacks --write

model: ## the protocol in thousands of seeded runs; writes bench/results/model.md (RUNS=200 a case)
	@sh .ci/venv embedded,dev
	$(BIN)/python -m tests.model --runs $(or $(RUNS),200) --write

screenshots: ## pictures of console and live view in docs/images (needs Debian's chromium)
	@sh .ci/tools chromium:chromium
	@sh .ci/venv embedded,dev
	$(BIN)/python -m tests.screenshots
	$(BIN)/python -m tests.screenshots.top

smuggling: ## 50,000 mutated requests, read by quotad and three servers; writes bench/results/smuggling.md (REQUESTS=50000)
	@sh .ci/tools $(DEBIAN)
	@sh .ci/venv embedded,dev
	$(BIN)/python -m tests.smuggling --requests $(or $(REQUESTS),50000) --write

fuzz: ## random bytes from callers and backends, led by coverage; writes bench/results/fuzz.md (MINUTES=30)
	@sh .ci/venv embedded,dev,fuzz
	$(BIN)/python -m tests.fuzz --minutes $(or $(MINUTES),30) --write

rest: ## the OpenAPI document against what serves it, at length (EXAMPLES=200 a route)
	@sh .ci/venv embedded,dev
	QUOTAD_REST_EXAMPLES=$(or $(EXAMPLES),200) $(BIN)/python -m pytest tests/controlplane/rest/test_openapi.py

storm: ## eight writers of control records while callers come, for a minute; writes bench/results/storm.md (SECONDS=60)
	@sh .ci/venv embedded,dev
	$(BIN)/python -m tests.storms --seconds $(or $(SECONDS),60) --write

bench: ## the table of aims against rivals on one core; writes bench/results/ (QUICK=1: two minutes, writes nothing)
	@sh .ci/tools $(RIVALS)
	@sh .ci/venv embedded,dev,bench
	@command -v "$${CC:-cc}" >/dev/null || exit 0; $(MAKE) --no-print-directory compiled
	$(BIN)/python -m bench

clean: ## removes environments, caches, builds and the demo's folder; keeps counters in quotad-data/
	rm -rf .venv .venv-compiled .demo dist build .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
