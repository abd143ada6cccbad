# Every target makes the environment it needs: a plain Python 3.11 or newer with pip is enough.
# `make` alone lists the targets. Running one twice is safe; what is up to date is not made again.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

PYTHON ?= $(firstword $(foreach name,python3.11 python3.12 python3.13 python3.14 python3,$(shell command -v $(name))))
VENV   ?= .venv
OLDEST ?= .venv-oldest
JOBS   ?= auto
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check --quiet
JUNIT  := build/junit
# A file stays on one process: what its tests share is made once, and there are hundreds of units to hand out, not 20,000.
PYTEST := -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder

# One thread per process: the tests run in parallel already, and bytes and answers must not depend on it.
export OMP_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ?= 1
# The tests start hundreds of processes: the sources are compiled once, whatever the shell says.
unexport PYTHONDONTWRITEBYTECODE

say = @sed -n 's/^$@:.*\#\# /==> $@: /p' $(firstword $(MAKEFILE_LIST))

.PHONY: help install demo test test-slow test-oldest test-programs test-web fuzz lint format docs bench bench-serving conversion vigilance matrix vectors vocabulary compat wheel clean

help: ## list the targets and what each does
	@sed -n 's/^\([a-z][a-z-]*\):.*## \(.*\)/\1|\2/p' $(firstword $(MAKEFILE_LIST)) | while IFS='|' read -r name text; do \
	  printf '  make %-12s %s\n' "$$name" "$$text"; done

# --- environments: a stamp is newer than pyproject.toml exactly when its environment is up to date ---

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "no Python found: install Python 3.11 or newer" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=...")'
	"$(PYTHON)" -m venv $(VENV)

$(VENV)/.installed: pyproject.toml | $(BIN)/python
	$(PIP) install --upgrade 'pip>=25.1'
	$(PIP) install --editable '.[all]'
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(PIP) install --group dev
	@touch $@

$(OLDEST)/.installed: pyproject.toml requirements-oldest.txt
	@test -x $(OLDEST)/bin/python || "$(PYTHON)" -m venv $(OLDEST)
	$(OLDEST)/bin/python -m pip --disable-pip-version-check --quiet install --upgrade 'pip>=25.1'
	$(OLDEST)/bin/python -m pip --disable-pip-version-check --quiet install --requirement requirements-oldest.txt \
	  --editable '.[sklearn,pandas]' --group test
	@touch $@

install: $(VENV)/.installed-dev ## make .venv with Amber, its extras and the developers' tools
	$(say)

# --- the main job ---

demo: $(VENV)/.installed ## train, save, verify, reload, predict, tamper: the guided tour on real data
	$(say)
	@$(BIN)/amber demo

# --- proof ---

test: $(VENV)/.installed-dev ## run the tests that are not marked slow: every area, about eight minutes on two cores
	$(say)
	@mkdir -p build
	@$(BIN)/python $(PYTEST) -m "not slow" --junitxml=$(JUNIT)-newest.xml

test-slow: $(VENV)/.installed-dev ## run the tests that are marked slow
	$(say)
	@mkdir -p build
	@$(BIN)/python $(PYTEST) -m slow --junitxml=$(JUNIT)-slow.xml

test-oldest: $(OLDEST)/.installed ## run the compat and contract tests on the oldest supported libraries
	$(say)
	@mkdir -p build
	@$(OLDEST)/bin/python $(PYTEST) tests/compat tests/contract --junitxml=$(JUNIT)-oldest.xml

# Nothing but amber[program]: on the newest libraries, and on the oldest that can run what is frozen.
.venv-program-newest/.installed .venv-program-oldest/.installed: pyproject.toml
	@test -x $(@D)/bin/python || "$(PYTHON)" -m venv $(@D)
	@$(@D)/bin/python -m pip --disable-pip-version-check --quiet install --upgrade 'pip>=25.1'
	@$(@D)/bin/python -m pip --disable-pip-version-check --quiet install --editable '.[program]' \
	  $(if $(findstring oldest,$@),'numpy==1.26.4' 'onnxruntime==1.21.0')
	@touch $@

test-programs: $(VENV)/.installed-dev .venv-program-newest/.installed .venv-program-oldest/.installed ## run frozen programs where only onnxruntime and NumPy are installed
	$(say)
	@rm -rf build/programs && $(BIN)/python -m tests.framework_free.make build/programs
	@.venv-program-newest/bin/python -m tests.framework_free.ask build/programs
	@.venv-program-oldest/bin/python -m tests.framework_free.ask build/programs

# The hidden lock that npm writes is newer than ours exactly when what is installed is what is locked.
tests/web/node_modules/.package-lock.json: tests/web/package.json tests/web/package-lock.json
	@command -v npm >/dev/null || { echo "no npm found: install Node 18 or newer, with npm" >&2; exit 1; }
	@npm ci --prefix tests/web --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

test-web: $(VENV)/.installed-dev tests/web/node_modules/.package-lock.json ## run frozen float32 programs in onnxruntime-web, as browsers do
	$(say)
	@rm -rf build/web && $(BIN)/python -m tests.web.make build/web
	@node tests/web/ask.mjs build/web

$(VENV)/.installed-fuzz: $(VENV)/.installed-dev
	$(PIP) install --group fuzz
	@touch $@

# Bounded by time for a person, by runs where the same inputs have to come again: make fuzz RUNS=3000.
SECONDS ?= $(if $(RUNS),0,60)
fuzz: $(VENV)/.installed-fuzz ## fuzz files and the methods of what they build: SECONDS=60, or RUNS=3000; SEED=1
	$(say)
	@PYTHONHASHSEED=0 $(BIN)/python -m fuzz --seconds $(SECONDS) $(if $(RUNS),--runs $(RUNS)) --seed $(or $(SEED),1) $(FUZZ)

lint: $(VENV)/.installed-dev ## check style, format, types and who imports whom
	$(say)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.installed-dev ## rewrite the sources in the house format
	$(say)
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

docs: $(VENV)/.installed-dev ## build the documentation into site/, every warning an error
	$(say)
	@$(BIN)/python scripts/write_reference.py
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "open site/index.html"

# MLflow wants older versions of what Amber needs: an environment of its own, with the libraries of the main one.
.venv-mlflow/.installed: $(VENV)/.installed-dev
	@test -x .venv-mlflow/bin/python || "$(PYTHON)" -m venv .venv-mlflow
	@$(BIN)/python -m pip freeze | grep -E '^(numpy|scipy|scikit-learn|pandas|skops|joblib)==' > .venv-mlflow/same.txt
	@.venv-mlflow/bin/python -m pip --disable-pip-version-check --quiet install mlflow-skinny pyarrow --requirement .venv-mlflow/same.txt
	@touch $@

bench: .venv-mlflow/.installed ## measure size, speed and every promise beside pickle, joblib, cloudpickle, skops and MLflow
	$(say)
	@$(BIN)/python -m benchmarks $(BENCH)
	@$(BIN)/python -m benchmarks.programs $(BENCH)
	@$(BIN)/python -m benchmarks.trust $(BENCH)

bench-serving: $(VENV)/.installed-dev ## measure the server beside FastAPI, MLflow, MLServer, KServe, BentoML, LitServe and Ray Serve
	$(say)
	@$(BIN)/python -m benchmarks.serving.install
	@$(BIN)/python -m benchmarks.serving $(BENCH)

conversion: $(VENV)/.installed-dev ## measure which classes have a program, beside skl2onnx; writes docs/conversion.md
	$(say)
	@$(BIN)/python -m proofs.conversion

vigilance: $(VENV)/.installed-dev $(OLDEST)/.installed ## replay under other BLAS kernels and threads, hit every parameter; writes docs/vigilance.md
	$(say)
	@$(BIN)/python -m proofs.vigilance --oldest $(OLDEST)/bin/python $(STAGES)

matrix: $(VENV)/.installed ## let each scikit-learn read what every other wrote (ONLY=name, ENVS=1.5,1.9: a part)
	$(say)
	@$(BIN)/python -m tools.matrix --only "$(ONLY)" --envs "$(ENVS)"

# --- generated files that live in the repository ---

vectors: $(VENV)/.installed-dev ## write spec/vectors again from tools/make_vectors.py
	$(say)
	@$(BIN)/python tools/make_vectors.py

vocabulary: $(VENV)/.installed-dev ## write the vocabulary again from tools/make_vocabulary.py
	$(say)
	@$(BIN)/python tools/make_vocabulary.py

compat: $(VENV)/.installed-dev $(OLDEST)/.installed ## write the artifacts of this format version under tests/compat
	$(say)
	@$(BIN)/python tools/make_compat.py
	@$(OLDEST)/bin/python tools/make_compat.py

wheel: $(VENV)/.installed-dev ## build the wheel into dist/
	$(say)
	@$(PIP) wheel . --no-deps --wheel-dir dist

clean: ## remove what builds and tests left behind (not the environments)
	$(say)
	@rm -rf build dist site .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
