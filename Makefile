# Everything from a bare machine: Python 3.11 or newer, make, and a package index.

PYTHON ?= python3
VENV := .venv
STAMP := $(VENV)/.stamp
# Present while the folder is being built: what was interrupted is built anew.
BUILDING := $(VENV)/.building
# A venv of its own, because an exact sync would remove uv from the project's.
UV := $(VENV)/uv/bin/uv
RUN := $(VENV)/bin/python
IS_RECENT := -c 'import sys; sys.exit(sys.version_info < (3, 11))'

.PHONY: help demo pictures test serve bench fuzz lint clean

help:
	@echo 'make demo     the whole product against simulated PEX and CMiC (ONCE=1: then stop)'
	@echo 'make pictures takes the pictures of README and docs from the demo (needs a Chromium)'
	@echo 'make test     the test suite (ARGS="-k receipt" for a part of it)'
	@echo 'make serve    web, worker and beat on the addresses in the environment'
	@echo 'make bench    the benchmarks, as a table and as bench.json (ARGS=throughput for one)'
	@echo 'make fuzz     mutated receipts against their reader, whole ones joined (FILES=20000)'
	@echo 'make lint     style, types, system checks, missing migrations'
	@echo 'make clean    removes what was built and cached; the data under var/ stays'

# `exec`, so that a signal to make reaches the program itself.
demo: $(STAMP)
	@exec $(RUN) -m tests.demo $(if $(ONCE),--once)

# Four processes for two cores, because most of the time is spent waiting. Each takes
# one test at a time, the long ones first. They start dozens of others, which would
# compile the project each for itself where PYTHONDONTWRITEBYTECODE is set.
test: $(STAMP)
	@unset PYTHONDONTWRITEBYTECODE; \
	exec $(RUN) -m pytest $(or $(ARGS),-n 4 --dist load --maxschedchunk 1)

# honcho gives each process a PORT, but only a platform's own is meant to be bound to.
# It has a way of its own to read .env, in which # and spaces end a value, and gets none.
# It also kills what is slow to stop, and then nobody may be left to stop the embedded
# services: hence the last command.
serve: $(STAMP)
	@export PATH="$(CURDIR)/$(VENV)/bin:$$PATH"; \
	eval "$$(python -m config)"; \
	export CONNECTOR_BIND="$${CONNECTOR_BIND:-$${PORT:+0.0.0.0:}$${PORT:-127.0.0.1:8000}}"; \
	honcho=; trap 'kill -TERM $$honcho 2>/dev/null' INT TERM; \
	for step in release 'web worker beat'; do \
	  python -m honcho -e /dev/null start $$step & honcho=$$!; \
	  while kill -0 $$honcho 2>/dev/null; do wait $$honcho; status=$$?; done; \
	  [ $$status = 0 ] || break; \
	done; \
	python -c 'import os, pathlib; from config import embedded; \
	  embedded.leave(pathlib.Path(os.environ.get("CONNECTOR_VAR_DIR", "var")))'; \
	exit $$status

bench: $(STAMP)
	@exec $(RUN) -m tests.benchmarks $(ARGS)

pictures: $(STAMP)
	@exec $(RUN) -m tests.demo.pictures

fuzz: $(STAMP)
	@exec $(RUN) -m tests.sync.receipts.fuzz $(or $(FILES),20000) var/fuzz

lint: $(STAMP)
	@$(RUN) -m ruff check .
	@$(RUN) -m ruff format --check .
	@$(RUN) -m mypy
	@$(RUN) manage.py check
	@$(RUN) manage.py makemigrations --check --dry-run

clean:
	@rm -rf $(VENV) bench.json staticfiles .mypy_cache .pytest_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The lock decides about every package, and the venv's own interpreter about the rest,
# whatever other Pythons or active environments there are. The embedded PostgreSQL runs
# as another account when root starts it, which therefore must be able to read it.
# Compiled once here, the packages are not compiled again at the start of every process
# where PYTHONDONTWRITEBYTECODE is set, as it is in many images.
$(STAMP): uv.lock pyproject.toml
	@$(PYTHON) $(IS_RECENT) || { \
	  echo 'Python 3.11 or newer is needed: make PYTHON=/path/to/python3' >&2; exit 1; }
	@umask 022; set -e; \
	if [ -e $(BUILDING) ] || ! $(RUN) $(IS_RECENT) 2>/dev/null; then rm -rf $(VENV); fi; \
	mkdir -p $(VENV); touch $(BUILDING); \
	[ -x $(RUN) ] || $(PYTHON) -m venv --without-pip $(VENV); \
	$(UV) --version >/dev/null 2>&1 || { \
	  rm -rf $(VENV)/uv; \
	  $(PYTHON) -m venv $(VENV)/uv; \
	  $(VENV)/uv/bin/python -m pip install --quiet --disable-pip-version-check uv; }; \
	env -u VIRTUAL_ENV -u UV_NO_DEV UV_PROJECT_ENVIRONMENT=$(VENV) UV_PYTHON_DOWNLOADS=never \
	  $(UV) sync --quiet --frozen --group dev --compile-bytecode --python $(RUN); \
	mv $(BUILDING) $(STAMP)
