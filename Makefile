# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Every command of this repository. Environments and parts are kept in the cache folder, keyed by what they are made of;
# nothing is written into the checkout. PYTHON=3.12 chooses another interpreter than the newest.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/supplychain-cosign
BUILD ?= $(CACHE)/build/$(subst /,-,$(patsubst /%,%,$(CURDIR)))
override BUILD := $(abspath $(BUILD))

# $(call environment,NAME) makes the environment of tests/requirements/NAME.txt when needed and puts it first on PATH.
environment = environment="$$(python3 .ci/environment.py $(if $(PYTHON),--python $(PYTHON)) tests/requirements/$(1).txt)"; \
	export PATH="$$environment/bin:$$PATH";

.PHONY: help demo test lint interop bench docs tables build stage

help: ## This list
	@sed -nE 's/^([a-z]+):.*## (.*)/make \1|\2/p' Makefile | column -t -s '|'

demo: ## Push, sign and verify an image on a registry that this starts and ends
	@$(call environment,run) .ci/stage -- python tests/support/demo.py

test: ## Every test that needs nothing but Python packages (T="-k name" narrows it)
	@$(call environment,test) .ci/stage -- python -m pytest --numprocesses auto --dist loadfile $(T)

lint: ## ruff, mypy, yamllint, ansible-lint, documentation, changelog, licences, sanity on every supported core
	@$(call environment,lint) .ci/lint "$(BUILD)"

interop: ## The real parts: cosign 2 and 3, registries, Sigstore's services, other verifiers, sshd (T="-k name" narrows it)
	@$(call environment,test) python -m tests.support.parts; .ci/stage -- python -m pytest tests/interop $(T)

bench: ## The numbers, as ratios against real cosign
	@$(call environment,test) python -m tests.support.parts; .ci/stage -- python tests/bench/run.py

docs: ## The documentation as HTML, in $(BUILD)/docs
	@$(call environment,docs) .ci/stage -- .ci/docs "$(BUILD)/docs"

tables: ## docs/attacks.md and docs/differences.md anew, from the tests
	@$(call environment,test) for page in tests.support.attacks:attacks tests.interop.differences:differences; do \
		.ci/stage -- python -m "$${page%:*}" > "docs/$${page#*:}.md.new" && mv "docs/$${page#*:}.md.new" "docs/$${page#*:}.md"; done

build: ## The collection's archive for Galaxy, in $(BUILD)
	@mkdir -p "$(BUILD)"; $(call environment,run) .ci/stage -- ansible-galaxy collection build --force --output-path "$(BUILD)"

stage: ## A copy of the collection where Ansible finds it: ANSIBLE_COLLECTIONS_PATH=$(BUILD)
	@.ci/stage "$(BUILD)"; echo "$(BUILD)/ansible_collections/supplychain/cosign"
