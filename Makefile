# openclaw: from a fresh clone, `make run`. Everything that make installs stays in .venv and .venv-lint.

PYTHON ?= python3
PIP_INSTALL = -m pip install --quiet --disable-pip-version-check
LINTERS = ruff==0.17.6 mypy==2.4.1 types-requests==2.33.0.20261030 pytest==9.2.0

.PHONY: help venv run test faults lint audit bench image install-service uninstall-service
.DEFAULT_GOAL := help

help: ## say what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

venv: .venv/made ## the virtual environment .venv, with openclaw installed from this checkout

.venv/made: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "openclaw needs Python 3.11 or newer: make PYTHON=python3.11 …")'
	$(PYTHON) -m venv .venv
	.venv/bin/python $(PIP_INSTALL) --editable '.[test]'
	@touch $@

run: venv ## the service in the foreground; the agent's image first where a Docker engine answers
	@container/build.sh --for-run
	@exec .venv/bin/openclaw serve

test: venv ## all tests; those for Docker run where an engine answers; ARGS="tests/spool" for a part
	.venv/bin/python -m pytest $(ARGS)

faults: venv ## every fault and attack in full: kills at each call, power cuts, fuzzed input; some 40 minutes
	OPENCLAW_FAULTS=long OPENCLAW_CUTS=all .venv/bin/python -m pytest tests/faults tests/docker/test_subagent_faults.py

lint: .venv-lint/made ## ruff and mypy, in an environment of their own
	.venv-lint/bin/ruff check .
	.venv-lint/bin/mypy

.venv-lint/made: Makefile
	$(PYTHON) -m venv .venv-lint
	.venv-lint/bin/python $(PIP_INSTALL) $(LINTERS)
	@touch $@

audit: ## the project's own performance audit; fails while something critical is left
	$(PYTHON) -m openclaw.audit --lang en openclaw container

bench: venv ## what it costs on this machine, beside its targets: some minutes; ARGS="--quick reply" for a part
	@container/build.sh --for-run
	@.venv/bin/openclaw bench $(ARGS)

image: ## the agent's image
	container/build.sh

install-service: venv ## the service under systemctl --user, now and at each login
	@container/build.sh --for-run
	@systemd/service.sh install

uninstall-service: ## stop it and remove the unit; files and settings stay
	@systemd/service.sh uninstall
