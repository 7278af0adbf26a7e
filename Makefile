# make help lists the targets. The first one to run makes .venv and installs requirements.lock.

PYTHON ?= python3
# Stages of `make repro` side by side, if the machine has the cores and the memory for them.
JOBS ?= 2
# Of `make repro`: default (params.yaml as it is), or an override in profiles/, as quick.
PROFILE ?= default
BIN := .venv/bin
INSTALLED := .venv/.installed
# What `dvc plots show` puts its charts in.
PAGE := .dvc/plots/page.html
# DVC's commands start with a plain `python`: it must be the environment's.
WITH_VENV := PATH="$(CURDIR)/$(BIN):$$PATH"

.DEFAULT_GOAL := help
.PHONY: help setup demo test fuzz lint repro bits bench clean

help: ## list the targets
	@echo "Earwitness: make <target>"
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  %-7s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

# Goes by content, so that a fresh checkout of the same lock file installs nothing.
$(INSTALLED): requirements.lock
	@if ! cmp -s requirements.lock $@; then \
		if ! $(BIN)/python -m pip --version >/dev/null 2>&1; then \
			$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' || { \
				echo "Earwitness needs Python 3.11 or 3.12, and '$(PYTHON)' is not: name one, as in make $(or $(MAKECMDGOALS),test) PYTHON=python3.12" >&2; \
				exit 2; }; \
			$(PYTHON) -m venv .venv || exit 1; \
		fi; \
		echo "Installing requirements.lock into .venv (a few minutes the first time) ..."; \
		$(BIN)/python -m pip install --quiet --requirement requirements.lock || exit 1; \
	fi
	@cp requirements.lock $@

$(PAGE): $(INSTALLED) earwitness/plots/offline.py
	@$(BIN)/python -m earwitness.plots.offline $@

setup: $(PAGE) ## what all others do first: .venv, and the page for `dvc plots show`

demo: $(PAGE) ## the whole pipeline on the 100 clips in demo/ (minutes, in .demo/)
	@$(BIN)/python -m demo.run

test: $(PAGE) ## the tests, with coverage of the library
	@# A process a core, of one thread each; the tests of a file build on one another. Files in
	@# the order of tests/conftest.py.
	@$(WITH_VENV) OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadfile \
		--no-loadscope-reorder \
		--cov=earwitness --cov-fail-under=85

fuzz: $(INSTALLED) ## damaged audio files, CASES of them (10000), others each time (minutes)
	@EARWITNESS_FUZZ=$(or $(CASES),10000) $(BIN)/python -m pytest tests/hostile/test_fuzz.py -q -s

lint: $(INSTALLED) ## ruff (lint and format) and mypy
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

repro: $(PAGE) ## the whole pipeline; DATA=/path/to/ESC-50, JOBS=2, PROFILE=quick
	@if [ -n "$${DATA:-}" ]; then \
		case "$$DATA" in "~/"*) DATA="$$HOME/$${DATA#??}";; esac; \
		folder="$$(cd "$$DATA" 2>/dev/null && pwd -P)" || { \
			echo "make repro: DATA=$$DATA is not a folder" >&2; exit 2; }; \
		if [ -e data/raw/ESC-50 ] && [ ! -L data/raw/ESC-50 ]; then \
			echo "make repro: data/raw/ESC-50 is a folder, not a link: move it away to use DATA=$$DATA, or leave DATA out to use it" >&2; exit 2; fi; \
		grep -qE "^ +root: data/raw/ESC-50 *(#.*)?$$" params.yaml || { \
			echo "make repro: DATA is linked at data/raw/ESC-50, but data.root in params.yaml names another folder: leave one of them out" >&2; exit 2; }; \
		mkdir -p data/raw && ln -sfn "$$folder" data/raw/ESC-50; \
	fi
	@# What check reads is params.yaml as it is, which a profile overrides.
	@$(if $(filter default,$(PROFILE)),$(WITH_VENV) $(BIN)/python -m earwitness check)
	@# The same as `dvc repro`, which runs its stages one by one: those of a fold need one core
	@# each and nothing of one another.
	@$(WITH_VENV) $(BIN)/python -m profiles.run $(PROFILE) -j $(JOBS)
	@$(BIN)/python -m stages.show $(if $(filter-out default,$(PROFILE)),.profiles/$(PROFILE))

bits: $(INSTALLED) ## fold 1 of the default members, trained twice: are all bits the same? (DATA=...)
	@$(BIN)/python -m profiles.bits -j $(JOBS) $(if $(DATA),--data "$$DATA")

bench: $(PAGE) ## what the pipeline does, timed beside the notebook's way: docs/benchmarks.md (25 minutes)
	@# DATA is where the real clips are from; without it, the demo's are taken.
	@$(if $(DATA),EARWITNESS_DATA="$(DATA)") $(BIN)/python -m benchmarks

clean: ## remove the demo's workspace and the caches (not .venv, .profiles or results)
	rm -rf .demo .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage dvc_plots
	find . -path ./.venv -prune -o -type d -name __pycache__ -prune -exec rm -rf {} +
