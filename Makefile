# What a developer types. CI runs the same targets (.ci/run).

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install -qq
PACKAGES := $(BIN)/python scripts/packages.py

# Every folder with a pyproject.toml is a package; nothing lists them by name.
MANIFESTS := pyproject.toml $(sort $(wildcard plugins/*/pyproject.toml))
DATA := $(sort $(wildcard plugins/*/requirements-data.txt))
SOURCES := npdl_core $(sort $(wildcard plugins/*/src) $(wildcard examples/*/src))

# Processes that share a package's tests; empty for one, which a debugger needs.
JOBS ?= auto

# The optional parts of packages that the demo shows.
DEMO_EXTRAS := sklearn plot

# Where the environment sets them, these slow a current NumPy's OpenBLAS.
unexport OPENBLAS_CORETYPE OPENBLAS_L2_SIZE

##@ Two commands
.PHONY: demo test
demo: env  ## train a model described by names on real data
	$(BIN)/npdl train examples/digits.toml

test: env-test  ## run every package's tests (PACKAGE=plugins/npdl-data, PYTEST_ARGS="-k lstm", COVERAGE=1, JOBS=)
	NPDL_REQUIRE_ORACLE=1 COVERAGE=$(COVERAGE) JOBS=$(JOBS) scripts/test $(BIN)/python "$(PACKAGE)" $(PYTEST_ARGS)

##@ Before a commit
.PHONY: format lint types contracts fragments check
format: env-quality  ## rewrite all Python files in the house style
	$(BIN)/ruff check --fix-only --exit-zero .
	$(BIN)/ruff format .

lint: env-quality  ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: env-quality  ## mypy, strict, over all packages
	$(BIN)/mypy $(SOURCES)

contracts: env-quality  ## import-linter: core imports no plugin, layers of core
	$(BIN)/lint-imports

fragments: env-quality  ## the change log that the fragments make
	$(BIN)/towncrier build --draft --version next

check: lint types contracts fragments test  ## all of these and the tests

##@ More
.PHONY: docs wheels proofs bench bench-kernels bench-others ci
docs: env-docs  ## the manual in docs/_build/html, warnings are errors
	$(BIN)/python -m sphinx -q -W --keep-going -j auto -b html docs docs/_build/html

wheels: env-quality  ## a wheel of every package in build/wheels, through its sdist
	rm -rf build/wheels
	for folder in $$($(PACKAGES) folders); do \
	  $(BIN)/python -m build --quiet --no-isolation --outdir build/wheels "$$folder"; \
	done
	ls build/wheels/*.whl

proofs: env-test  ## what takes long: tests marked `proof`
	NPDL_REQUIRE_ORACLE=1 PROOFS=1 scripts/test $(BIN)/python "$(PACKAGE)" -m proof $(PYTEST_ARGS)

BENCH ?= report
bench: env-bench  ## speed against references: all, a table, a plot (BENCH=mlp, BENCH_ARGS="--rounds 9", "--quick")
	for name in $(BENCH); do $(BIN)/python -m benchmarks.$$name $(BENCH_ARGS); done

bench-kernels: env-bench  ## every kernel by itself, reference and overrides (PYTEST_ARGS="-k lstm")
	$(BIN)/python -m pytest benchmarks/test_kernels.py --benchmark-only $(PYTEST_ARGS)

# Thinc and the old NumpyDL, whose import name ours has too and which needs NumPy 1.23 and so Python 3.11 at most.
bench-others: $(BIN)/python  ## environments of the libraries that `make bench` compares with besides PyTorch
	rm -rf build/bench-thinc build/bench-numpydl
	$(BIN)/python -m venv --without-pip build/bench-thinc
	$(BIN)/python -m pip --python build/bench-thinc/bin/python install -qq thinc==9.1.1
	$(BIN)/python -m venv --without-pip build/bench-numpydl
	$(BIN)/python -m pip --python build/bench-numpydl/bin/python install -qq numpy==1.23.5 \
	  "setuptools<70" wheel
	$(BIN)/python -m pip --python build/bench-numpydl/bin/python install -qq --no-deps --no-build-isolation \
	  npdl==0.4.0.1

ci:  ## the whole gate
	.ci/run

##@ The environment
.PHONY: env env-test env-bench env-quality env-docs clean
env: $(VENV)/.stamp  ## .venv with all packages and what the demo needs
env-test: $(VENV)/.stamp-test  ## … with what the tests need, PyTorch among it
env-bench: $(VENV)/.stamp-bench  ## … with what the benchmarks need besides
env-quality: $(VENV)/.stamp-quality  ## … with linters, type checker, build tools
env-docs: $(VENV)/.stamp-docs  ## … with Sphinx

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.stamp: $(MANIFESTS) scripts/packages.py | $(BIN)/python
	@echo "installing npdl-core and $(words $(wordlist 2,99,$(MANIFESTS))) plugins into $(VENV)"
	$(PACKAGES) build | $(PIP) -r /dev/stdin
	$(PIP) --no-build-isolation $$($(PACKAGES) editable $(DEMO_EXTRAS))
	@touch $@

# PyTorch comes first and alone: whatever else asks for it is then satisfied.
$(VENV)/.stamp-test: $(VENV)/.stamp $(DATA)
	@echo "installing what the tests need into $(VENV)"
	$(PIP) torch==2.13.0
	$(PACKAGES) extras test oracle | $(PIP) -r /dev/stdin
	for file in $(DATA); do $(PIP) --no-deps -r $$file; done
	@touch $@

$(VENV)/.stamp-bench: $(VENV)/.stamp-test
	@echo "installing what the benchmarks need into $(VENV)"
	$(PACKAGES) extras bench | $(PIP) -r /dev/stdin
	@touch $@

$(VENV)/.stamp-quality: $(VENV)/.stamp
	@echo "installing linters, type checker and build tools into $(VENV)"
	$(PACKAGES) extras quality | $(PIP) -r /dev/stdin
	@touch $@

$(VENV)/.stamp-docs: $(VENV)/.stamp
	@echo "installing Sphinx into $(VENV)"
	$(PACKAGES) extras docs | $(PIP) -r /dev/stdin
	@touch $@

clean:  ## remove everything that these targets made
	rm -rf $(VENV) build docs/_build docs/generated docs/gallery benchmarks/results
	find . -name __pycache__ -prune -exec rm -rf {} +
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .benchmarks .import_linter_cache .coverage

.PHONY: help
help:  ## this list
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} \
	  /^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' Makefile
