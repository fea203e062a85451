# make verify   prove and measure every theorem
# make test     lint, type check and test (what continuous integration runs)
# make test-all the same, with the slow tests
# make fuzz     ten minutes of mutants for every file reader and SPEC
# make test-lowest  the tests of numbers under the lowest allowed versions
# make test-newest  the same under the newest there are, with torch's own build (gigabytes)
# make audit    known vulnerabilities of what is installed, from a public database
# make bench    measure every speed claim as a ratio; writes benchmarks/results
# make docs     build the site into build/site
# make format   rewrite the sources in the project's style
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: verify test test-all test-lowest test-newest fuzz audit bench docs lint format clean

verify: $(VENV)/.installed
	$(BIN)/speciation verify

test: lint
	$(BIN)/python -m pytest -m "not slow"

test-all: lint
	$(BIN)/python -m pytest

fuzz: lint
	FUZZ_SECONDS=600 $(BIN)/python -m pytest tests/fuzz

# the tests of numbers in an environment of their own
define tested
	$(PYTHON) -m venv $(1)
	$(1)/bin/python -m pip install --quiet $(2) --editable '.[models]' pytest pytest-xdist hypothesis
	$(1)/bin/python -m pytest -m "not slow" -W default tests/theory tests/numerics tests/validation tests/test_reproducibility.py
endef

test-lowest:
	$(call tested,.venv-lowest,--constraint constraints-lowest.txt)

test-newest:
	$(call tested,.venv-newest,--upgrade)

# strict: a package that the database does not know is a failure, and not one fewer to ask about
audit: $(VENV)/.installed
	mkdir -p build
	$(BIN)/python -m pip freeze --exclude-editable | sed 's/+cpu$$//' > build/installed.txt
	$(PYTHON) -m venv .venv-audit
	.venv-audit/bin/python -m pip install --quiet 'pip-audit>=2.7'
	.venv-audit/bin/pip-audit --strict --disable-pip --no-deps --requirement build/installed.txt

bench: $(VENV)/.installed-dev
	for script in benchmarks/[a-z]*.py; do $(BIN)/python $$script || exit 1; done

docs: $(VENV)/.installed-dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

format: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) .venv-lowest .venv-newest .venv-audit build dist *.egg-info .pytest_cache .ruff_cache .hypothesis

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml constraints.txt CITATION.cff | $(BIN)/python
	$(INSTALL) --editable '.[models]'
	touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt CITATION.cff | $(BIN)/python
	$(INSTALL) --editable '.[models,dev]'
	touch $(VENV)/.installed $@
