# keepcool. `make demo` and `make test` set up by themselves; `make help` lists the rest.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
BESIDE := -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder
BESIDE_FAST := -n logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder
FAST := tests/architecture tests/docs tests/unit tests/vectors tests/properties
# Tests without servers wait for little but the disk: their files lie in memory where 2 GB of it are free.
IN_MEMORY := $(shell df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 && $$4 > 2000000 { print "PYTEST_DEBUG_TEMPROOT=/dev/shm" }')
ATTACKS := app_besieges_the_signers one_signer_is_hostile broker_carries_decisions app_is_taken_over \
  broker_is_hostile the_user_signs keeper_database_is_stolen restored_journal books_are_edited \
  signatures_are_harvested insiders administrators_govern evacuation_is_abused purse_is_asked \
  bitcoin_policy_is_attacked
export PATH := $(CURDIR)/$(BIN):$(PATH)

help: ## what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(VENV)/.ready node_modules/.ready litecoind chromium postgres promtool ## install everything into .venv and node_modules

$(VENV)/.ready: requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "keepcool needs Python 3.11 or newer; set PYTHON=/path/to/python3.11" >&2; exit 1; }
	@echo "setting up $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

node_modules/.ready: package.json package-lock.json
	@if command -v npm >/dev/null; then \
	  echo "setting up node_modules ..."; npm install --silent --no-save --no-progress && touch $@; \
	elif [ -n "$$CI" ]; then echo "npm is missing: install Node.js 18 or newer" >&2; exit 1; \
	else echo "npm is missing: live EVM tests and the demo need Node.js 18 or newer (apt install nodejs npm)" >&2; \
	fi

litecoind:
	@scripts/litecoind.sh

chromium:
	@scripts/chromium.sh

promtool: $(VENV)/.ready
	@scripts/promtool.sh

postgres:
	@scripts/postgres.sh

demo: setup ## the whole story on real parts (CHAINS=evm,people,minter,bitcoin chooses; KEEP=1 leaves it running)
	@$(BIN)/keepcool demo $(if $(CHAINS),--chains $(CHAINS)) $(if $(KEEP),--keep)

test: setup ## the whole suite: up to four files side by side, the slowest first (tests/conftest.py)
	@$(BIN)/pytest $(BESIDE)

test-fast: setup ## unit, vectors, properties, architecture: no servers, no long stories, under a minute
	@$(IN_MEMORY) $(BIN)/pytest $(BESIDE_FAST) -m "not slow" $(FAST)

soak: setup ## all that needs no servers once more, each property tried SOAK times as often (10)
	@KEEPCOOL_SOAK=$(or $(SOAK),10) $(IN_MEMORY) $(BIN)/pytest $(BESIDE_FAST) $(FAST)

attacks: setup ## the attacks in full: 10,000 hostile requests, 100,000 messages; what came of each at the end
	@KEEPCOOL_ATTACKS=$(or $(REQUESTS),10000) $(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder -q -rP \
	  $(addprefix tests/scenarios/test_,$(addsuffix .py,$(ATTACKS)))

lint: setup ## ruff, mypy --strict, import laws, tidy
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/pytest -q tests/architecture/test_tidy.py

reference: setup ## draw docs/reference anew from the code; a test says when it is stale
	@$(BIN)/python -m scripts.reference

mutants: setup ## change the deciding code a little, everywhere: do tests notice? (ONLY=policy/rules, SAMPLE=10)
	@nice $(BIN)/python scripts/mutants.py $(if $(ONLY),--only $(ONLY)) $(if $(SAMPLE),--sample $(SAMPLE)) \
	  $(if $(CHILDREN),--children $(CHILDREN))

bench: setup ## measure, beside peers in the same run; writes bench/results.json
	@$(BIN)/python -m bench

lock: ## renew the hash-locked requirements from requirements/*.in
	@$(PYTHON) -m venv $(VENV)-lock && $(VENV)-lock/bin/pip install --quiet -r requirements/build.in
	@for name in signer app desk dev; do $(VENV)-lock/bin/uv pip compile --quiet --universal --python-version 3.11 \
	  --generate-hashes --no-annotate --no-header requirements/$$name.in -o requirements/$$name.txt; done

clean: ## remove what setup and runs made
	rm -rf $(VENV) $(VENV)-lock node_modules build .mypy_cache .ruff_cache .pytest_cache .hypothesis

.PHONY: help setup litecoind chromium postgres promtool demo test test-fast attacks soak lint reference mutants bench lock clean
