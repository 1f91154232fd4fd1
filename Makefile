# Every target sets up .venv by itself; PYTHON=python3.12 make demo chooses another interpreter (3.11 or later).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PACKAGES := console engine runners state ops
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input --quiet
RUNTIME := $(VENV)/.runtime-installed
DEV := $(VENV)/.dev-installed
MADE := $(VENV)/.made

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test check lint types floors format bench picture reference lock clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

demo: $(RUNTIME) ## a simulated exchange, supervisor, engine and the console on them
	@$(BIN)/flightdeck demo

test: check ## everything that must hold before a commit, in less than ten minutes
	@$(BIN)/python -m pytest -q -n 2 --dist loadgroup -m "not storm" $(PYTEST_ARGS)

check: lint types floors

lint: $(DEV) ## style and format
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check . || { echo "make lint: not formatted; run: make format" >&2; exit 1; }

types: $(DEV) ## mypy, strict
	@$(BIN)/mypy --no-error-summary

floors: $(DEV) ## import-linter: who may import whom
	@$(BIN)/lint-imports --no-logo >$(VENV)/floors.log 2>&1 || { cat $(VENV)/floors.log >&2; exit 1; }

format: $(DEV) ## format the tree in place
	@$(BIN)/ruff format .

bench: $(DEV) ## each performance claim as a ratio measured now; BENCH=name for one
	@$(BIN)/python -m benchmarks.run $(BENCH)

picture: $(DEV) ## draw docs/console.svg, the picture in the README
	@$(BIN)/python -m console.picture --out docs/console.svg

reference: $(DEV) ## write the generated pages of docs/ again: files, keys, schemas
	@$(BIN)/flightdeck files --markdown > docs/files.md.new && mv docs/files.md.new docs/files.md
	@$(BIN)/flightdeck schema --out docs/schemas
	@$(BIN)/python -m console.keys --out docs/keys.md

lock: ## resolve requirements/ again; needs uv on the PATH
	@requirements/lock.sh

clean: ## remove .venv and everything that was built
	@rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	@find $(PACKAGES) tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
	@rm -rf __pycache__

$(MADE):
	@command -v $(PYTHON) >/dev/null || { echo "make: no $(PYTHON); on Debian: apt-get install python3 python3-venv" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "make: $(PYTHON) is older than 3.11; name a newer one: make PYTHON=python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "make: $(PYTHON) has no venv module; on Debian: apt-get install python3-venv" >&2; exit 1; }
	@echo "making $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)
	@touch $@

# The project itself goes in editable; its .pyc files are made here, so that the first start is as quick as the next.
$(RUNTIME): $(MADE) requirements/runtime.txt requirements/build.txt pyproject.toml
	@echo "installing into $(VENV) ..."
	@$(PIP) install --require-hashes -r requirements/runtime.txt -r requirements/build.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m compileall -q flightdeck.py $(PACKAGES)
	@touch $@

$(DEV): $(RUNTIME) requirements/dev.txt
	@echo "installing development tools into $(VENV) ..."
	@$(PIP) install --require-hashes -r requirements/dev.txt
	@touch $@
