PYTHON ?= python3
BIN := .venv/bin

.PHONY: install install-test demo serve test test-slow check format sample figures starter \
  starter-report extension

install: .venv/installed

install-test: .venv/installed-test

.venv/installed: requirements.txt setup.cfg pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --requirement requirements.txt --editable .
	touch $@

.venv/installed-test: .venv/installed
	$(BIN)/pip install --quiet --requirement requirements.txt --editable '.[test]'
	touch $@

.venv/installed-slow: .venv/installed-test
	$(BIN)/pip install --quiet --requirement requirements.txt jax==0.10.2 --editable '.[test,jax]'
	touch $@

demo: install
	$(BIN)/python -m dataset.demo

# Such as `make serve OPTIONS='--port 8001 --history verdicts.sqlite'`.
serve: install
	$(BIN)/deepfake serve $(OPTIONS)

# What the extension's tests need; without npm they are skipped and say so.
PACKAGES := app/extension/node_modules/.package-lock.json
NPM := $(if $(shell command -v npm),$(PACKAGES))

test: install-test $(NPM)
	$(BIN)/python -m pytest --numprocesses 2 --timeout 300 -m 'not slow'

test-slow: .venv/installed-slow $(NPM)
	$(BIN)/python -m pytest --timeout 1800 -m slow

check: install-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: install-test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

sample: install
	$(BIN)/python -m dataset.draw --overwrite

# The pictures that the README shows, by the detector that `make demo` leaves.
figures: install
	for class in real fake; do \
	  $(BIN)/deepfake gradcam dataset/test/$$class/0000.jpg --target fake --overwrite \
	    --model models/detector --output figures/sample_$${class}_gradcam.png || exit; \
	done
	$(BIN)/deepfake evaluate --data-dir dataset --quick --overwrite \
	  --model models/detector --output figures/demo
	for name in curves roc reliability; do \
	  cp figures/demo/$$name.png figures/sample_$$name.png || exit; \
	done

# The detector that ships, and its model card. Both need real data that does not ship: DATA is the
# folder in which the sources stand. Training takes hours; killed, it goes on when called again.
STARTER ?= models/starter
SOURCES = $(or $(DATA),$(error DATA is not set: make $@ DATA=FOLDER))

starter: .venv/installed-test
	$(BIN)/python -m benchmarks.starter.recipe --data-dir $(SOURCES) --output $(STARTER)

starter-report: .venv/installed-test
	$(BIN)/python -m benchmarks.starter.report --data-dir $(SOURCES) --model $(STARTER) --overwrite

# The browser extension with a bundle: folders to load unpacked, and zips, in build/extension.
BUNDLE ?= models/starter

extension: install $(PACKAGES)
	$(BIN)/python -m app.extension.pack --model $(BUNDLE) --overwrite

$(PACKAGES): app/extension/package-lock.json
	cd app/extension && npm ci --ignore-scripts --no-audit --no-fund
