# Two commands: `make demo` renders a real job, `make test` runs every check.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# The environment is complete in itself: packages from elsewhere could only disagree with it.
unexport PYTHONPATH PYTHONHOME

.PHONY: venv demo test lint types clean

venv:
	@$(PYTHON) tools/install.py $(VENV)

demo: venv
	@$(BIN)/python demo/run.py $(if $(PORTRAIT),--portrait)

test: venv lint types
	@$(BIN)/python -m pytest

lint: venv
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: venv
	@$(BIN)/mypy

clean:
	rm -rf $(VENV) $(VENV).lock .mypy_cache .ruff_cache .pytest_cache .hypothesis
