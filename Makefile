# Everything begins with a clean clone, Python 3.11 or newer and make: the first step of each target
# makes a virtual environment and installs exactly what the hashed locks name.

PYTHON ?= python3
PORT ?= 8000
VENV := .venv
PY := $(VENV)/bin/python
RUNTIME := $(VENV)/runtime.ready
DEV := $(VENV)/dev.ready
POSTGRES := $(PY) tests/with_postgres.py
CODE := approvals audit gateway webhooks tests bench manage.py

.DEFAULT_GOAL := help
.PHONY: help run bootstrap bootstrap-dev browser test test-sqlite test-postgres test-long \
	test-release lint format bench demo screenshots

help:
	@echo "make run           everything on http://localhost:$(PORT) until Ctrl-C (PORT=8123 make run)"
	@echo "make demo          reset and reload the demo's data"
	@echo "make test          the whole suite: SQLite and PostgreSQL, real Redis, real browser"
	@echo "make test-long     the tests that take minutes"
	@echo "make test-release  the tests that prove the figures of a release"
	@echo "make lint          format, style, types, import contracts, migrations, secrets"
	@echo "make bench         benchmarks beside their peers"
	@echo "make screenshots   every page, both themes, three sizes"

bootstrap: $(RUNTIME)
bootstrap-dev: $(DEV)

# A virtual environment that was moved or lost its Python is made anew.
define environment
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed: PYTHON=python3.11 make $@" >&2; exit 1; }
	@$(PY) -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV) || \
		{ echo "Python's venv module is needed (Debian: apt-get install python3-venv)" >&2; exit 1; }
	@$(PY) -m uv --version 2>/dev/null | grep -qxF "$$(sed -n 's/^uv==\([0-9.]*\).*/uv \1/p' requirements-uv.lock)" || \
		$(PY) -m pip install -q --disable-pip-version-check --require-hashes -r requirements-uv.lock
endef

$(DEV): requirements-dev.lock requirements-uv.lock
	$(environment)
	@$(PY) -m uv pip sync -q --python $(PY) --require-hashes requirements-dev.lock
	@touch $(DEV) $(RUNTIME)

# The developers' lock holds the runtime's too, so a complete one is left as it is.
$(RUNTIME): requirements.lock requirements-uv.lock
	$(environment)
	@if [ -f $(DEV) ] && [ ! requirements-dev.lock -nt $(DEV) ]; then touch $(RUNTIME); else \
		rm -f $(DEV) && \
		$(PY) -m uv pip sync -q --python $(PY) --require-hashes requirements.lock && \
		touch $(RUNTIME); fi

run: $(RUNTIME)
	@exec $(PY) manage.py up --port $(PORT)

demo: $(RUNTIME)
	@$(PY) manage.py demo --reset

test: test-sqlite test-postgres

test-sqlite: $(DEV) browser
	$(PY) -m pytest

test-postgres: $(DEV) browser
	$(POSTGRES) $(PY) -m pytest

test-long: $(DEV) browser
	$(PY) -m pytest -m long

test-release: $(DEV) browser
	$(POSTGRES) $(PY) -m pytest -m "long or release"

# Debian's chromium where the machine lets us; without it the browser's tests are skipped, loudly.
browser:
	@command -v chromium >/dev/null 2>&1 || sh tests/install_browser.sh

lint: $(DEV)
	$(PY) -m ruff format --check $(CODE)
	$(PY) -m ruff check $(CODE)
	$(PY) -m mypy
	$(VENV)/bin/lint-imports
	$(PY) manage.py makemigrations --check --dry-run
	$(PY) -m pytest -q tests/test_repository.py

format: $(DEV)
	$(PY) -m ruff format $(CODE)
	$(PY) -m ruff check --fix $(CODE)

bench: $(DEV)
	$(POSTGRES) $(PY) -m bench

screenshots: $(DEV) browser
	$(PY) -m tests.screenshots
