# Two commands do everything on a new machine: `make demo` and `make test`. Needs Python 3.11 and make.
PYTHON ?= python3.11
BIN := .venv/bin
PORT ?= 8000
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: help setup demo test check bench performance lock

help:
	@echo "make demo   install, load the demo studies, start the application at http://localhost:$(PORT)"
	@echo "make test   run the whole test suite"
	@echo "make check  lint, types, import contracts, migrations, templates, settings"
	@echo "make bench  measure the speeds that we promise, each against a peer; make performance writes docs/performance.md too"
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

# Without services and without a browser what needs one is skipped by name; REQUIRE=chromium,postgres,redis,data,slow makes
# a missing one a failure. DATABASE_URL runs the suite on another database.
test: .venv/installed-dev
	$(BIN)/python -m pytest -n 3 --dist loadgroup $(TESTS)

check: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q -p no:xdist tests/ipe/test_project.py

bench: .venv/installed-dev
	$(BIN)/python -m benchmarks

performance: .venv/installed-dev
	$(BIN)/python -m benchmarks --write docs/performance.md

lock:
	$(BIN)/pip-compile --quiet --strip-extras --no-emit-index-url --no-emit-find-links --output-file requirements.txt requirements.in
	$(BIN)/pip-compile --quiet --strip-extras --no-emit-index-url --no-emit-find-links --output-file requirements-dev.txt requirements-dev.in
