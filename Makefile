# Every command that a person needs. `make help` lists them.

PYTHON ?= python3
RUNTIME ?= python3.13
ARCHITECTURE ?= arm64
HEIF ?= yes
VERSION ?=
LEAVE_OUT ?=
NAME ?= acceptance
LOCAL ?=
CDN ?=
YES ?=
CLEAN ?=
export INTERPRETER ?=
export IMAGES ?=
export SCENARIO ?=
REVEAL ?=
MEND ?=
PORT ?=
SEED ?=
SECONDS ?= 600
HISTORIES ?= 100000
TESTS ?=
WORKERS ?=
ONLY ?=
# What is made here starts hundreds of interpreters, which would compile the same modules each time.
unexport PYTHONDONTWRITEBYTECODE

# uv sets up two environments: what people run, with what it takes to work on it on top, and checkov.
UV := .uv/bin/uv
VENV := .venv
BIN := $(VENV)/bin
RUN := $(VENV)/.run
DEV := $(VENV)/.dev
CHECKOV := .venv-checkov
MOTO := .venv-moto
PROCESSES = logical
PYTEST = $(BIN)/pytest --numprocesses $(or $(WORKERS),$(PROCESSES)) --dist loadgroup
FUNCTIONS := thumbnailer reconciler publisher api device_asks device_status device_admission range_worker
LOCAL_ARCHIVES := $(patsubst %,build/local/%.zip,$(FUNCTIONS) layer)
BUNDLER := $(wildcard scripts/devtools/bundle/*.py)
PACKAGE_FOR = --runtime $(RUNTIME) --architecture $(ARCHITECTURE) $(addprefix --interpreter ,$(INTERPRETER))

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup demo up down gameday acceptance check test lint security pure unit operators e2e every model chaos fuzz corpus arm64 moto examples mutate bench package release docs fmt lock clean

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(DEV) ## Install everything into .venv; the commands below install what they need themselves

demo: $(RUN) $(LOCAL_ARCHIVES) ## Run the whole pipeline on this machine; IMAGES=dir uses your own pictures
	@$(BIN)/python -m devtools.demo $(if $(IMAGES),--images "$$IMAGES")

up: $(RUN) $(LOCAL_ARCHIVES) ## Start a local stack that stays, with a live page; see .local/stack.json; PORT=n chooses the port
	@$(BIN)/python -m devtools.local up $(if $(PORT),--port $(PORT))

down: $(RUN) ## End the local stack, and the one that `make e2e` keeps
	@$(BIN)/python -m devtools.local down
	@PYTHONPATH=tests $(BIN)/python -m support.kept

gameday: $(RUN) ## Be on call for a local stack that breaks; SCENARIO=name, without one lists them; REVEAL=yes, MEND=yes
	@$(BIN)/python -m devtools.gameday $(if $(SCENARIO),"$$SCENARIO") $(if $(filter yes,$(REVEAL)),--reveal) $(if $(filter yes,$(MEND)),--mend)

acceptance: $(RUN) $(if $(filter yes,$(LOCAL)),$(LOCAL_ARCHIVES)) ## Apply, try and destroy an instance in an account, after make package; it asks; LOCAL=yes NAME=name CDN=yes YES=yes CLEAN=yes
	@$(BIN)/python -m devtools.acceptance --name "$(NAME)" $(if $(filter yes,$(LOCAL)),--local) $(if $(filter yes,$(CDN)),--cdn) \
		$(if $(filter yes,$(YES)),--yes) $(if $(filter yes,$(CLEAN)),--only-clean-up)

test: $(DEV) $(CHECKOV)/.ready $(LOCAL_ARCHIVES) ## Run every check and test, side by side: half an hour
	@scripts/side-by-side lint security every

check: $(DEV) ## Check style and types, and run the tests that need nothing but Python: 2 minutes
	@scripts/side-by-side lint pure

lint: $(DEV) ## Check style, types and who imports whom
	$(BIN)/ruff check
	$(BIN)/lint-imports --no-cache
	$(BIN)/ruff format --check
	$(BIN)/mypy

security: $(CHECKOV)/.ready ## Look for what is insecure in the Terraform code
	$(CHECKOV)/bin/checkov --config-file .checkov.yaml
	$(CHECKOV)/bin/checkov --directory terraform --framework secrets --compact --quiet --skip-download

pure: $(DEV) ## Run the tests that need nothing but Python and a second
	$(PYTEST) -m 'not slow' --hypothesis-profile glance tests/unit tests/renderer

unit: $(DEV) $(LOCAL_ARCHIVES) ## Run the tests that need no running stack, Terraform's own among them
	$(PYTEST) -m 'not e2e'

operators: $(DEV) ## Run the tests of thumbctl, which works on macOS too
	$(PYTEST) tests/unit/test_thumbctl_*.py tests/unit/test_bulk_*.py tests/unit/test_wheel.py

e2e: $(DEV) $(LOCAL_ARCHIVES) ## Run the tests against really applied stacks, and keep the one they share for the next run; TESTS=file
	$(PYTEST) -m e2e --keep-stack $(TESTS)

# Whoever applies a stack waits for most of the time, so that one process more keeps the processors busy.
every: PROCESSES = $(shell expr 1 + `getconf _NPROCESSORS_ONLN`)
every: $(DEV) $(LOCAL_ARCHIVES) ## Run every test
	$(PYTEST)

# Exploring begins elsewhere each time, and says where.
model fuzz: SEED := $(or $(SEED),$(shell date +%s))

model: $(DEV) ## Play HISTORIES=100000 of the ordering rule in every interleaving, others each time; SEED=n
	MODEL_HISTORIES=$(HISTORIES) MODEL_SEED=$(SEED) $(BIN)/pytest tests/model/test_model.py \
		--hypothesis-profile explore --hypothesis-seed $(SEED)

chaos: $(DEV) $(LOCAL_ARCHIVES) ## Let a storm rage over a local stack and check every key after it; SEED=n
	PYTHONPATH=tests $(BIN)/python -m chaos $(if $(SEED),--seed $(SEED))

fuzz: $(DEV) ## Feed the renderer mutated images for SECONDS=600, and every property random examples; SEED=n
	PYTHONPATH=tests $(BIN)/python -W ignore -m renderer.fuzz --seconds $(SECONDS) --seed $(SEED)
	$(PYTEST) -m 'hypothesis and not e2e' --hypothesis-profile explore --hypothesis-seed $(SEED)

corpus: $(DEV) ## Hold the renderer against 2,800 pictures of other people's test suites, which it fetches; ONLY=PNG
	PYTHONPATH=tests $(BIN)/python -W ignore -m renderer.corpus $(if $(ONLY),--only $(ONLY))

arm64: $(DEV) package ## Run the renderer on arm64, out of the archives to deploy, against this machine: a few minutes; apt-get
	PYTHONPATH=tests $(BIN)/python -W ignore -m renderer.arm64 build/lambda

moto: $(RUN) $(MOTO)/.ready $(LOCAL_ARCHIVES) ## Apply the module to moto's server, a second opinion, and say what that refuses: 3 minutes
	@$(BIN)/python -m devtools.motoserver $(MOTO)/bin/python

examples: $(DEV) $(LOCAL_ARCHIVES) ## Apply the examples that `make test` only plans, as far as the emulator has what they need: 6 minutes
	$(BIN)/pytest -m nightly tests/e2e/test_examples.py

mutate: $(DEV) ## Change the ordering rule in every small way, and list the changes that no test notices
	@scripts/mutate

bench: $(DEV) $(LOCAL_ARCHIVES) ## Measure it all in ten minutes, into build/bench; two cores, npm and apt-get
	@$(BIN)/python -m bench

package: $(RUN) ## Build the archives to deploy, and layer.cdx.json, what is in it; RUNTIME=python3.13 ARCHITECTURE=arm64 HEIF=yes INTERPRETER=path
	@$(BIN)/python -m devtools.bundle all build/lambda $(PACKAGE_FOR) $(if $(filter no,$(HEIF)),--without-heif)

release: $(RUN) ## Build all that a release consists of into build/release; VERSION=1.2.3 LEAVE_OUT=python3.14 INTERPRETER=path
	@$(BIN)/python -m devtools.release "$(VERSION)" "build/release/$(VERSION)" \
		$(addprefix --leave-out ,$(LEAVE_OUT)) $(addprefix --interpreter ,$(INTERPRETER))

docs: $(DEV) ## Write into the pages what is computed: the tables of terraform/README.md, costs, the graph of imports
	@$(BIN)/python -m cogapp -r --verbosity=1 README.md docs/*.md terraform/README.md

fmt: $(DEV) ## Format Python and Terraform
	$(BIN)/ruff check --fix-only --quiet
	$(BIN)/ruff format
	terraform fmt -recursive terraform

lock: ## Resolve the requirements anew, with hashes
	scripts/lock

clean: ## Remove what make made, except a running local stack
	rm -rf $(filter-out build/e2e,$(wildcard build/*)) .uv $(VENV) $(CHECKOV) $(MOTO) .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
	find terraform -name .terraform -prune -exec rm -rf {} +

# One line with the remedy where the interpreter is missing or too old.
$(UV): requirements-uv.txt
	@command -v $(PYTHON) >/dev/null || { echo 'error: $(PYTHON) is not on PATH: install Python 3.11 or newer' >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo 'error: $(PYTHON) is older than 3.11: install a newer one, or name it with make PYTHON=…' >&2; exit 1; }
	@$(PYTHON) -m pip --version >/dev/null 2>&1 || { echo 'error: $(PYTHON) has no pip: install python3-pip, or name another Python with make PYTHON=…' >&2; exit 1; }
	@echo 'setting up uv (usually 5 s) …' >&2
	@rm -rf .uv && $(PYTHON) -m pip install -qq --disable-pip-version-check --no-compile --target .uv --require-hashes --requirement requirements-uv.txt
	@touch $@

# Unlike pip, uv leaves modules uncompiled, and where PYTHONDONTWRITEBYTECODE is set every start of thumbctl would compile
# them again.
$(RUN): requirements.txt pyproject.toml | $(UV)
	@echo 'setting up $(VENV) (usually 5 s) …' >&2
	@$(UV) venv --quiet --clear --python $(PYTHON) $(VENV)
	@$(UV) pip sync --quiet --python $(VENV) --require-hashes requirements.txt
	@$(UV) pip install --quiet --python $(VENV) --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m compileall -qq -j 0 $(foreach package,botocore dateutil jmespath PIL rich typer urllib3,$(VENV)/lib/python*/site-packages/$(package))
	@$(BIN)/python -c 'import pathlib, site; pathlib.Path(site.getsitepackages()[0], "developers.pth").write_text("$(CURDIR)/functions\n$(CURDIR)/scripts\n")'
	@touch $@

$(DEV): requirements-dev.txt $(RUN)
	@echo 'setting up $(VENV) to work on it (usually 15 s) …' >&2
	@$(UV) pip install --quiet --python $(VENV) --require-hashes --requirement requirements-dev.txt
	@touch $@

# checkov pins an AWS SDK of its own, and moto's server brings a web framework, so each has an environment of its own.
$(CHECKOV)/.ready $(MOTO)/.ready: .venv-%/.ready: requirements-%.txt | $(UV)
	@echo 'setting up $(@D) (usually 5 s) …' >&2
	@$(UV) venv --quiet --clear --python $(PYTHON) $(@D)
	@$(UV) pip sync --quiet --python $(@D) --require-hashes $<
	@touch $@

# The archives that the local stack runs are built for the interpreter that runs it.
$(patsubst %,build/local/%.zip,$(FUNCTIONS)): $(RUN) $(BUNDLER) $(shell find functions -name '*.py')
	@$(BIN)/python -m devtools.bundle $(basename $(@F)) $@

build/local/layer.zip: $(RUN) $(BUNDLER) $(wildcard layers/imaging/*.txt)
	@$(BIN)/python -m devtools.bundle layer $@
