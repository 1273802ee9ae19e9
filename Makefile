# `make demo` and `make test` are all that a newcomer needs; both set up .venv on the first run.
# PIP_ARGS passes options to pip, for example an index with CPU builds of PyTorch.
PYTHON ?= python3
PIP_ARGS ?=
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test lint perf clean

demo: $(VENV)/.all
	$(BIN)/anymodal demo --out demo

test: $(VENV)/.dev
	$(BIN)/python -m pytest -n 2 --cov --cov-report=term:skip-covered $(PYTEST_ARGS)

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python .ci/count_lines.py

perf: $(VENV)/.dev
	$(BIN)/python -m pytest perf --timeout=0 --benchmark-only --benchmark-columns=min,median,rounds -p no:xdist $(PYTEST_ARGS)

clean:
	rm -rf $(VENV) demo

$(VENV)/.all: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "anymodal needs Python 3.11 or newer; name one with make PYTHON=...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install $(PIP_ARGS) -c constraints.txt -e ".[all]"
	touch $@

$(VENV)/.dev: $(VENV)/.all
	$(BIN)/python -m pip install $(PIP_ARGS) -c constraints.txt -e ".[dev]"
	touch $@
