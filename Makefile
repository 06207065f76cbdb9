# Two commands on a fresh machine with Python 3.11+ and a C compiler:
#   make demo   set everything up and run the whole chain on the bundled excerpt
#   make test   set everything up and pass the checks and the tests
# `make page` makes the pages with WebAssembly modules, and the picture of the first one, again.
# `make tools` installs the compilers and emulators of the chips, where Debian's apt may.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEMO ?= demo
MODEL ?= rhythm-150
CHROMIUM ?= chromium

.PHONY: demo test quick lint setup tools docs page clean

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

# One process a core; what a file of tests builds is built once. Cores are not shared by threads.
test: lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadfile

quick: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadfile -m 'not slow and not database'

tools:
	.ci/toolchains

docs: $(STAMP)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[docs]'
	$(BIN)/mkdocs build --strict

# The page in docs/wasm with the default model, and its picture; the one with the smallest module.
page: $(STAMP)
	$(BIN)/ecgedge export $(MODEL) --to wasm -o docs/wasm --overwrite
	$(BIN)/ecgedge export beat-150 --to wasm -o docs/wasm-beat --overwrite
	$(CHROMIUM) --headless --no-sandbox --hide-scrollbars --window-size=1000,760 \
		--virtual-time-budget=5000 --screenshot=docs/images/wasm.png \
		"file://$(CURDIR)/docs/wasm/index.html#t=30"

clean:
	rm -rf $(VENV) build dist site .pytest_cache .mypy_cache .ruff_cache .hypothesis
