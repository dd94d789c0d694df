# `make demo` renders a real job, `make share-demo` does so over a Samba share, `make test` runs every
# check.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# The environment is complete in itself: packages from elsewhere could only disagree with it.
unexport PYTHONPATH PYTHONHOME

DAEMONS := $(addprefix tests/,chain cli crash doctor gpu service worker)

.PHONY: venv demo share-demo test test-daemons test-parts lint types clean

venv:
	@$(PYTHON) tools/install.py $(VENV)

demo: venv
	@$(BIN)/python demo/run.py $(if $(PORTRAIT),--portrait)

share-demo: venv
	@$(BIN)/python -m demo.share

# Half of the tests wait for daemons most of the time, the others compute: side by side they take the
# time of the longer half. The output of each comes when it has ended.
test: venv lint types
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target test-daemons test-parts

test-daemons:
	@$(BIN)/python -m pytest $(DAEMONS)

test-parts:
	@$(BIN)/python -m pytest tests $(DAEMONS:%=--ignore=%)

lint: venv
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: venv
	@$(BIN)/mypy

clean:
	rm -rf $(VENV) $(VENV).lock .mypy_cache .ruff_cache .pytest_cache .hypothesis
