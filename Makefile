# The whole study from `make repro`; `make help` lists the rest.
PYTHON ?= python3
VENV := .venv
export PATH := $(abspath $(VENV))/bin:$(PATH)
# The code of this folder, whatever an editable install points at.
export PYTHONPATH := $(CURDIR)/src

.PHONY: help env repro test check report ui clean
.DEFAULT_GOAL := help

help:  ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

env: $(VENV)/.ready  ## make the environment (.venv) from the pinned lock

repro: env  ## run what is not up to date, two cells at a time, then print the table
	@samo repro

test: env  ## all tests, the pipeline with the profile smoke among them
	@pytest -n 2 --dist loadfile

check: env  ## params.yaml, lint, types, stripped notebooks, known vulnerabilities of what is pinned
	@samo check
	@ruff check . && ruff format --check .
	@mypy
	@nbstripout --verify notebooks/*.ipynb
	@python -m samo.study.audit

report: env  ## name the report, and open it where there is a screen
	@samo report

ui: env  ## MLflow on the runs, at http://127.0.0.1:5000
	@samo ui

RESOLVE := uv pip compile pyproject.toml --universal --python-version 3.11 --no-header --no-annotate
lock:  ## (maintainers) resolve requirements.lock and requirements.hashes anew; needs uv
	$(RESOLVE) --all-extras -o requirements.lock
	$(RESOLVE) --extra study --extra dev -c requirements.lock --generate-hashes -o requirements.hashes

clean:  ## remove the environment and everything a run made, but not DVC's cache
	rm -rf $(VENV) data/raw data/prepared data/runs data/models data/analysis reports/executed mlflow.db mlartifacts

# The environment's own pip, never another one that stands on the PATH.
PIP := $(VENV)/bin/python -m pip
# The lock is used as constraints: installed with -r it would bring the CUDA packages of every platform.
# Without an NVIDIA driver, the CPU build of torch is taken first, so that none of them is wanted.
# `make env HASHES=1` lets pip check every other file against its published hash; CONTRIBUTING says why not always.
$(VENV)/.ready: pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "python >= 3.11 is needed, this is " + sys.version.split()[0] + "; try make PYTHON=python3.12 env")'
	@test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	@torch=$$(grep -oE '^torch==[0-9.]+' requirements.lock); \
	if [ "$$(uname -s)" = Linux ] && ! command -v nvidia-smi >/dev/null 2>&1; then \
	  $(PIP) install -q --no-deps "$$torch+cpu" 2>/dev/null \
	  || $(PIP) install -q --no-deps --index-url https://download.pytorch.org/whl/cpu "$$torch" \
	  || { echo "no CPU build of $$torch could be had: check the network" >&2; exit 1; }; \
	fi
	@if [ -n "$(HASHES)" ]; then \
	  cpu=$$($(PIP) list --format=freeze 2>/dev/null | grep -c '^torch==.*+cpu'); \
	  awk -v cpu=$$cpu '/^[^ ]/ {skip = cpu && /^(torch=|triton=|nvidia-|cuda-)/} !skip' requirements.hashes > $(VENV)/hashes.txt \
	  && $(PIP) install -q --require-hashes --no-deps -r $(VENV)/hashes.txt; \
	fi
	$(PIP) install -q -c requirements.lock -e ".[study,dev]"
	@touch $@
