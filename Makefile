# Watchfire. Two commands on a machine that has git, make and Python 3.11 with pip:
#
#   make run     a node of your own at http://127.0.0.1:8000
#   make test    every test, on SQLite and on a real PostgreSQL
#
# Each installs what it needs (exactly what uv.lock lists, into .venv) and does so once: with .venv up to date,
# nothing below needs a network. Nothing outside this folder is touched but uv's cache.

PYTHON ?= python3
PORT   ?= 8000
DATA   ?= data
ARGS   ?=

BIN := .venv/bin
export UV_PYTHON = $(PYTHON)
# Where it is set, each program that starts compiles everything anew: three seconds instead of one.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

##@ Every day

.PHONY: help
help: ## Show these targets
	@awk -F ':.*## ' '/^##@ /{ printf "\n%s\n", substr($$0, 5) } \
	                  /^[a-z-]+:.*## /{ printf "  make %-9s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: run
run: .venv/.synced-run ## Prepare a node in data/ and serve it on SQLite (PORT=8000 DATA=data)
	@WATCHFIRE_PORT=$(PORT) $(BIN)/python -m app init --data $(DATA) --if-absent
	@exec $(BIN)/python -m app serve --data $(DATA) --port $(PORT)

.PHONY: demo
demo: .venv/.synced-run ## Show two nodes exchanging, on this machine; both go on running
	@exec $(BIN)/python tools/demo.py

.PHONY: test
test: .venv/.synced-test ## Run every test (ARGS="tests/domain -k merkle")
	$(BIN)/python -m pytest -n 2 $(ARGS)

.PHONY: check
check: style lint types floors deps drift ## Format, lint, types, floors, dependencies, drift: what a reviewer need not read for

.PHONY: format
format: .venv/.synced-check ## Rewrite files the way `make check` wants them
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

##@ Now and then

.PHONY: openapi
openapi: .venv/.synced-run ## Write the API's document from the code
	$(BIN)/python -m app openapi

.PHONY: bench
bench: .venv/.synced-test ## Measure, each figure against a floor of this machine (ARGS=look_up)
	$(BIN)/python -m benchmarks $(ARGS)

# python-ecdsa, which an oracle of the tests brings, signs in a time that tells of the key: it signs nothing here.
ACCEPTED = --ignore-vuln CVE-2024-23342

.PHONY: audit
audit: .venv/.synced-check ## Ask for known vulnerabilities of every locked version (network)
	@mkdir -p .cache
	@tools/uv export --frozen --quiet --all-groups --no-emit-project --output-file .cache/locked.txt >/dev/null
	$(BIN)/pip-audit --strict --require-hashes --disable-pip --requirement .cache/locked.txt $(ACCEPTED)

.PHONY: hooks
hooks: .venv/.synced-check ## Check each commit before it is made
	$(BIN)/pre-commit install

.PHONY: clean
clean: ## Forget what was installed and cached; data/ stays
	rm -rf .venv .tools .cache .coverage* .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache *.egg-info
	find app tests -name __pycache__ -type d -prune -exec rm -rf {} +

# The pieces of `make check`.

.PHONY: style lint types floors deps drift
style: .venv/.synced-check
	$(BIN)/ruff format --check
lint: .venv/.synced-check
	$(BIN)/ruff check
types: .venv/.synced-check
	$(BIN)/mypy
floors: .venv/.synced-check
	$(BIN)/lint-imports
deps: .venv/.synced-check
	$(BIN)/deptry .
drift: .venv/.synced-check
	$(BIN)/python -m app openapi --check

# Installing. A stamp is newer than the lock when its groups are in .venv; groups are added, never taken away.

.venv/.synced-run:   GROUPS =
.venv/.synced-test:  GROUPS = --group test
.venv/.synced-check: GROUPS = --group test --group check

.venv/.synced-%: uv.lock pyproject.toml tools/uv.txt | mine
	@echo "Installing what uv.lock lists$(if $(GROUPS), ($*))..."
	@tools/uv sync --quiet --frozen --inexact $(GROUPS)
	@rm -f $@ && touch $@

# What one user (root, often) has made here another cannot complete.
.PHONY: mine
mine:
	@for path in . .venv .tools .cache .pytest_cache $(DATA); do \
	    if [ -e $$path ] && ! [ -w $$path ]; then \
	        echo "watchfire: $$(id -un) may not write to $$path: another user ran make here before." >&2; \
	        echo "  Run as that user, or have root say:  chown -R $$(id -un) '$(CURDIR)'" >&2; \
	        exit 1; \
	    fi; \
	done
