# Everything starts here. `make demo` and `make test` set up all they need: Python 3.11+, git and make are enough.
SHELL := /bin/sh
PYTHON ?= python3
VENV ?= .venv
TOOLS ?= .tools
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
UV_VERSION := 0.9.0
# Byte code is kept, whatever the environment says: without it every process of the tests compiles torch anew.
export PYTHONDONTWRITEBYTECODE :=
# Two processes on two cores are faster than one process with two threads, for tests.
TEST_JOBS ?= 2

.DEFAULT_GOAL := help
.PHONY: help install demo test test-all quick test-portable test-portable-quick lint types contracts docs docs-check bench lock clean

help: ## Show what can be made.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-20s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(STAMP) ## Make the virtual environment, from the hashed lock.

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(v < (3, 11) and "sceneseek needs Python 3.11 or newer; %s is Python %d.%d. Try: make PYTHON=python3.12 install" % (sys.executable, v[0], v[1]))'
	@set -e; \
	uv=$$(command -v uv || true); \
	if [ -z "$$uv" ]; then \
	    if [ ! -x $(TOOLS)/bin/uv ]; then \
	        echo "installing uv into $(TOOLS)"; \
	        $(PYTHON) -m venv $(TOOLS) || { echo "python's venv module is missing: install it (Debian: apt install python3-venv) or install uv yourself"; exit 2; }; \
	        $(TOOLS)/bin/python -m pip install --quiet --disable-pip-version-check 'uv>=$(UV_VERSION)'; \
	    fi; \
	    uv=$(TOOLS)/bin/uv; \
	fi; \
	[ -x $(BIN)/python ] || "$$uv" venv --quiet --python "$$(command -v $(PYTHON))" $(VENV); \
	echo "installing the locked requirements into $(VENV) (the first time downloads torch: a few GB)"; \
	"$$uv" pip sync --quiet --python $(BIN)/python --require-hashes requirements.lock; \
	"$$uv" pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .; \
	touch $(STAMP)

demo: $(STAMP) ## Generate scenes, index them, find people in them, and write demo/report.html.
	$(BIN)/sceneseek demo --out demo

test: $(STAMP) ## Run every test and doctest, long sweeps shortened.
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n $(TEST_JOBS) --dist loadfile

test-all: $(STAMP) ## Run every test and doctest, sweeps in full.
	SCENESEEK_THOROUGH=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n $(TEST_JOBS) --dist loadfile

quick: $(STAMP) ## The daily loop: no training, no browser, no processes.
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n $(TEST_JOBS) --dist worksteal --quick tests

test-portable: $(STAMP) ## Run the numeric tests as other processors would round, from several seeds.
	PYTHONPATH=tests $(BIN)/python -m suite.portable --seeds 0,1,2 --jobs $(TEST_JOBS)

test-portable-quick: $(STAMP) ## Two rounding paths, one seed.
	PYTHONPATH=tests $(BIN)/python -m suite.portable --quick --jobs $(TEST_JOBS)

lint: $(STAMP) ## Style, limits and spelling.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell

types: $(STAMP) ## Strict types.
	$(BIN)/mypy

contracts: $(STAMP) ## Who may import whom.
	$(BIN)/lint-imports

docs-check: $(STAMP) ## Is the generated reference current, and do the pages build without a warning?
	$(BIN)/python docs/generate.py --check
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet --site-dir build/site

docs: $(STAMP) ## Renew the generated reference and build the pages into build/site.
	$(BIN)/python docs/generate.py
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --site-dir build/site

bench: $(STAMP) ## Speed, each against a baseline measured in the same run.
	$(BIN)/python -m benchmarks

lock: ## Renew requirements.lock (needs uv).
	uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --all-extras --python-version 3.11 \
	    --custom-compile-command "make lock" --upgrade pyproject.toml --output-file requirements.lock

clean: ## Remove what make made.
	rm -rf $(VENV) $(TOOLS) build demo
