# Everything here works on a fresh clone: each target makes what it needs first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
SUPPLY := PYTHONPATH=.ci $(BIN)/python -m supply
LOCK = $(BIN)/uv pip compile --quiet --upgrade --generate-hashes --universal --python-version 3.11 \
	--no-emit-index-url --custom-compile-command "make lock" --exclude-newer "$(AGE)"
MQTTJS := build/clients/.ready
# Which Mosquitto the end-to-end tests run on: the system's, or another line unpacked beside it, as MOSQUITTO=2.1.
MOSQUITTO ?=
export BOOTSTRAP_BRIDGE_TEST_MOSQUITTO ?= $(MOSQUITTO)
# Tests start some thousand processes; without what Python keeps of compiled sources each would compile them anew.
unexport PYTHONDONTWRITEBYTECODE
.DEFAULT_GOAL := help
.PHONY: help setup chromium browser mosquitto mosquitto-2.1 compose units promtool compiler axe clients check audit lock sbom format deep test fuzz \
	mutants unit e2e more test-brokers crashes soak demo console bench console-bench console-bulk docs screenshots clean

help: ## list the targets
	@awk -F':.*## ' '/^[a-z0-9.-]+:.*## /{printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(READY): pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; name one with: make PYTHON=/path/to/python3.11 ..." >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "no virtual environment could be made: on Debian, apt-get install python3-venv" >&2; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[console]' --group dev
	@touch $@

setup: $(READY) mosquitto ## virtual environment and Mosquitto

mosquitto:
	@.ci/need mosquitto=mosquitto mosquitto_pub=mosquitto-clients

mosquitto-2.1: ## Mosquitto 2.1 beside the system's, in build/mosquitto-2.1 (Debian, needs no root)
	@.ci/mosquitto-2.1 build/mosquitto-2.1

compose:
	@.ci/need docker-compose=docker-compose

units:
	@.ci/need systemd-analyze=systemd /bin/kill=procps

chromium:
	@.ci/need chromium=chromium

promtool: build/prometheus/promtool

build/prometheus/promtool:
	@.ci/promtool $(@D)

# From npm: axe-core, which judges the console's pages, and jsQR, which reads the codes of labels.
AXE := build/axe/node_modules/axe-core/axe.min.js
axe: $(AXE)

$(AXE): tests/browser/package.json
	@.ci/need node=nodejs npm=npm /etc/ssl/certs/ca-certificates.crt=ca-certificates
	@mkdir -p build/axe
	@cp tests/browser/package.json build/axe
	cd build/axe && npm install --omit=dev --no-package-lock --no-audit --no-fund --loglevel=error
	@touch $@

compiler:
	@.ci/need cc=gcc /usr/include/stdio.h=libc6-dev /usr/include/mosquitto.h=libmosquitto-dev /usr/include/openssl/evp.h=libssl-dev node=nodejs npm=npm /etc/ssl/certs/ca-certificates.crt=ca-certificates

$(MQTTJS): docs/clients/node/package.json | compiler
	@mkdir -p $(@D)
	@cp docs/clients/node/package.json $(@D)
	cd $(@D) && npm install --omit=dev --no-package-lock --no-audit --no-fund --loglevel=error
	@touch $@

clients: compiler $(MQTTJS) ## what the device clients in docs/clients are built with

check: $(READY) ## format, lint, types, lock files, licences; known vulnerabilities where they can be asked for
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	@$(SUPPLY) check
	@$(SUPPLY) audit

audit: $(READY) ## known vulnerabilities of what is locked; status 3 where the advisory database cannot be asked
	@$(SUPPLY) audit --strict

AGE ?= 7 days
lock: $(READY) ## the newest versions that pyproject.toml allows, with digests, into requirements*.lock; none younger than AGE
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --group lock
	@$(LOCK) pyproject.toml --all-extras --output-file requirements.lock
	@$(SUPPLY) build-requires | $(LOCK) - --output-file requirements-build.lock

sbom: $(READY) ## the bill of materials (CycloneDX), into build/sbom.cdx.json
	@$(SUPPLY) sbom build/sbom.cdx.json

format: $(READY) ## rewrite the sources in house format
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

deep: $(READY) ## search for hours what unit searches for seconds: BOOTSTRAP_BRIDGE_TEST_DEPTH=deep
	BOOTSTRAP_BRIDGE_TEST_DEPTH=deep $(BIN)/python -m pytest -q -n auto tests/test_lives.py tests/test_corpora.py

SECONDS ?= 120
fuzz: $(READY) ## look for bytes that break a promise: SECONDS=120 ROOMS="calls files ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --group fuzz
	@$(BIN)/python -m tests.fuzz $(SECONDS) $(ROOMS)

mutants: $(READY) ## break the pure rooms in some thousand ways and tell which nobody noticed (an hour)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --group mutation
	$(BIN)/mutmut run
	@.ci/mutants -v

unit: $(READY) ## the tests that need no bridge between brokers, on all cores
	$(BIN)/python -m pytest -q -n auto --ignore tests/e2e --ignore tests/browser -m "not e2e and not long"

LONG ?= yes
# Three at a time also on two cores: much of the time nothing but a page is waited for.
browser: setup chromium axe ## the console's tests, in a real browser; LONG= leaves out those that take longer than make test has
	$(BIN)/python -m pytest -q -n 3 --dist loadfile --no-loadscope-reorder -m "browser and not alone $(if $(LONG),,and not long)"
	$(if $(LONG),$(BIN)/python -m pytest -q -m "browser and alone")

e2e: setup compose clients units promtool $(MOSQUITTO:%=mosquitto-%) ## the tests on a real Mosquitto; MOSQUITTO=2.1 takes that line
	$(BIN)/python -m pytest -q -n 3 --dist loadfile -m "e2e and not alone and not browser"
	$(BIN)/python -m pytest -q -m "e2e and alone and not browser"

more: $(READY) ## the searches of unit, five times as long, and what takes longer than unit has
	BOOTSTRAP_BRIDGE_TEST_DEPTH=more $(BIN)/python -m pytest -q -n auto tests/test_lives.py tests/test_corpora.py
	BOOTSTRAP_BRIDGE_TEST_DEPTH=more $(BIN)/python -m pytest -q -n auto --ignore tests/e2e --ignore tests/browser -m "long and not e2e"

test: setup compose clients units promtool chromium axe check unit more e2e ## everything that must pass
	@$(MAKE) --no-print-directory browser LONG=

test-brokers: setup compose clients units promtool mosquitto-2.1 ## the tests on a real Mosquitto, on the system's and on 2.1
	@.ci/test-brokers $(BIN)/python system 2.1

crashes: setup ## kill bridge and brokers at every arrow of all that people and devices do; it takes long
	BOOTSTRAP_BRIDGE_TEST_CRASHES=all $(BIN)/python -m pytest -q tests/e2e/test_crashes.py

KILLS ?= 1000
DEVICES ?= 100
EVERY ?= 10
soak: setup ## kill processes at random under a fleet's load: KILLS=1000 DEVICES=100 SEED=...
	@$(BIN)/python -m tests.soak --kills $(KILLS) --devices $(DEVICES) --check-every $(EVERY) $(if $(SEED),--seed $(SEED)) $(if $(BREAK),--break $(BREAK))

demo: setup ## the main job on a real Mosquitto, told step by step; TLS=1 does all of it by TLS
	@$(BIN)/python -m bridge.demo $(if $(TLS),--tls)

PORT ?= 8080
console: setup ## the web page with a fleet that calls in, to try it out: PORT=8080, TLS=1
	@$(BIN)/python -m bridge.console_demo --port $(PORT) $(if $(TLS),--tls)

bench: setup ## measure against the bars, into bench/latest.json
	@$(BIN)/python bench/run.py

console-bench: setup chromium ## measure the console's table on 100,000 registrations, into build/console-bench.json
	@$(BIN)/python bench/console.py

ROWS ?= 1000000
console-bulk: setup chromium ## measure the console's memory over a bulk file of ROWS devices, into build/console-bulk.json
	@$(BIN)/python bench/console_bulk.py --rows $(ROWS)

docs: $(READY) ## draw states, roles, commands, measures, arrows, invariants, vectors and attacks from the code
	@$(BIN)/python docs/draw.py
	@$(BIN)/python docs/draw_roles.py
	@$(BIN)/python docs/draw_commands.py
	@$(BIN)/python docs/draw_measures.py
	@$(BIN)/python docs/draw_crashes.py
	@$(BIN)/python -m docs.draw_vectors
	@$(BIN)/python docs/draw_attacks.py

screenshots: setup chromium ## take the pictures of the console in docs/screenshots anew, from the data of `make console`
	@$(BIN)/python -m docs.draw_screenshots

clean: ## remove what the targets made here
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage build mutants var
