# The words of this repository; `.ci/run` says the same ones.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
WEB := $(VENV)/.web

.PHONY: setup demo test test-long lint docs fmt bench clean

setup: $(STAMP) $(WEB)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip -c constraints.txt
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $(STAMP)

$(WEB): infra/web/package.json infra/web/bring | $(STAMP)
	infra/web/bring
	touch $(WEB)

demo: setup
	$(BIN)/giornata demo --out demo-out

test: setup
	$(BIN)/python -m pytest -q -n 4 --dist loadfile -m "not long"

test-long: setup
	$(BIN)/python -m pytest -q -m long

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python infra/lint/pronouns.py giornata/*.py jobs styles workers cluster

docs: setup
	$(BIN)/python infra/docs/reference.py docs/reference

fmt: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup
	$(BIN)/giornata bench tiles
	$(BIN)/giornata bench batch

clean:
	rm -rf $(VENV) build dist demo-out bench-out .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache *.egg-info
