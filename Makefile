# The two commands are `make demo` and `make test`; each does its set-up by itself. Variables:
#   TASK=depth                   what the demo trains: segmentation, depth or detection
#   OPS=1                        compile mmcv's operators, which mmdet needs (8 minutes on 2 cores);
#                                automatic where the target needs them
#   QUICK=1                      of the claims, those that take less than 20 minutes on two cores
#   PYTHON=/path/to/python3.11   the interpreter to make the environments with
#   TORCH='torch==...'           another build of torch, e.g. for your CUDA; remembered
#   MAX_JOBS=4                   compiler processes that build mmcv
#   ARGS='-k captions'           more arguments for pytest, e.g. ARGS='-n 0' for a single process
TASK ?= segmentation
TASKS := segmentation depth detection
VENV := .venv
VENV_UPSTREAM := .venv-upstream
# A process per core, each of up to 2 GiB. One that runs out of tests takes over half of another's.
PYTEST_OPTIONS := --numprocesses=logical --maxprocesses=8 --dist=worksteal --durations=25

# The targets that use mmdet, whose models need mmcv's operators; the quick claims do not.
NEED_OPS := $(filter test,$(MAKECMDGOALS)) \
    $(if $(filter demo,$(MAKECMDGOALS)),$(filter detection,$(TASK))) \
    $(if $(filter-out 0,$(QUICK)),,$(filter claims,$(MAKECMDGOALS)))
OPS ?= $(if $(strip $(NEED_OPS)),1)

# What runs the set-up program may be any Python 3; it looks for the one that mmtadp needs.
ANY_PYTHON := $(firstword $(foreach name,python3 python3.11 python3.12 python,$(shell command -v $(name) 2>/dev/null)) $(PYTHON))

.DEFAULT_GOAL := help
.PHONY: help demo claims test test-upstream lint setup environment environment-upstream clean

help:
	@echo 'make demo           train, test and draw TADP on generated scenes: TASK=segmentation, the default,'
	@echo '                    depth or detection'
	@echo "make claims         test the paper's claims in miniature, write projects/claims/results.md; QUICK=1: a few"
	@echo 'make test           run the tests with the onedl set of mm packages, in $(VENV)'
	@echo "make test-upstream  run them with OpenMMLab's own, in $(VENV_UPSTREAM)"
	@echo 'make lint           check style'
	@echo 'make setup          only make $(VENV), with mmtadp as an editable install, for segmentation and'
	@echo "                    depth; OPS=1: for detection, too, which compiles mmcv's operators"
	@echo 'make clean          remove the environments and all builds; data/ and work_dirs/ stay'

# Said before the set-up, not after it.
ifneq ($(filter demo,$(MAKECMDGOALS)),)
ifeq ($(filter $(TASK),$(TASKS)),)
$(error TASK is '$(TASK)'; choose from: $(TASKS))
endif
endif

demo: environment
	$(VENV)/bin/python projects/shapescenes/tools/demo.py --task $(TASK)

claims: environment
	$(VENV)/bin/python projects/claims/tools/claims.py$(if $(filter-out 0,$(QUICK)), --quick)

test: environment
	$(VENV)/bin/pytest $(PYTEST_OPTIONS) $(ARGS)

test-upstream: environment-upstream
	$(VENV_UPSTREAM)/bin/pytest $(PYTEST_OPTIONS) $(ARGS)

lint: environment
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

setup: environment
	@echo 'Next: `source $(VENV)/bin/activate`, then `make demo`, or `python tools/train.py CONFIG` with'
	@echo 'a config of configs/tadp or of your own (docs/custom_dataset.md).'

environment environment-upstream:
	@test -n '$(ANY_PYTHON)' || { echo 'No Python found: install Python 3.11 or 3.12.'; exit 1; }
	@$(ANY_PYTHON) .ci/setup_env $(if $(filter environment,$@),onedl $(VENV)$(if \
	    $(filter-out 0,$(OPS)), --operators),openmmlab $(VENV_UPSTREAM))

clean:
	rm -rf $(VENV) $(VENV_UPSTREAM) build dist *.egg-info mmtadp/.mim .pytest_cache .ruff_cache
	find .ci configs mmtadp tests tools -name __pycache__ -type d -prune -exec rm -rf {} +
