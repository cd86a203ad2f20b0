# Callmine. `make help` lists what there is. A machine with Python 3.11 (or later) and make is enough; the first target sets up the rest.

PYTHONS := $(or $(PYTHON),python3.11 python3.12 python3.13 python3)
VENV := .venv/bin
WITH_TOOLS := PATH="$(CURDIR)/$(VENV):$$PATH"
export PYTHONPATH :=
# Nothing here uses gRPC in a forked child; its handlers would stop and start its threads at each fork.
export GRPC_ENABLE_FORK_SUPPORT := 0
LINTED := libs services deploy tests
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.SUFFIXES:
.PHONY: help setup run demo test check lint format types imports proto proto-check proto-release golden openapi asyncapi facts twins generated lock lock-check sizes terraform bench prove restore-drill trust top parked consume image redeploy changed compose-demo sbom licences pip-audit clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  \033[1m%-14s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# Rebuilt only when a lock or the installer changes.
.venv/.ready: requirements-setup.lock requirements-dev.lock deploy/house/install.py
	@export PATH; for python in $(PYTHONS); do \
		if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then exec "$$python" deploy/house/install.py; fi; \
	done; echo "no Python 3.11 or later among: $(PYTHONS). Install one, or name it: make setup PYTHON=/path/to/python3.11"; exit 1

setup: .venv/.ready ## build .venv from the lock files (the other targets do it when needed)

run: setup ## start everything, run the main job for the demo workspaces, stay up until Ctrl-C
	@exec $(VENV)/python -m local run $(ARGS)

demo: setup ## the same on free ports; exits when the job is done, writes build/demo.json
	@exec $(VENV)/python -m local demo $(ARGS)

test: setup ## all tests, shared by three processes (WORKERS=n); PYTEST_ARGS="-k name" narrows; BACKEND=containers: in Docker
	@CALLMINE_TEST_BACKEND=$(BACKEND) $(VENV)/python -m pytest -n $(or $(WORKERS),$(if $(PYTEST_ARGS),0,3)) --dist load $(PYTEST_ARGS)

check: setup lint types imports proto-check generated lock-check sizes terraform ## lint, types, import rules, contracts, locks, sizes, Terraform
	@echo "check: all clear"

lint: setup ## ruff: lint rules and formatting
	@$(VENV)/ruff check --quiet $(LINTED)
	@$(VENV)/ruff format --check --quiet $(LINTED) || { echo "formatting differs: run 'make format'"; exit 1; }

format: setup ## ruff: format and repair what it can
	@$(VENV)/ruff check --fix-only --quiet $(LINTED)
	@$(VENV)/ruff format --quiet $(LINTED)

types: setup ## mypy, strict, on source and tests
	@$(VENV)/python -m mypy --no-error-summary $(LINTED)

imports: setup ## import rules (.importlinter)
	@$(VENV)/python -m house.imports

proto: setup ## generate the Python code of the message contracts
	@$(WITH_TOOLS) $(VENV)/python libs/contracts/generate.py

proto-check: setup ## buf: lint, build, and no breaking change against the released contracts
	@$(VENV)/buf lint proto
	@$(VENV)/buf build proto -o /dev/null
	@$(VENV)/buf breaking proto --against proto/released.binpb || { echo "a released contract changed: add a new message, or a new major version beside it"; exit 1; }

proto-release: setup proto-check ## take today's contracts as released: from then on they only grow
	@$(VENV)/buf build proto --as-file-descriptor-set --exclude-source-info -o proto/released.binpb

openapi: setup ## write the description of the API (docs/openapi.json) from the routes
	@$(VENV)/python -m house.openapi

asyncapi: setup ## write the description of the events (docs/asyncapi.json, the table in docs/events.md) from the contracts
	@$(VENV)/python -m house.asyncapi

twins: setup ## write the twins in JSON of files in YAML that services read (deploy/topology.json, the register of sub-processors)
	@$(VENV)/python -m house.twins

facts: setup ## write what Terraform reads of the code (deploy/terraform/facts.json)
	@$(VENV)/python -m house.facts

golden: setup ## write the golden bytes of messages that have none yet
	@$(VENV)/python -m contract.messages.golden

generated: setup ## what is generated and committed is what proto/, routes, registry and topology give
	@$(WITH_TOOLS) $(VENV)/python libs/contracts/generate.py --check
	@$(VENV)/python -m house.openapi --check
	@$(VENV)/python -m house.asyncapi --check
	@$(VENV)/python -m house.facts --check
	@$(VENV)/python -m house.twins --check

lock: setup ## rewrite all lock files; UPGRADE=1 takes the newest versions
	@$(VENV)/python -m house.locks $(if $(UPGRADE),--upgrade)

lock-check: setup
	@$(VENV)/python -m house.locks --check

sizes: setup
	@$(VENV)/python -m house.sizes

terraform: ## formatting of deploy/terraform, where terraform is installed
	@if command -v terraform >/dev/null; then terraform fmt -check -recursive deploy/terraform >/dev/null 2>&1 || { echo "deploy/terraform: run 'terraform fmt -recursive deploy/terraform'"; exit 1; }; \
	else echo "terraform: not installed, its formatting is not checked"; fi

image: setup ## build the image of a service with Docker: make image S=ingest
	@$(VENV)/python -m house.image build $(S)

redeploy: setup ## roll one service of a running 'make run' to the code as it is now, without a pause: make redeploy S=audit (REF=v1.2.0: to that)
	@$(VENV)/python -m local redeploy $(S) $(if $(REF),--ref $(REF))

changed: setup ## name the services whose image differs from the one that a commit gives: make changed REF=main
	@$(VENV)/python -m house.image changed $(or $(REF),HEAD)

compose-demo: setup ## with Docker: the five images beside PostgreSQL and Google's emulator; does the main job, stays up until Ctrl-C
	@BASE=$$($(VENV)/python -m house.image base python) && POSTGRES_IMAGE=$$($(VENV)/python -m house.image base postgres) && EMULATORS_IMAGE=$$($(VENV)/python -m house.image base emulators) \
	&& export BASE POSTGRES_IMAGE EMULATORS_IMAGE && exec docker compose up --build

bench: setup ## measure beside the alternatives; B=name for one; writes build/bench.json
	@$(VENV)/python -m bench $(B)

prove: setup ## seeded proofs; P=name for one, FULL=1 for the large counts; writes build/proofs/
	@$(VENV)/python -m chaos $(P)

restore-drill: setup ## erase a workspace, restore a backup from before, replay the ledger, and search for what came back
	@$(VENV)/python -m chaos.erasure

trust: setup ## prove the trust page's sentences against a running system; P=P3 for one, FULL=1; writes build/trust.json, build/trust/
	@$(VENV)/python -m promises $(P)

top: setup ## a live table of the services of a running 'make run'; ARGS=--once prints it once
	@exec $(VENV)/python -m local top $(ARGS)

parked: setup ## list the messages that the services set aside, with the reasons
	@$(VENV)/python -m local parked $(ARGS)

consume: setup ## show what comes on a topic of a running 'make run', decoded: make consume T=reports
	@exec $(VENV)/python -m local consume $(T)

sbom: setup ## write a bill of materials for each image (build/sbom, CycloneDX)
	@$(VENV)/python -m house.supply sbom

licences: setup ## list the licences of what is in the images (build/licences.md); fails for one that nobody has looked at
	@$(VENV)/python -m house.supply licences

pip-audit: setup ## ask for known weaknesses of what is in the images; says so where nobody can be asked
	@$(VENV)/python -m house.supply audit

clean: ## remove what can be made again; data of 'make run' stays
	@rm -rf build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .grimp_cache
