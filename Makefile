# The README's commands; .ci/run runs them too.
.PHONY: setup test check demo bench
PYTHON ?= python3

setup:
	$(PYTHON) -m venv .venv && .venv/bin/python -m pip install --quiet --editable '.[test,check]'

demo:
	$(PYTHON) -m venv .venv && .venv/bin/python -m pip install --quiet . && .venv/bin/procore-login signup --env demo && .venv/bin/procore-login whoami --env demo

test:
	$(PYTHON) -m venv .venv && .venv/bin/python -m pip install --quiet --editable '.[test]' && .venv/bin/python -m pytest

check: setup
	.venv/bin/ruff check . && .venv/bin/ruff format --check . && .venv/bin/mypy

# Six minutes on a quiet machine; prints the tables of docs/performance.md.
bench:
	$(PYTHON) -m benchmarks.report
