# The whole study from `make repro`; `make help` lists the rest.
PYTHON ?= python3
VENV := .venv
export PATH := $(abspath $(VENV))/bin:$(PATH)
# The code of this folder, whatever an editable install points at.
export PYTHONPATH := $(CURDIR)/src
# Without byte code every process compiles torch and the rest anew, for some 20 seconds.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help env repro test test-lowest check report ui lab lock clean
.DEFAULT_GOAL := help

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

env: $(VENV)/.ready  ## make the environment (.venv) from the pinned lock

repro: env  ## run what is not up to date, two conditions at a time, then print the table
	@samo repro

test: env  ## all tests, the pipeline with the profile smoke among them
	@pytest -n 2 --dist loadfile --no-loadscope-reorder

# Advisories that do not concern this project are let pass by `--ignore-vuln ID`, each with its reason in a line here.
AUDIT := pip-audit -r requirements.lock --no-deps --disable-pip --progress-spinner off
check: env  ## params.yaml, lint, types, stripped notebooks, known vulnerabilities of what is pinned
	@samo check
	@ruff check . && ruff format --check .
	@mypy
	@nbstripout --verify notebooks/*.ipynb
	@said=$$($(AUDIT) 2>&1); code=$$?; away=$$(echo "$$said" | grep -c 'could not be audited'); \
	if [ $$code != 0 ] && echo "$$said" | grep -qi 'found .* known vulnerabilit'; then echo "$$said"; exit 1; \
	elif [ $$code != 0 ]; then echo "audit: not done: $$(echo "$$said" | tail -n 1 | cut -c1-160)"; \
	elif [ $$away != 0 ]; then echo "audit: not done for $$away packages: the index at hand has no advisories on them"; \
	else echo "audit: no known vulnerability in what is locked"; fi

test-lowest: env  ## the README's example on the wheel with the lowest versions that it allows, in an environment of its own
	@python .ci/lowest.py

lab: env  ## JupyterLab on the executed notebooks
	@jupyter lab reports/executed

report: env  ## name the report, and open it where there is a screen
	@samo report

ui: env  ## MLflow on the runs, at http://127.0.0.1:5000
	@samo ui

lock:  ## (maintainers) resolve requirements.lock anew; versions in it stay where they can
	uv pip compile -q pyproject.toml --universal --python-version 3.11 --no-header --no-annotate --all-extras \
	  -o requirements.lock

clean:  ## remove the environment and everything a run made, but not DVC's cache
	rm -rf $(VENV) data/raw data/prepared data/runs data/models data/search data/analysis reports/executed mlflow.db mlartifacts

$(VENV)/.ready: environment.py pyproject.toml requirements.lock
	@$(PYTHON) environment.py $(VENV)
	@touch $@
