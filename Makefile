# make help lists the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
BOOK := _build/html/index.html
CHAPTER ?=
PYTHON_COLAB ?= python3.13
COLAB := tensorflow keras numpy scipy matplotlib scikit-learn mlxtend pillow pandas \
         ipykernel ipython anywidget nbclient setuptools
PORT ?= 8000

.PHONY: help
help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/installed: requirements.txt constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if (3, 11) <= v[:2] <= (3, 13) else \
	  "This book needs Python 3.11 to 3.13; $(PYTHON) is %d.%d. Name another: make PYTHON=python3.13 ..." % v[:2])'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing into $(VENV) (a few minutes the first time) ..."
	@$(PIP) install --quiet --constraint constraints.txt --requirement requirements.txt
	@$(PIP) install --quiet --no-deps --editable .
	@touch $@

.PHONY: book
book: $(VENV)/installed  ## build the book from the stored outputs, strictly
	@$(BIN)/jupyter-book build . -n -W --keep-going -q
	@echo "The book is ready: open file://$(CURDIR)/$(BOOK) in a browser, or run: make serve"

.PHONY: serve
serve: book  ## build the book and serve it on this machine (PORT=8000)
	@echo "Reading at http://localhost:$(PORT)/ ; Ctrl-C ends it"
	@$(BIN)/python -m http.server $(PORT) --bind 127.0.0.1 --directory _build/html

.PHONY: lint
lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

.PHONY: test
test: lint book  ## lint, build strictly, run the unit tests and every notebook
	$(BIN)/python -m pytest -n 2 --dist loadfile --nbval-lax tests notebooks

.PHONY: browser-tools
browser-tools: $(VENV)/installed  ## fetch what test-browser, pdf and lighthouse need beyond Chromium
	@command -v npm > /dev/null || { echo "browser-tools: npm is missing: apt-get install nodejs npm"; exit 1; }
	@$(PIP) install --quiet --constraint constraints.txt --requirement tests/browser/requirements.txt
	@mkdir -p _build/browser && cp tests/browser/package.json _build/browser/
	@npm install --prefix _build/browser --no-package-lock --no-audit --no-fund --loglevel error

.PHONY: test-browser
test-browser: book  ## drive the built book in headless Chromium (needs Chromium and browser-tools)
	$(BIN)/python -m pytest -n 2 --dist loadgroup tests/browser

.PHONY: pdf
pdf: book  ## print the book into _build/book.pdf (needs Chromium and browser-tools)
	@$(BIN)/python tools/pdf.py

.PHONY: lighthouse
lighthouse: book  ## Lighthouse's scores of every chapter page (CHAPTER=04 for one; on an idle machine)
	@$(BIN)/python tools/lighthouse.py $(CHAPTER)

.PHONY: execute
execute: $(VENV)/installed  ## re-execute the chapters in place on the full MNIST (CHAPTER=03 for one)
	@$(BIN)/python tools/execute.py $(CHAPTER)

.PHONY: test-colab
test-colab:  ## run the chapters under Colab's versions (needs Python 3.13: PYTHON_COLAB=python3.13)
	@test -x .venv-colab/bin/python || $(PYTHON_COLAB) -m venv .venv-colab
	@.venv-colab/bin/python -m pip install --quiet --constraint tools/colab-constraints.txt $(COLAB)
	@.venv-colab/bin/python tools/colab.py $(CHAPTER)

.PHONY: bench
bench: $(VENV)/installed  ## measure training against a hand-written JAX loop
	@$(PIP) install --quiet --constraint constraints.txt --requirement benchmarks/requirements.txt
	@$(BIN)/python benchmarks/training.py

.PHONY: repository
repository: $(VENV)/installed  ## publish elsewhere: set the repository's address everywhere (URL=https://github.com/...)
	@$(BIN)/python tools/repository.py $(URL)

.PHONY: lock
lock: $(VENV)/installed  ## write constraints.txt anew: the newest versions requirements.txt allows
	@$(PIP) install --quiet uv
	@$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --no-annotate --no-header \
	  --no-emit-index-url --no-emit-find-links \
	  requirements.txt benchmarks/requirements.txt tests/browser/requirements.txt --output-file constraints.txt

.PHONY: clean
clean:  ## remove what the other targets made, the environment included
	rm -rf $(VENV) .venv-colab _build .pytest_cache .ruff_cache *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
