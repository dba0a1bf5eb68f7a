# SPDX-License-Identifier: Apache-2.0
# `make run` starts the service on the embedded store, `make test` runs the tests. Both create the virtual environment
# .venv; they only need Python 3.11 or newer.

# The first interpreter that is new enough and runs; one on the path may be a stub.
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
  "$$python" -c '$(NEW_ENOUGH)' 2>/dev/null && echo "$$python" && break; done)
VENV := .venv
BIN := $(VENV)/bin
PIP := PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --disable-pip-version-check
ENGINE := sqlite
PACKAGING := setup.cfg setup.py pyproject.toml

# Tests start many processes, each of which would compile all its modules.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test test-all test-clients test-matrix test-embedded test-lowest test-lowest-embedded cover soak \
  check docs format bench samples clean

run: $(VENV)/.run
	@exec $(BIN)/freezer-api --standalone $(ARGS)

# One process for each processor; all tests of a server run in one of them. ARGS="-n 0" is one process.
PARALLEL := -n auto --maxprocesses 4 --dist loadgroup

# Takes some minutes: tests in this process, on the embedded store and one search server, and a start of the service.
QUICK := tests/unit tests/functional tests/contract tests/stores/sqlite tests/docs \
  tests/service/test_start_and_stop.py::test_clean_stop_keeps_acknowledged_jobs
test: $(VENV)/.dev
	$(BIN)/python -m pytest $(PARALLEL) -m "not (slow or elasticsearch8 or mariadb or postgresql or keystone)" \
	  $(ARGS) $(QUICK)

# All tests that are not slow, also those of MariaDB, PostgreSQL, Keystone, web servers, devstack, old deployments.
test-all: $(VENV)/.dev
	$(BIN)/python -m pytest $(PARALLEL) $(ARGS)

# Tests on other versions of the servers, and tests with failing servers.
test-matrix: $(VENV)/.dev
	$(BIN)/python -m pytest $(PARALLEL) -m slow $(ARGS)

# The tests of test-all. Every server must be installed, because its driver is not covered without it.
cover: $(VENV)/.dev
	$(BIN)/python -m pytest $(PARALLEL) --cov --cov-report= $(ARGS)
	$(BIN)/python -m tests.gates

# Races and long loads on every store, SECONDS per load and ROUNDS per race.
SECONDS := 300
ROUNDS := 100
soak: $(VENV)/.dev
	SOAK_SECONDS=$(SECONDS) SOAK_ROUNDS=$(ROUNDS) $(BIN)/python -m pytest -m soak $(ARGS)

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell
	.ci/commit-messages
	.ci/shellcheck
	$(BIN)/sphinx-lint README.rst CONTRIBUTING.rst SECURITY.rst doc/source doc/adr
	$(BIN)/hadolint Containerfile

# Build the pages in doc/build/html and the man pages in doc/build/man. Warnings of Sphinx are errors.
SPHINX := $(BIN)/sphinx-build --fail-on-warning --keep-going --nitpicky --quiet --doctree-dir doc/build/doctrees
docs: $(VENV)/.dev
	$(BIN)/reno lint
	$(SPHINX) -b html doc/source doc/build/html
	$(SPHINX) -b man doc/source doc/build/man

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Every goal of performance beside its floor. ARGS="--quick" takes a minute, ARGS="--large" an hour.
bench: $(VENV)/.dev
	$(BIN)/python -m bench --engine $(ENGINE) $(ARGS)

samples: $(VENV)/.dev
	$(BIN)/oslo-config-generator --config-file etc/freezer/freezer-config-generator.conf \
	  --output-file etc/freezer/freezer-api.conf.sample
	$(BIN)/oslopolicy-sample-generator --config-file etc/freezer/freezer-policy-generator.conf

# Test real clients of both versions, in separate environments, with the service behind a real Keystone.
test-clients: $(VENV)/.dev
	$(BIN)/python -m pytest tests/compat/clients -m "slow or not slow" $(ARGS)

# The tests without servers, for another Python or other libraries, in a few minutes. For example
# make test-embedded PYTHON=python3.13 VENV=.venv-3.13
EMBEDDED := --stores sqlite tests/unit tests/functional tests/contract tests/stores/sqlite tests/stores/sql tests/commands
test-embedded test-lowest-embedded: override ARGS += $(EMBEDDED)
test-embedded: $(VENV)/.test
	$(BIN)/python -m pytest $(PARALLEL) $(ARGS)

# The tests with the lowest versions that setup.cfg allows, in a separate environment; they also have to pass on the newest
# Python. DeprecationWarning is ignored, because old libraries use what newer ones deprecate.
LOWEST := .venv-lowest
test-lowest test-lowest-embedded:
	$(PYTHON) -m venv --clear $(LOWEST)
	$(LOWEST)/bin/pip install --quiet --disable-pip-version-check uv
	$(LOWEST)/bin/uv pip install --quiet --compile-bytecode --python $(LOWEST)/bin/python --resolution lowest-direct '.[test,journal,uwsgi]'
	$(LOWEST)/bin/uv pip check --quiet --python $(LOWEST)/bin/python
	$(LOWEST)/bin/python -m pytest $(PARALLEL) -W ignore::DeprecationWarning $(ARGS)

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo 'Python 3.11 or newer is required and was not found; use make PYTHON=...' >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) --upgrade pip

$(VENV)/.run: $(VENV)/bin/python $(PACKAGING)
	$(PIP) -e .
	@touch $@

$(VENV)/.test: $(VENV)/bin/python $(PACKAGING)
	$(PIP) -e '.[test]'
	@touch $@ $(VENV)/.run

$(VENV)/.dev: $(VENV)/bin/python $(PACKAGING)
	$(PIP) -e '.[test,check,docs]'
	@touch $@ $(VENV)/.run $(VENV)/.test

clean:
	rm -rf $(VENV) .venv-* build doc/build doc/source/contributor/adr dist *.egg-info AUTHORS ChangeLog .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage*
