# Everything begins with a clean clone, Python 3.11 or newer and make: the first step of each target
# makes a virtual environment and installs exactly what the hashed locks name.

PYTHON ?= python3
PORT ?= 8000
PART ?= 1/1
VENV := .venv
PY := $(VENV)/bin/python
RUNTIME := $(VENV)/runtime.ready
DEV := $(VENV)/dev.ready
POSTGRES := $(PY) tests/with_postgres.py
CODE := approvals audit client gateway webhooks tests bench manage.py

# Where it is set (many containers do), each of the hundreds of processes that tests start compiles
# Django anew, and pytest rewrites every test file in each of its runs: twice the time to a first test.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help run bootstrap bootstrap-dev browser vendors lighthouse test test-sqlite test-postgres \
	test-long test-release mutants lint format bench demo screenshots messages \
	sbom advisories

help:
	@echo "make run           everything on http://localhost:$(PORT) until Ctrl-C (PORT=8123 make run)"
	@echo "make demo          reset and reload the demo's data"
	@echo "make test          the whole suite: SQLite and PostgreSQL, real Redis, real browser"
	@echo "make test-long     the tests that take minutes (PART=1/3 make test-long)"
	@echo "make test-release  the tests that prove the figures of a release"
	@echo "make mutants       small faults put into the core: which does no test find? (long)"
	@echo "make lint          format, style, types, import contracts, migrations, secrets"
	@echo "make bench         benchmarks beside their peers"
	@echo "make screenshots   every page, both themes, three sizes"
	@echo "make sbom          the bill of materials of an installation, sbom.json (CycloneDX)"
	@echo "make advisories    known vulnerabilities of what is installed (asks the network)"
	@echo "make messages      what is to be translated, into locale/ (LOCALE=de make messages)"

bootstrap: $(RUNTIME)
bootstrap-dev: $(DEV)

$(RUNTIME): requirements.lock requirements-bootstrap.lock
	@$(PYTHON) .ci/bootstrap.py requirements.lock $@

$(DEV): requirements-dev.lock requirements-bootstrap.lock
	@$(PYTHON) .ci/bootstrap.py requirements-dev.lock $@

run: $(RUNTIME)
	@exec $(PY) manage.py up --port $(PORT) --end-with-parent

demo: $(RUNTIME)
	@$(PY) manage.py demo --reset

test: test-sqlite test-postgres

TESTS := $(PY) -m pytest -q
UNITS := $(TESTS) -n 2 --dist worksteal --ignore=tests/flows
# Flows start whole process trees and kill them. Each tree has a folder, ports and a database of its
# own, so two files run side by side; the tests of one file share a tree and run one after the other.
FLOWS := $(TESTS) -n 2 --dist loadfile tests/flows

test-sqlite: $(DEV) browser vendors
	$(UNITS)
	$(FLOWS)

test-postgres: $(DEV) browser vendors
	$(POSTGRES) --unsynced $(UNITS) --stored
	$(POSTGRES) --unsynced $(FLOWS) --stored

test-long: $(DEV) browser vendors lighthouse
	$(TESTS) -m long --part=$(PART)

test-release: $(DEV) browser vendors lighthouse
	$(POSTGRES) $(TESTS) -m "long or release" --part=$(PART)

# What was tried is kept in mutants/ and not tried again.
mutants: $(DEV)
	$(PY) -m tests.mutants

# Debian's chromium where the machine lets us; without it the browser's tests are skipped, loudly.
browser:
	@command -v chromium >/dev/null 2>&1 || sh tests/install_browser.sh

# What vendors publish on npm only, with a Node out of a wheel; without a registry its tests are
# skipped, loudly.
vendors: $(DEV)
	@$(PY) tests/vendor/install.py
	@$(PY) -m tests.vendor.described
	@$(PY) -m tests.vendor.pieces

# Large, and only a long test asks it.
lighthouse: $(DEV)
	@$(PY) tests/vendor/install.py tests/lighthouse

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

# Starts a PostgreSQL of its own.
bench: $(DEV)
	$(PY) -m bench

screenshots: $(DEV) browser
	$(PY) -m tests.screenshots

# From the lock alone, without a network.
sbom: $(DEV)
	$(PY) -m tests.sbom sbom.json

# Asks PyPI's advisories about each package of the lock.
advisories: $(DEV)
	$(VENV)/bin/pip-audit --require-hashes --disable-pip -r requirements.lock

# Needs GNU gettext. Once the catalogue is complete: `manage.py compilemessages`, then LANGUAGES.
messages: $(DEV)
	mkdir -p locale
	$(PY) manage.py makemessages -l $(LOCALE) -e html,txt,py -i tests -i bench -i client -i var -i docs
