# Each target makes .venv by itself where it is missing or out of date.

PYTHON ?= python3
OUT ?= demo
WORKERS ?= 2

PY := .venv/bin/python

# Written last, so a .venv without it is not finished. Its name holds the path of this folder, since the
# scripts and the editable install in .venv point there and break where the folder is moved.
READY := .venv/ready-$(shell pwd | cksum | cut -d ' ' -f 1)
UNFINISHED := .venv/unfinished

ifneq ($(shell $(PY) -c 'print("runs")' 2>/dev/null),runs)
.PHONY: $(READY)
endif

.PHONY: help demo docs reference test test-hub-versions test-plugins coverage lint bench bench-data bench-semi bench-parity bench-ladder bench-disentanglement bench-assignment bench-engine bench-peers bench-plugins bench-survival clean
.DEFAULT_GOAL := help

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-22s %s\n", $$1, $$2 }' Makefile

demo: $(READY) ## simulate a screen, train, predict and compare, in minutes; writes ./demo (or OUT=folder)
	@if [ -e "$(OUT)" ]; then echo "$(OUT) is there already; look at it, or: make demo OUT=another" >&2; exit 2; fi
	@$(PY) -m deepnoise demo --out "$(OUT)"

test: lint ## everything that must hold: lint, then all tests
	OMP_NUM_THREADS=1 $(PY) -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

test-hub-versions: $(READY) ## push, list, pull, verify and predict with three major versions of the Hub's client
	$(PY) tests/face/hub_versions.py .venv/hub-clients

test-plugins: $(READY) ## write, install, test and train a new plugin of every kind, each in an environment of its own; minutes
	OMP_NUM_THREADS=1 $(PY) -m pytest -q -s tests/packaging/new_plugins.py

coverage: $(READY) ## all tests once more, to see which lines none of them runs; that takes nearly twice as long
	OMP_NUM_THREADS=1 $(PY) -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder --cov --cov-report=term

lint: $(READY) ## style, types and import rules
	$(PY) -m ruff check
	$(PY) -m ruff format --check
	$(PY) -m mypy
	.venv/bin/lint-imports

bench: $(READY) ## the benchmarks of some minutes, one after another; results go to benchmarks/results
	$(PY) -m pip install --disable-pip-version-check --quiet --editable '.[dev,bench]'
	@set -e; for name in simulator data ema demo; do echo "== $$name"; $(PY) "benchmarks/$$name.py"; done

bench-data: $(READY) ## the benchmark of loading alone, with the libraries that it compares
	$(PY) -m pip install --disable-pip-version-check --quiet --editable '.[dev,bench]'
	$(PY) benchmarks/data.py

bench-semi: $(READY) ## strategies on 40 labelled digits, beside loops written by hand; goes on where it stopped
	$(PY) benchmarks/semi.py

bench-parity: $(READY) ## the weights that strategies end in, beside those of USB's code, which this fetches
	$(PY) benchmarks/semilearn_parity.py

bench-ladder: $(READY) ## what each ingredient of DeepNoise is worth, an hour on two cores; goes on where it stopped
	$(PY) benchmarks/ladder.py

bench-disentanglement: $(READY) ## signal and noise of all of RxRx1, and retrieval beside copairs: minutes on two cores
	$(PY) benchmarks/disentanglement.py

bench-assignment: $(READY) ## plate-balanced assignment on RxRx1's layout: accuracy, arrangements, soft, speed; minutes
	$(PY) benchmarks/assignment.py

bench-engine: $(READY) ## what the training loop and predict cost beside bare loops, and beside those of others, in minutes
	$(PY) benchmarks/engine.py

bench-peers: $(READY) ## our steps beside those of timm's train.py and USB on the same network and sites, in minutes
	$(PY) benchmarks/peers.py

bench-plugins: $(READY) ## how much longer a command takes to start with 50 plugins installed, in a minute
	$(PY) benchmarks/plugins.py

bench-survival: $(READY) ## stop trainings at every step, kill and signal processes, and damage 100,000 files; an hour
	$(PY) benchmarks/survival.py
	$(PY) benchmarks/fuzz.py

docs: reference ## the site, with links, anchors and images checked; writes ./site
	NO_MKDOCS_2_WARNING=1 .venv/bin/mkdocs build --strict --quiet
	@echo "open site/index.html"

reference: $(READY) ## what docs say of hooks, components, commands and fields of recipes, from the code
	$(PY) docs/making/reference.py

clean: ## remove .venv, caches and builds; runs and demos stay
	rm -rf .venv build dist site .coverage .coverage.* htmlcov
	rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("deepnoise needs Python 3.11 or newer, but $(PYTHON) is " + sys.version.split()[0] + "; name another, as in: make PYTHON=python3.12 $(MAKECMDGOALS)")'
	@if [ -e $(UNFINISHED) ] || ! $(PY) -c '' 2>/dev/null; then rm -rf .venv; fi
	@mkdir -p .venv && rm -f .venv/ready-* && touch $(UNFINISHED)
	@echo "preparing .venv: the first time downloads PyTorch and its libraries, which takes minutes"
	$(PYTHON) -m venv .venv
	$(PY) -m pip install --disable-pip-version-check --editable '.[dev]'
	@rm $(UNFINISHED) && touch $@
