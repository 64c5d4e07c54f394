# Two commands do all: `make up` and `make test`. Each sets up what it needs.
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin

.PHONY: up test test-pythons pictures bench profile nightly chaos corpus test-compose test-helm test-prometheus manifests dist test-packages lock audit check setup setup-test env clean help
.DEFAULT_GOAL := help

help:
	@echo "make up LOGS='/path/*.log'   tail, index and show logs (without LOGS: a live demonstration)"
	@echo "make test                    install what the tests need, and run everything"
	@echo "make test-pythons            run the unit tests on each Python from 3.11 on that is there (PYTHONS='/path/to/python ...': on these)"
	@echo "make check                   style and types only"
	@echo "make pictures                take the pictures of the page in docs/images"
	@echo "make nightly                 the tests, the slow ones, too, with ten times as many random examples"
	@echo "make bench                   measure, beside rsyslog and syslog-ng, and renew docs/performance.md: ten minutes (BENCH=full: hours)"
	@echo "make profile                 draw a flame graph for each road, into build/profile/"
	@echo "make chaos                   forty minutes of killing parts of the pipeline, and a count of the lines"
	@echo "make test-compose            both compose files on a Docker engine that it starts (Debian, as root; ten minutes)"
	@echo "make test-helm               the chart with Helm, which it builds (Go; two minutes the first time)"
	@echo "make test-prometheus         the rules for Prometheus with promtool, which it builds (Go; two minutes the first time)"
	@echo "make manifests               make deploy/kubernetes and the table of the chart's values of the chart again (Helm)"
	@echo "make dist                    wheel, sdist, the agent as one file, .deb and .rpm, into dist/ (DIST_OPTIONS='--machine aarch64')"
	@echo "make test-packages           make all that, and install, upgrade and remove it in clean roots (Debian, as root; ten minutes)"
	@echo "make lock                    renew the versions and hashes that the image and make up install"
	@echo "make audit                   ask whether faults are known of these versions (pip-audit)"
	@echo "make corpus                  log with many versions of Spring Boot again, for tests/corpus (Java 17, Maven)"
	@echo "make env                     write .env with passwords for docker-compose.yml"

# The environment: by uv if it is there, else by the standard library's venv.
.venv/.ready: pyproject.toml sawlog/__init__.py deploy/build.lock deploy/requirements.lock
	@deploy/environment "$(PYTHON)"
	@touch $@

.venv/.ready-test: .venv/.ready
	@deploy/environment "$(PYTHON)" --group test --group dev
	@deploy/environment "$(PYTHON)" --group deploy || echo "Ansible and linters are missing: tests that need them are skipped"
	@touch $@

# What checks the page's modules: types and style. Their unit tests need only Node, which Playwright brings along.
FRONT := tests/dashboards/front
$(FRONT)/node_modules/.package-lock.json: $(FRONT)/package-lock.json
	@cd $(FRONT) && { npm ci --silent || npm ci --silent; } || echo "npm does not bring what checks the page's modules: they are not checked"

setup: .venv/.ready
setup-test: .venv/.ready-test $(FRONT)/node_modules/.package-lock.json

# As it was written: neither make nor the shell looks for `$`, quotes or spaces in it.
GIVEN_LOGS := $(value LOGS)
export GIVEN_LOGS
up: .venv/.ready
	@deploy/demonstrate $(UP_OPTIONS)

env:
	@deploy/make-env

check: setup-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	@[ ! -d $(FRONT)/node_modules ] || { cd $(FRONT) && npm run --silent check; }

# The pictures of the page in docs/images: 400, 1,400 and 2,560 pixels wide, light and dark.
pictures: .venv/.ready-test
	$(BIN)/python -m tests.dashboards.pictures docs/images

test: setup-test
	@deploy/test-services
	@$(MAKE) --no-print-directory $(FRONT)/node_modules/.package-lock.json
	@$(MAKE) --no-print-directory check
	$(BIN)/pytest $(PYTEST_OPTIONS)
	@deploy/test-pythons /usr/bin/python3

# The unit tests on each Python from 3.11 on that is there, or that uv brings.
test-pythons: .venv/.ready-test
	@deploy/test-pythons $(PYTHONS)

# All tests, the slow ones, too; the property tests with ten times as many examples, other ones each time; the compose files.
nightly: .venv/.ready-test
	@deploy/test-services
	SAWLOG_NIGHTLY=1 $(BIN)/pytest -m 'not docker and not helm and not packages' $(PYTEST_OPTIONS)
	@$(MAKE) --no-print-directory test-compose test-helm test-packages

test-compose: .venv/.ready-test
	@deploy/test-services docker
	$(BIN)/pytest -m docker tests/docker $(PYTEST_OPTIONS)

# Helm comes as a Go module, so that a Go that is there is all it takes.
HELM := helm.sh/helm/v3/cmd/helm@v3.19.2
.cache/bin/helm:
	@deploy/test-services helm
	GOBIN="$(CURDIR)/.cache/bin" CGO_ENABLED=0 PATH="$$PATH:/usr/local/go/bin" go install $(HELM)

test-helm: .venv/.ready-test .cache/bin/helm
	$(BIN)/pytest -m helm tests/deploy $(PYTEST_OPTIONS)

# So does Prometheus' own checker; its module replaces others, which `go install` does not take.
PROMTOOL := github.com/prometheus/prometheus/cmd/promtool
.cache/bin/promtool:
	@deploy/test-services helm
	@mkdir -p .cache/bin .cache/promtool
	export PATH="$$PATH:/usr/local/go/bin" CGO_ENABLED=0; cd .cache/promtool && rm -f go.mod go.sum && go mod init promtool && \
		go get $(PROMTOOL)@v0.55.1 && go build -o ../bin/promtool $(PROMTOOL)

test-prometheus: .venv/.ready-test .cache/bin/promtool
	$(BIN)/pytest tests/deploy/test_monitoring.py $(PYTEST_OPTIONS)

manifests: .venv/.ready-test .cache/bin/helm
	$(BIN)/python -m tests.deploy.chart

# What other machines install from: docs/how-to/install.md. HOMEPAGE and MAINTAINER are what the packages say of these.
HOMEPAGE ?=
MAINTAINER ?=
export HOMEPAGE MAINTAINER
.venv/.ready-dist: .venv/.ready
	@deploy/environment "$(PYTHON)" --group dist
	@touch $@

dist: .venv/.ready-dist
	$(BIN)/python -m deploy.packages $(DIST_OPTIONS)

test-packages: .venv/.ready-test .venv/.ready-dist
	@deploy/test-services packages
	$(BIN)/pytest -m packages tests/packages $(PYTEST_OPTIONS)

.venv/.ready-lock: .venv/.ready
	@deploy/environment "$(PYTHON)" --group lock
	@touch $@

lock: .venv/.ready-lock
	@PATH="$(CURDIR)/$(BIN):$$PATH" deploy/lock $(LOCK_OPTIONS)

# It asks pypi.org itself of each package, and fails where it cannot: an index of one's own has no list of faults.
audit: .venv/.ready-lock
	$(BIN)/pip-audit --strict --disable-pip --require-hashes -r deploy/build.lock -r deploy/requirements.lock

# What sawlog costs, stage by stage and road by road, beside other tools on the same lines, as one table with pictures.
bench: .venv/.ready-test
	$(BIN)/python -m bench --write docs/performance.md $(if $(filter full,$(BENCH)),--lines 10000000) $(BENCH_OPTIONS)
	$(BIN)/python -m bench.size

.venv/.ready-bench: .venv/.ready-test
	@deploy/environment "$(PYTHON)" --group bench
	@touch $@

# Where the time of each road goes, as pictures.
profile: .venv/.ready-bench
	$(BIN)/python -m bench.flames $(PROFILE_OPTIONS)

# Ten minutes of faults for each way from a file to a store, and a count of what is there at the end.
chaos: .venv/.ready-test
	@deploy/test-services
	$(BIN)/python -m tests.chaos $(CHAOS_OPTIONS)

# What real Spring Boot applications write, and the truth of each event: tests/corpus/README.md.
corpus: .venv/.ready-test
	$(BIN)/python -m tests.corpus.record $(CORPUS_OPTIONS)

clean:
	rm -rf .venv .venv-pythons .cache build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
