# The same few targets at the desk and in CI. `make demo` and `make test` do their own set-up.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: help setup messages lint unit test test-vm test-upgrade demo test-roles bench judge judge-vm clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

setup: $(STAMP) ## Install system packages that are missing (as root) and the Python environment

$(STAMP): pyproject.toml hatch_build.py tests/system-packages.txt
	sh tests/install-system-packages
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@

messages: $(STAMP) ## Compile the translations
	$(BIN)/python hatch_build.py

lint: $(STAMP) ## Format check, lint, types, YAML, roles
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/yamllint -s .
	$(BIN)/ansible-lint --offline --strict

unit: messages ## Tests that need no container
	$(BIN)/pytest -m 'not lab and not browser and not package and not vm'

test: lint messages ## Everything that needs no virtual machine (as root); .ci/run adds test-vm
	tests/run

test-vm: messages ## Machines that really boot: disks, kernel, TPM (as root)
	tests/vm/run

test-upgrade: messages ## A laptop from Debian 12 to 13 by dist-upgrade (as root): over ten minutes, so not part of `make test`
	$(BIN)/pytest -m upgrade tests/e2e/test_upgrade.py

demo: messages ## The main job on a lab of containers (KEEP=1 leaves it running)
	inventories/demo/run

test-roles: messages ## One role in its Molecule scenario: make test-roles ROLE=firewall
	cd roles/$(ROLE) && ../../$(BIN)/molecule test

bench: messages ## Speed, as ratios against named peers
	$(BIN)/python -m tests.bench

judge: messages ## OpenSCAP, Lynis, ssh-audit on a lab laptop before and after; writes docs/juges.md
	$(BIN)/python -m tests.judge

judge-vm: messages ## Lynis on a laptop that boots its own kernel (as root, an hour); writes docs/juges.md
	$(BIN)/python -m tests.judge.virtual

clean: ## Remove what the targets made here
	rm -rf $(VENV) dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis
