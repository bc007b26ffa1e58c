# Two commands on a fresh machine (python3 >= 3.11 with venv, make): `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
# A file's tests stay in one process: what they share is made once.
PYTEST_ARGS ?= -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder
BIN := $(VENV)/bin

.PHONY: demo demo-reset test check chaos bench docs lock clean

demo: $(VENV)/.run
	@$(BIN)/atlas-tui demo

demo-reset: $(VENV)/.run
	@$(BIN)/atlas-tui demo --reset

test: $(VENV)/.dev
	$(BIN)/python -m pytest $(PYTEST_ARGS)

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python docs/generate.py --check

chaos: $(VENV)/.dev
	$(BIN)/python -m pytest tests/chaos --timeout 900
	ATLAS_TEST_EVERY_JOURNAL=1 $(BIN)/python -m pytest tests/storage -k sqlite-delete --hypothesis-profile default $(PYTEST_ARGS)

bench: $(VENV)/.dev
	$(BIN)/python -m bench

docs: $(VENV)/.dev
	$(BIN)/python docs/generate.py

# What the program runs with; `make test` adds what its tests need.
$(VENV)/.run: requirements.lock pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

# Nothing is compiled beforehand: of twenty thousand modules (Microsoft's own SDK) the tests import a few hundred.
$(VENV)/.dev: requirements-dev.lock pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --no-compile --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@ $(VENV)/.run

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Atlas TUI needs Python 3.11 or newer; this is " + sys.version.split()[0])'
	$(PYTHON) -m venv $(VENV)

# Needs uv; writes no addresses into the locks.
lock:
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header -q pyproject.toml --group build --extra postgres -o requirements.lock
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header -q pyproject.toml --group dev --extra postgres -o requirements-dev.lock

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
