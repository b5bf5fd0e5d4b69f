# make demo | test | lint | setup | constraints. Needs Python 3.11 or later with venv.
#
# TORCH_INDEX is an extra package index. Training and tests need torch, and on Linux the usual index has it with CUDA
# (several GB); a machine without an NVIDIA GPU wants
#     make test TORCH_INDEX=https://download.pytorch.org/whl/cpu

PYTHON ?= python3
TORCH_INDEX ?=
VENV ?= .venv
export OMP_NUM_THREADS ?= 1

BIN := $(VENV)/bin
INSTALL = $(BIN)/python -m pip install --disable-pip-version-check --constraint constraints.txt \
	$(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX))

.PHONY: setup demo dev lint test chromium constraints

setup: $(VENV)/installed-demo

demo: setup
	@$(BIN)/squeezesam demo

dev: $(VENV)/installed-dev

lint: dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# The tests of the labelling page share Label Studio's installation with the demo.
test: export SQUEEZESAM_LABEL_STUDIO ?= $(CURDIR)/.demo/label-studio-venv
test: lint chromium
	$(BIN)/pytest

chromium:
	@test -x /usr/bin/chromium || { test "$$(id -u)" = 0 && apt-get update -qq \
		&& apt-get install -qq --yes --no-install-recommends chromium; } \
		|| { echo "The browser test needs Chromium: sudo apt-get install chromium" >&2; exit 1; }

# CUDA's packages are left out: torch names their versions itself where it wants them. Needs uv.
constraints:
	@{ echo "# Every version that is tested together. Made by: make constraints"; \
		uv pip compile --quiet --universal --python-version 3.11 --all-extras --no-header --no-annotate pyproject.toml \
		| grep --invert-match --extended-regexp '^(cuda|nvidia|triton)'; } > constraints.new
	@mv constraints.new constraints.txt

$(VENV)/created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or later is needed: make PYTHON=python3.11" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/installed-demo: pyproject.toml constraints.txt | $(VENV)/created
	@echo "Installing SqueezeSAM into $(VENV) (a minute)"
	@$(INSTALL) --editable '.[demo]'
	@touch $@

$(VENV)/installed-dev: pyproject.toml constraints.txt | $(VENV)/created
	@echo "Installing SqueezeSAM with training, export and tests into $(VENV) (some minutes)"
	@$(INSTALL) --editable '.[dev]'
	@touch $@ $(VENV)/installed-demo
