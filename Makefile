# `make demo` renders a real job, `make share-demo` does so over a Samba share, `make test` runs every
# check.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# The environment is complete in itself: packages from elsewhere could only disagree with it.
unexport PYTHONPATH PYTHONHOME

.PHONY: venv demo share-demo test lint types clean

venv:
	@$(PYTHON) tools/install.py $(VENV)

demo: venv
	@$(BIN)/python demo/run.py $(if $(PORTRAIT),--portrait)

share-demo: venv
	@$(BIN)/python -m demo.share

test: venv lint types
	@$(BIN)/python -m pytest

lint: venv
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: venv
	@$(BIN)/mypy

clean:
	rm -rf $(VENV) $(VENV).lock .mypy_cache .ruff_cache .pytest_cache .hypothesis
