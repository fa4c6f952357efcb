# Equivoice: every target sets up its own environment first and works offline afterwards.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed-to-develop
USE    := $(VENV)/.installed-to-use
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
JOBS   ?= 2
# A file goes to one worker, whole: what its tests share is made once.
SHARE  := -n $(JOBS) --dist loadfile --no-loadscope-reorder

# The many processes that tests start need not compile the package again, each for itself.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help install quickstart test test-fast test-slow evidence lint docs bench clean

help: ## Show the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(USE): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("Equivoice needs Python 3.11 or newer: make PYTHON=python3.12 ..." if sys.version_info < (3, 11) else 0)'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing into $(VENV) (once, some minutes)"
	$(PIP) -e '.[baseline,praat,models,train]'
	@touch $@

$(STAMP): $(USE)
	$(PIP) -e '.[dev]'
	@touch $@

install: $(STAMP) ## Make the environment .venv with pinned versions

quickstart: $(USE) ## From nothing to a fairness report, with models trained fairly
	$(BIN)/equivoice quickstart

test: lint test-fast ## Style, types, contracts, all tests that are fast (under 10 minutes)

test-fast: $(STAMP)
	$(BIN)/python -m pytest $(SHARE) -m "not slow" -q

test-slow: $(STAMP) ## The tests that take longer: simulations, real speech, faults
	$(BIN)/python -m pytest $(SHARE) -m slow -q

lint: $(STAMP) ## ruff, ruff format, mypy, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

docs: $(STAMP) ## Build the documentation into site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "open site/index.html"

bench: $(STAMP) ## Speed of scoring, on this machine
	$(BIN)/python benchmarks/scoring.py

evidence: $(STAMP) ## The long studies on real speech; results go to benchmarks/results/
	$(BIN)/python benchmarks/evidence.py

clean: ## Remove what was built; leaves .venv and results
	rm -rf site build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
