# Two commands on a fresh machine with Python 3.11+ and a C compiler:
#   make demo   set everything up and run the whole chain on the bundled excerpt
#   make test   set everything up and pass the checks and the tests
# `make tools` installs the compilers and emulators of the chips, where Debian's apt may.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEMO ?= demo

.PHONY: demo test quick lint setup tools docs clean

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "ecgedge needs Python 3.11 or newer: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[train,test]'
	touch $@

demo: $(STAMP)
	$(BIN)/ecgedge demo -o $(DEMO) --overwrite

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: lint
	$(BIN)/python -m pytest

quick: $(STAMP)
	$(BIN)/python -m pytest -m 'not slow and not database'

tools:
	.ci/toolchains

docs: $(STAMP)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[docs]'
	$(BIN)/mkdocs build --strict

clean:
	rm -rf $(VENV) build dist site .pytest_cache .mypy_cache .ruff_cache .hypothesis
