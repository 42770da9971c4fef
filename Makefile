# Every target sets up what it needs first; on a machine that has it, that costs a fraction of a second.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.NOTPARALLEL:

collection := collections/ansible_collections/goldsmith/images
spec ?= examples/base.yml
args ?=
export PATH := $(CURDIR)/.venv/bin:$(PATH)

.PHONY: help setup python build check test exhaustive judge lint style types ansible-lint sanity unit bench clean

help: ## show this list
	@sed -n 's/^\([a-z-]*\):[^#]*## /\1\t/p' Makefile | while IFS=$$'\t' read -r name text; do printf '  make %-13s %s\n' "$$name" "$$text"; done

setup: ## make this machine ready: .venv, Debian packages, a Docker engine
	@scripts/setup.sh

python:
	@scripts/setup.sh python

build: setup ## build the Docker images of examples/base.yml, or of another one: make build spec=web.yml
	@goldsmith build $(spec) --target docker --jobs 2

check: python style types unit ## quick: lint, types and unit tests; needs no Docker engine

test: setup lint sanity ## what CI runs: lint, sanity and the tests, against a real Docker engine
	@# A file's tests stay on one worker, and the long ones (e2e, modules) come first, so that the workers end together.
	@# Three workers for two cores: each waits half of its time, for packages, machines and SSH.
	pytest -n 3 --dist loadscope --no-loadscope-reorder --require-docker -m 'not exhaustive'

exhaustive: setup ## what `make test` leaves out: every call that may fail, every release, every level
	pytest -n 3 --dist loadscope --no-loadscope-reorder --require-docker -m exhaustive

judge: setup ## let OpenSCAP and lynis judge a container before and after os_hardening: make judge args='-e os_hardening_level=2'
	@scripts/judge.py $(args)

bench: setup ## measure: Goldsmith beside plain Ansible, Packer and a shell script: make bench args='docker --rounds 9 --write'
	@benchmarks/bench.py $(args)

lint: style types ansible-lint ## ruff, shellcheck, mypy and ansible-lint

style: python
	ruff check
	ruff format --check
	@if command -v shellcheck >/dev/null; then echo "shellcheck"; shellcheck scripts/*.sh .ci/run; fi

types: python
	mypy runner/goldsmith $(collection)/plugins

ansible-lint: python ## Ansible content, profile production
	ansible-lint

sanity: python ## ansible-test sanity on the collection
	scripts/sanity.sh

unit: python
	pytest -n 2 -m 'not docker and not network and not slow and not exhaustive'

clean: ## remove what was made here: .venv, caches, build/ (the Docker engine and its images stay)
	rm -rf .venv build dist .ansible .mypy_cache .ruff_cache .pytest_cache .hypothesis $(collection)/tests/output
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
