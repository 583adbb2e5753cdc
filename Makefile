# Two commands do everything on a new machine: `make demo` and `make test`. Needs Python 3.11 and make.
PYTHON ?= python3.11
BIN := .venv/bin
PORT ?= 8000
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: help setup demo test long check bench performance rows lock services services-stop

help:
	@echo "make demo   install, load the demo studies, start the application at http://localhost:$(PORT)"
	@echo "make test   run the test suite"
	@echo "make long   run the long simulations and repetitions that make test leaves out"
	@echo "make check  lint, types, import contracts, migrations, templates, settings"
	@echo "make bench  measure the speeds that we promise, each against a peer; make performance writes docs/performance.md too"
	@echo "make rows   write the pages that say which test holds which requirement"
	@echo "make services       install (Debian, root) and start PostgreSQL, Redis and RabbitMQ under var/services, for tests"
	@echo "make services-stop  stop them again"
	@echo "make lock   compile requirements.in to requirements.txt"

.venv/installed: requirements.txt
	test -d .venv || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet -r requirements.txt
	touch $@

.venv/installed-dev: .venv/installed requirements-dev.txt
	$(BIN)/pip install --quiet -r requirements-dev.txt
	touch $@

.env:
	$(PYTHON) -m ipe.firstrun

setup: .venv/installed .env

demo: setup
	$(BIN)/python manage.py demo --port $(PORT)

# Without services and without a browser what needs one is skipped by name; REQUIRE=chromium,postgres,redis,rabbitmq,data
# makes a missing one a failure. DATABASE_URL runs what uses the database on another one. One test at a time goes to each
# process, the longest first; as many as processors, since more would wait for each other.
# The dozens of processes that the tests start would each compile the application anew, if the shell forbids to keep it.
PYTEST = PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n 2 --dist load --maxschedchunk 1 --durations 20
test: .venv/installed-dev
	$(PYTEST) $(TESTS)

long: .venv/installed-dev
	REQUIRE=$(REQUIRE),slow $(PYTEST) -m slow $(TESTS)

check: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q -p no:xdist tests/ipe/test_project.py

bench: .venv/installed-dev
	$(BIN)/python -m benchmarks

rows: .venv/installed-dev
	$(BIN)/python -m tests.rows

performance: .venv/installed-dev
	$(BIN)/python -m benchmarks --write docs/performance.md

lock:
	$(BIN)/pip-compile --quiet --strip-extras --no-emit-index-url --no-emit-find-links --output-file requirements.txt requirements.in
	$(BIN)/pip-compile --quiet --strip-extras --no-emit-index-url --no-emit-find-links --output-file requirements-dev.txt requirements-dev.in

# Servers of this folder's own; their addresses go to standard output, as lines of an environment.
services:
	@$(PYTHON) -m tests.servers start

services-stop:
	@$(PYTHON) -m tests.servers stop
