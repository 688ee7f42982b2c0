# Two commands are all a new machine needs: `make demo` and `make test`.
VENV := .venv
PY := $(VENV)/bin/python
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

.PHONY: setup demo test check lab bench dashboards clean
setup: ## environment and servers, each only where missing
	@scripts/bootstrap.sh

demo: setup ## the whole monthly review on a private Prometheus with labelled data
	@promreview demo

test: setup ## every test, those against real servers included
	@scripts/bootstrap.sh test
	@$(PY) -m pytest -q -n 2

check: setup ## what CI runs: lint, types, layers, tests
	@scripts/bootstrap.sh test
	ruff check . && ruff format --check . && mypy && lint-imports
	@$(PY) -m pytest -q -n 2 --cov --cov-report=term:skip-covered --cov-fail-under=90

lab: setup ## JupyterLab on the start notebook
	@jupyter lab $(if $(filter 0,$(shell id -u)),--allow-root) --notebook-dir=. notebooks/start.ipynb

bench: setup ## the measurements of docs/performance.md
	@scripts/bootstrap.sh test
	@for file in benchmarks/*.py; do echo "== $$file"; $(PY) $$file || exit 1; done
	@echo "== a hundred killed writers of the archive"; PROMREVIEW_KILLS=100 $(PY) -m pytest -q tests/prometheus/test_archive.py -k killed

dashboards: setup ## the JSON of monitoring/grafana/dashboards from its builder
	@$(PY) -m monitoring.grafana.builder

clean: ## leave the tree as cloned
	git clean -fdXq
