# Each target prepares what it needs by itself, in .venv; nothing is installed beside it, except that `make test`,
# run as root on Debian or Ubuntu, installs the servers that the system tests start (.ci/packages).
#
#   make run      the demonstration: stand-in servers, the proxy before them, curl lines to try
#   make test     all tests, with the coverage floor; ARGS="-k hello" picks some, without the floor
#   make lint     ruff, mypy, the layers
#   make format   let ruff repair what it can
#   make check    lint, then test: what a change must pass
#   make bench    what the daemon costs beside HAProxy, nginx and sniproxy; ARGS=log, ARGS=scale (docs/benchmarks.md)
#   make soak     the randomised tests with fresh seeds and many more examples; takes minutes
#   make oldest   the tests with Debian 12's Twisted, in .venv-oldest
#   make deb      the Debian package, into dist/; names what is missing to build it
#   make deb-test the package built, installed and tried under a real systemd, on Debian 12 and 13, as root; takes
#                 minutes. ARGS=bookworm for one of them (docs/testing.md)
#   make clean    remove what was built and cached; `make distclean` removes the .venv folders too

PYTHON ?= python3
VENV   ?= .venv
ARGS   ?=

BIN    := $(VENV)/bin
# Twice quiet: pip's warnings about the machine's own configuration are not the reader's business; errors remain.
INSTALL = -m pip install -qq --disable-pip-version-check
OLDEST := .venv-oldest
CACHES := .coverage .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache build dist

# A .venv whose Python went away (an upgrade of the system) is made anew.
ifeq ($(wildcard $(BIN)/python),)
$(shell rm -f $(VENV)/pyvenv.cfg)
endif

.DELETE_ON_ERROR:
.PHONY: run test lint format check bench soak oldest deb deb-test clean distclean

run: $(VENV)/.run
	@$(BIN)/python -m demo $(ARGS)

test: $(VENV)/.test
	@.ci/packages
	$(BIN)/python -m pytest $(if $(strip $(ARGS)),$(ARGS),--cov)

lint: $(VENV)/.lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

format: $(VENV)/.lint
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

check: lint test

bench: $(VENV)/.run
	@$(BIN)/python -m benchmarks $(ARGS)

soak: $(VENV)/.test
	$(BIN)/python -m pytest -m "soak or not system" --hypothesis-profile=soak $(ARGS)

oldest: $(OLDEST)/.test
	$(OLDEST)/bin/python -m pytest --ignore=tests/house --ignore=tests/benchmarks $(ARGS)

deb:
	@.ci/deb

deb-test:
	@$(PYTHON) -m tests.lab $(ARGS)

clean:
	rm -rf $(CACHES) _trial_temp*
	find . -path './.venv*' -prune -o \( -name __pycache__ -o -name dropin.cache \) -print0 | xargs -0r rm -rf

distclean: clean
	rm -rf $(VENV) $(OLDEST)

# A stamp a purpose, so that `make run` does not wait for the linters. The code itself is not copied (-e), so only a
# change of pyproject.toml installs again.
$(VENV)/pyvenv.cfg $(OLDEST)/pyvenv.cfg:
	@.ci/python $(PYTHON)
	@$(PYTHON) -m venv --clear $(@D)

$(VENV)/.run: $(VENV)/pyvenv.cfg pyproject.toml
	@echo "Installing pumpproxy and its dependencies into $(VENV) ..."
	@$(BIN)/python $(INSTALL) -e .
	@touch $@

$(VENV)/.test: $(VENV)/.run
	@echo "Installing what the tests need into $(VENV) ..."
	@$(BIN)/python $(INSTALL) -e '.[test]'
	@touch $@

$(VENV)/.lint: $(VENV)/.test
	@echo "Installing what the linters need into $(VENV) ..."
	@$(BIN)/python $(INSTALL) -e '.[test,lint]'
	@touch $@

$(OLDEST)/.test: $(OLDEST)/pyvenv.cfg pyproject.toml .ci/bookworm.txt
	@echo "Installing Debian 12's versions into $(OLDEST) ..."
	@$(OLDEST)/bin/python $(INSTALL) -c .ci/bookworm.txt -e '.[test]'
	@touch $@
