# Every command that a person needs. `make help` lists them.

PYTHON ?= python3
RUNTIME ?= python3.13
ARCHITECTURE ?= arm64
HEIF ?= yes
export INTERPRETER ?=
export IMAGES ?=
export SCENARIO ?=
REVEAL ?=
MEND ?=
PORT ?=
SEED ?=
SECONDS ?= 600
HISTORIES ?= 100000

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
CHECKOV := .venv-checkov
FUNCTIONS := thumbnailer reconciler
LOCAL_ARCHIVES := $(patsubst %,build/local/%.zip,$(FUNCTIONS) layer)
BUNDLER := $(wildcard scripts/devtools/bundle/*.py)
PACKAGE_FOR = --runtime $(RUNTIME) --architecture $(ARCHITECTURE) $(if $(INTERPRETER),--interpreter "$$INTERPRETER")

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup demo up down gameday test lint security unit e2e model chaos fuzz mutate bench package docs fmt lock clean

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY) ## Install everything into .venv

demo: $(READY) $(LOCAL_ARCHIVES) ## Run the whole pipeline on this machine; IMAGES=dir uses your own pictures
	@$(BIN)/python -m devtools.demo $(if $(IMAGES),--images "$$IMAGES")

up: $(READY) $(LOCAL_ARCHIVES) ## Start a local stack that stays, with a live page; see .local/stack.json; PORT=n chooses the port
	@$(BIN)/python -m devtools.local up $(if $(PORT),--port $(PORT))

down: $(READY) ## End the local stack
	@$(BIN)/python -m devtools.local down

gameday: $(READY) ## Be on call for a local stack that breaks; SCENARIO=name, without one lists them; REVEAL=yes, MEND=yes
	@$(BIN)/python -m devtools.gameday $(if $(SCENARIO),"$$SCENARIO") $(if $(filter yes,$(REVEAL)),--reveal) $(if $(filter yes,$(MEND)),--mend)

test: lint security unit e2e ## Run every check and test

lint: $(READY) ## Check style, types and who imports whom
	$(BIN)/ruff check
	$(BIN)/lint-imports --no-cache
	$(BIN)/ruff format --check
	$(BIN)/mypy

security: $(CHECKOV)/.ready ## Look for what is insecure in the Terraform code
	$(CHECKOV)/bin/checkov --config-file .checkov.yaml

unit: $(READY) $(LOCAL_ARCHIVES) ## Run the tests that need no running stack, Terraform's own among them
	$(BIN)/pytest -m 'not e2e'

e2e: $(READY) $(LOCAL_ARCHIVES) ## Run the tests against a really applied local stack
	$(BIN)/pytest -m e2e

model: $(READY) ## Play HISTORIES=100000 of the ordering rule in every interleaving; SEED=n
	MODEL_HISTORIES=$(HISTORIES) MODEL_SEED=$(or $(SEED),1) $(BIN)/pytest tests/model/test_model.py

chaos: $(READY) $(LOCAL_ARCHIVES) ## Let a storm rage over a local stack and check every key after it; SEED=n
	PYTHONPATH=tests $(BIN)/python -m chaos $(if $(SEED),--seed $(SEED))

fuzz: $(READY) ## Feed the renderer mutated images for SECONDS=600
	PYTHONPATH=tests $(BIN)/python -W ignore -m renderer.fuzz --seconds $(SECONDS)

mutate: $(READY) ## Change the ordering rule in every small way, and list the changes that no test notices
	@scripts/mutate

bench: $(READY) $(LOCAL_ARCHIVES) ## Measure it all in ten minutes, into build/bench; two cores, npm and apt-get
	@$(BIN)/python -m bench

package: $(READY) ## Build the archives to deploy, and layer.cdx.json, what is in it; RUNTIME=python3.13 ARCHITECTURE=arm64 HEIF=yes INTERPRETER=path
	@$(foreach function,$(FUNCTIONS),$(BIN)/python -m devtools.bundle $(function) build/lambda/$(function).zip $(PACKAGE_FOR) &&) \
	$(BIN)/python -m devtools.bundle layer build/lambda/layer.zip $(PACKAGE_FOR) $(if $(filter no,$(HEIF)),--without-heif)

docs: $(READY) ## Write into the pages what is computed: the tables of terraform/README.md, costs, the graph of imports
	@$(BIN)/python -m cogapp -r --verbosity=1 README.md docs/*.md terraform/README.md

fmt: $(READY) ## Format Python and Terraform
	$(BIN)/ruff check --fix-only --quiet
	$(BIN)/ruff format
	terraform fmt -recursive terraform

lock: ## Resolve the requirements anew, with hashes
	scripts/lock

clean: ## Remove what make made, except a running local stack
	rm -rf build $(VENV) $(CHECKOV) .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
	find terraform -name .terraform -prune -exec rm -rf {} +

# One line with the remedy where the interpreter is missing or too old.
$(READY): requirements-dev.txt pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo 'error: $(PYTHON) is not on PATH: install Python 3.11 or newer' >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo 'error: $(PYTHON) is older than 3.11: install a newer one, or name it with make PYTHON=…' >&2; exit 1; }
	@echo 'setting up $(VENV) …' >&2
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements-dev.txt
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@$(BIN)/python -c 'import pathlib, site; pathlib.Path(site.getsitepackages()[0], "developers.pth").write_text("$(CURDIR)/functions\n$(CURDIR)/scripts\n")'
	@touch $@

# checkov pins an AWS SDK of its own, so it has an environment of its own.
$(CHECKOV)/.ready: requirements-checkov.txt | $(READY)
	@echo 'setting up $(CHECKOV) …' >&2
	@$(PYTHON) -m venv $(CHECKOV)
	@$(CHECKOV)/bin/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements-checkov.txt
	@touch $@

# The archives that the local stack runs are built for the interpreter that runs it.
$(patsubst %,build/local/%.zip,$(FUNCTIONS)): $(READY) $(BUNDLER) $(shell find functions -name '*.py')
	@$(BIN)/python -m devtools.bundle $(basename $(@F)) $@

build/local/layer.zip: $(READY) $(BUNDLER) $(wildcard layers/imaging/*.txt)
	@$(BIN)/python -m devtools.bundle layer $@
