# Wardline: `make help` lists what there is. Everything runs in .venv, which the first target that needs it makes.

SHELL := /bin/sh
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3.14 python3; do command -v $$p && break; done)
INSTALLED = $(PYTHON) demo/bootstrap.py
PY = .venv/bin/python
WORKERS ?= 2
# Enough for Django to be imported where no database is asked.
UNASKED = WARDLINE_MODE=demo PUBLIC_URL=http://localhost:8000 SECRET_KEY=unused DATABASE_URL=postgresql://unused/unused REDIS_URL=redis://unused

.PHONY: help run story reset stop install test test-fast check lint types imports openapi openapi-check web-check format lock bench browser
.DEFAULT_GOAL := help

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

run: ## start everything with a filled demo on http://localhost:8000 (PORT=...); Ctrl-C stops it
	@$(INSTALLED) demo.run

story: ## play the night story in the terminal, with real encryption, and verify the audit log
	@$(INSTALLED) demo.story

reset: ## delete the demo's data (the running service has to be stopped first)
	@$(INSTALLED) demo.reset

stop: install ## stop the PostgreSQL and Redis the tests have left running
	@$(PY) -m demo.reset --stop-only

install: ## .venv from the hash-locked requirements
	@$(INSTALLED)

browser: install ## a Chromium for the browser tests, if this machine has none
	@$(PY) -m demo.browser

test: browser ## every test, browser included
	@$(PY) -m demo.web
	@$(PY) -m pytest -n $(WORKERS) --dist loadgroup -m "not e2e and not faults" --ignore=tests/e2e --ignore=tests/faults
	@$(PY) -m pytest tests/faults  # on its own: it kills what it starts, and other load would be in its way
	@$(PY) -m pytest -n $(WORKERS) --dist loadfile tests/e2e  # on its own: the browser's event loop would be in the others' way

test-fast: install ## every test that needs no browser, without the hundreds of racing rounds
	@$(PY) -m pytest -n $(WORKERS) --dist loadgroup -m "not e2e and not faults and not long" --ignore=tests/e2e --ignore=tests/faults

check: install ## everything a change has to pass
	@$(MAKE) --no-print-directory --jobs=2 --output-sync lint types imports openapi-check web-check
	@$(MAKE) --no-print-directory test

lint: install
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .

types: install
	$(UNASKED) $(PY) -m mypy

imports: install
	$(UNASKED) .venv/bin/lint-imports

openapi: install ## write docs/openapi.yaml from the code
	$(UNASKED) $(PY) manage.py spectacular --validate --fail-on-warn --file docs/openapi.yaml

openapi-check: install
	@mkdir -p .wardline
	$(UNASKED) $(PY) manage.py spectacular --validate --fail-on-warn --file .wardline/openapi.yaml
	@diff -u docs/openapi.yaml .wardline/openapi.yaml || { echo "docs/openapi.yaml is not what the code says: make openapi"; exit 1; }

web-check: install
	@$(PY) -m demo.web  # the build writes the messages' functions, which the types need
	$(PY) -m demo.web run check
	$(PY) -m demo.web test

format: install ## format Python and mend what the linter can
	$(PY) -m ruff format .
	$(PY) -m ruff check --fix .

lock: install ## pin every dependency and its hashes
	$(PY) -m demo.lock

bench: install ## measure messages, the calls of beds, ADT and the audit log, beside plain statements
	@$(PY) -m benchmarks
	@$(PY) -m benchmarks.beds
	@$(PY) -m benchmarks.adt
	@$(PY) -m benchmarks.audit
