# Everything a person or a CI machine needs. `make help` lists it.
PY := .venv/bin/python
.DEFAULT_GOAL := help
.PHONY: help setup test check demo play bench mutate clean

help:  ## what there is to make
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

setup:  ## install everything into .venv and node_modules; does nothing when nothing changed
	@python3 scripts/setup.py

test: setup  ## all tests: core, adapters, host, stories, laws
	@$(PY) -m pytest -n 2

check: setup  ## style, types of the core, import contracts
	@$(PY) -m ruff check .
	@$(PY) -m mypy
	@.venv/bin/lint-imports

demo: setup  ## play all stories against the small Azure, show what happened, end
	@$(PY) -m simulator demo

play: setup  ## start everything and stay up, with commands to try by hand
	@$(PY) -m simulator play

bench: setup  ## calls per job beside the minimum, names under the enforced budgets, regions, decisions
	@$(PY) -m tests.bench
	@$(PY) -m tests.bench_names
	@$(PY) -m tests.bench_cosmos
	@$(PY) -m tests.bench_decisions

MUTATE := .run/mutate
mutate: setup  ## change the decisions on purpose, one place at a time: a test has to notice (docs/mutation.md)
	@test -x $(MUTATE)/venv/bin/mutmut || { $(PY) -m venv $(MUTATE)/venv && \
		$(MUTATE)/venv/bin/pip install -q -r requirements-dev.txt mutmut==3.8.1; }
	@rm -rf $(MUTATE)/tree && mkdir $(MUTATE)/tree
	@cp -R shared simulator functions policy tests function_app.py pyproject.toml $(MUTATE)/tree
	@cd $(MUTATE)/tree && LINKKEEPER_EXAMPLES=0.1 ../venv/bin/mutmut run --max-children 2 >../progress.log 2>&1
	@cd $(MUTATE)/tree && tr '\r' '\n' <../progress.log | grep '/' | grep -v second | tail -1 && ../venv/bin/mutmut results

clean:  ## remove what setup and tests made
	rm -rf .venv node_modules .run .pytest_cache .hypothesis .ruff_cache .mypy_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
