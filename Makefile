# make check       lint, types and the fast tests: before each commit, about eight minutes
# make test        lint, types and all tests: before a merge
# make test-newest all tests on the newest Python here and the newest releases of all packages
# make demo        render a real job; PORTRAIT=1 animates a photograph
# make cluster     install Ray, for the extra cluster
# make wheel       build a wheel with all that the service needs, in dist/
# make share-demo  render a real job over a Samba share
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
NEWEST = $(shell for each in python3.14 python3.13 python3.12 $(PYTHON); do \
	$$each -c "" 2>/dev/null && echo $$each && break; done)

# Packages from outside the environment could only conflict with it.
unexport PYTHONPATH PYTHONHOME

# The targets share the cores: a thread of OpenMP that waits must not spin meanwhile.
export OMP_WAIT_POLICY := passive

DAEMONS := $(addprefix tests/,chain cli crash doctor fuzz media)
SERVICE := $(addprefix tests/,cluster service systemd)
FAST := -m "not slow and not crash and not share"
# The output of each target comes in one piece when the target has ended.
SIDE_BY_SIDE := $(MAKE) --no-print-directory --jobs=3 --output-sync=target

.PHONY: venv cluster wheel demo share-demo check test test-newest test-daemons test-service test-parts lint types clean

venv:
	@$(PYTHON) tools/install.py $(VENV) $(INSTALL)

# Ray is large, so only the tests of the cluster fetch it; without it they are skipped.
cluster: venv
	@$(BIN)/python -c "import ray" 2>/dev/null || \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt \
		"heygem-daemon[cluster]" || echo "Ray cannot be installed: the tests of the cluster are skipped"

demo: venv
	@$(BIN)/python demo/run.py $(if $(PORTRAIT),--portrait)

wheel: venv
	@$(BIN)/python tools/wheel.py dist

share-demo: venv
	@$(BIN)/python -m demo.share

check: venv
	@$(SIDE_BY_SIDE) lint types test-daemons test-service test-parts SELECTED='$(FAST)'

# Three groups that take about as long as each other. Two of them mostly wait for daemons and workers.
test: venv
	@$(SIDE_BY_SIDE) lint types test-daemons test-service test-parts

# Each Python has an environment of its own, so that one that is installed later is used. Style and
# types are those of the pinned releases. CUDA=1 takes torch for CUDA where no CPU build is found.
test-newest:
	@$(MAKE) --no-print-directory PYTHON=$(NEWEST) VENV=.venv-newest-$(notdir $(NEWEST)) \
		INSTALL="--newest $(if $(CUDA),--cuda)" test-daemons test-service test-parts

test-daemons: venv
	@$(BIN)/python -m pytest $(DAEMONS) $(SELECTED)

test-service: venv cluster
	@$(BIN)/python -m pytest $(SERVICE) $(SELECTED)

test-parts: venv
	@$(BIN)/python -m pytest tests $(DAEMONS:%=--ignore=%) $(SERVICE:%=--ignore=%) $(SELECTED)

lint: venv
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: venv
	@$(BIN)/mypy

clean:
	rm -rf $(VENV) $(VENV).lock .venv-newest* .mypy_cache .ruff_cache .pytest_cache .hypothesis dist
