# Two commands are enough: `make run` and `make test`. Everything else is a part of them.
PYTHON ?= python3
VENV := .venv/bin
# Test processes, each with servers of its own: more than cores, because much of a run is waiting for servers.
WORKERS ?= 3

.PHONY: run test check format lock chaos bench messages clean help

run:  ## start everything here and run a first job of each family
	@$(PYTHON) scripts/bootstrap.py embedded
	@exec $(VENV)/python manage.py up --demo

test:  ## lint, types and every test, on real servers of their own
	@$(PYTHON) scripts/bootstrap.py dev
	@$(MAKE) --no-print-directory check
	@$(VENV)/python -m pytest -q -n $(WORKERS) --dist loadfile --no-loadscope-reorder

check:  ## lint, types, Django's checks and the architecture; needs no server
	@$(PYTHON) scripts/bootstrap.py dev
	@$(VENV)/ruff check .
	@$(VENV)/ruff format --check --quiet .
	@$(VENV)/mypy
	@$(VENV)/djlint templates --check --lint
	@$(VENV)/python manage.py check --fail-level WARNING
	@$(VENV)/python -W ignore manage.py makemigrations --check --dry-run
	@TEST_SERVERS=none $(VENV)/python -m pytest -q tests/architecture

format:  ## put the code in order
	@$(VENV)/ruff check --fix --quiet . ; $(VENV)/ruff format . && $(VENV)/djlint templates --reformat --quiet

lock:  ## resolve requirements/*.in anew
	@for level in base embedded dev; do \
		$(VENV)/uv pip compile --universal --python-version 3.11 --generate-hashes --upgrade --quiet \
			--no-header --no-annotate requirements/$$level.in -o requirements/$$level.txt || exit 1; done

chaos:  ## 5,000 jobs under two minutes of random faults; SEED=n repeats a run
	@$(PYTHON) scripts/bootstrap.py dev
	@$(VENV)/python -m tests.chaos $(if $(SEED),--seed $(SEED))

bench:  ## every benchmark; figures in benchmarks/results
	@$(PYTHON) scripts/bootstrap.py dev
	@for file in $$(grep -l __main__ benchmarks/*.py); do $(VENV)/python $$file || exit 1; done

messages:  ## collect texts for translation and compile them
	@$(VENV)/python manage.py makemessages -l zh_Hans --ignore .venv --ignore var && $(VENV)/python manage.py compilemessages --ignore .venv

clean:  ## forget the embedded servers' data and everything generated
	@rm -rf var .mypy_cache .ruff_cache .pytest_cache

help:  ## this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 18
