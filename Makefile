# make help lists the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
BOOK := _build/html/index.html
CHAPTER ?=
PLAN ?=
PART ?=
FOR ?=
N ?=
PRIVATE ?=
TITLE ?=
LAB ?=
BACKEND ?=
PYTHON_COLAB ?= python3.13
COLAB := tensorflow keras jax numpy scipy matplotlib scikit-learn mlxtend pillow pandas \
         ipykernel ipython anywidget nbclient setuptools
PORT ?= 8000

ifneq ($(filter-out tensorflow jax torch,$(BACKEND)),)
$(error BACKEND is tensorflow, jax or torch; found: $(BACKEND))
endif

.PHONY: help
help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# reads, runs: this interpreter builds the pages, runs the chapters. same: this variable names what
# this environment has.
define reads
	@$(1) -c 'import sys; v = sys.version_info; sys.exit(0 if v >= (3, 11) else \
	  "The book needs Python 3.11 or newer; $(1) is %d.%d. Name another: make clean, make PYTHON=python3.13 ..." % v[:2])'
endef
define runs
	@$(1) -c 'import sys; v = sys.version_info; sys.exit(0 if v[:2] <= (3, 14) else \
	  "To run the chapters takes Python 3.11 to 3.14 (make book: any from 3.11); $(1) is %d.%d. Name another: make clean, make PYTHON=python3.13 ..." % v[:2])'
endef
VERSION := import sys; print("%d.%d" % sys.version_info[:2])
define same
	@given=$$($($(1)) -c '$(VERSION)') && has=$$($(2)/bin/python -c '$(VERSION)') || exit 1; \
	  [ $$given = $$has ] || { echo "$(1)=$($(1)) is Python $$given, $(2) has $$has: make clean first, or leave $(1) out"; exit 1; }
endef

# What an interruption, or a Python without ensurepip, left without a pip is made anew.
HAS_PIP := $(shell $(PIP) --version 2> /dev/null)
.PHONY: environment
environment:
ifeq ($(HAS_PIP),)
	$(call reads,$(PYTHON))
	@$(PYTHON) -m venv --clear $(VENV)
else ifeq ($(origin PYTHON),command line)
	$(call same,PYTHON,$(VENV))
endif

# What builds the pages, and what runs the chapters besides, in one environment.
$(VENV)/pages: $(if $(HAS_PIP),,environment) book/requirements.txt constraints.txt pyproject.toml | environment
	$(call reads,$(BIN)/python)
	@echo "Installing what builds the pages into $(VENV) (about half a minute) ..."
	@$(PIP) install --quiet --constraint constraints.txt --requirement book/requirements.txt
	@$(PIP) install --quiet --no-deps --editable .
	@touch $@

$(VENV)/installed: $(VENV)/pages requirements.txt
	$(call runs,$(BIN)/python)
	@echo "Installing what runs the chapters into $(VENV) (a few minutes the first time) ..."
	@$(PIP) install --quiet --constraint constraints.txt --requirement requirements.txt
	@touch $@

# What was read is not read again, nor warned of again: a failed build leaves none of it.
.PHONY: book
book: $(VENV)/pages  ## build the book from the stored outputs, strictly
	@$(BIN)/jupyter-book build . -n -W --keep-going -q || { rm -rf _build/.doctrees; exit 1; }
	@echo "The book is ready: open file://$(CURDIR)/$(BOOK) in a browser, or run: make serve"

.PHONY: serve
serve: book  ## build the book and serve it on this machine (PORT=8000)
	@echo "Reading at http://localhost:$(PORT)/ ; Ctrl-C ends it"
	@$(BIN)/python -m http.server $(PORT) --bind 127.0.0.1 --directory _build/html

.PHONY: lab
lab: $(VENV)/installed  ## run the chapters on this machine, in JupyterLab (CHAPTER=03 opens one)
	$(if $(CHAPTER),$(if $(wildcard notebooks/$(CHAPTER)*.ipynb),,$(error no notebook's name begins with $(CHAPTER): see notebooks/)))
	@$(BIN)/python -m jupyterlab $(LAB) --LabApp.news_url=None --LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate --notebook-dir=. $(or $(firstword $(wildcard notebooks/$(CHAPTER)*.ipynb)),notebooks)

# What the figures that train compute with; kernel.wasm is in the repository, for most have no compiler.
KERNEL := aebook/live/engine/kernel
CLANG ?= clang
.PHONY: kernel
kernel: $(KERNEL).wasm  ## compile the kernel of the live figures that train (needs clang and lld)
$(KERNEL).wasm: $(KERNEL).c
	@command -v $(CLANG) wasm-ld > /dev/null || { echo "kernel: the compiler is missing: apt-get install clang lld"; exit 1; }
	$(CLANG) --target=wasm32 -msimd128 -Os -nostdlib -fno-builtin -ffp-contract=off -Wall -Wextra -Werror \
	  -Wl,--no-entry,--strip-all,--export=__heap_base,-z,stack-size=8192,--initial-memory=10485760 \
	  -o $@ $<
	@chmod 644 $@

.PHONY: lint
lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

$(VENV)/torch: $(VENV)/installed benchmarks/requirements-torch.txt
	@$(PIP) install --quiet --constraint constraints.txt --requirement benchmarks/requirements-torch.txt
	@touch $@

.PHONY: unit
unit: $(VENV)/installed  ## the unit tests that need neither a chapter run nor a page built, in a minute
	$(BIN)/python -m pytest -n 2 -m "not slow and not built" tests --ignore=tests/class

# PyTorch's threads spin while they wait: with two kernels on two cores they wait for each other.
.PHONY: test
test: lint book $(VENV)/installed $(if $(filter torch,$(BACKEND)),$(VENV)/torch)  ## lint, build strictly, run the unit tests and every notebook (BACKEND=jax, torch)
	$(if $(BACKEND),KERAS_BACKEND=$(BACKEND) )OMP_WAIT_POLICY=PASSIVE $(BIN)/python -m pytest -n 2 --dist loadfile --nbval-lax tests notebooks solutions --ignore=tests/class

.PHONY: test-mnist
test-mnist: $(VENV)/installed  ## of these tests, what depends on which MNIST is named: chapters and their modules (WHAT=sheets)
	OMP_WAIT_POLICY=PASSIVE $(BIN)/python -m pytest -n 2 --dist loadfile --nbval-lax -m mnist \
	  $(if $(filter sheets,$(WHAT)),solutions tests/test_exercises.py,notebooks tests --ignore=tests/test_exercises.py --ignore=tests/class)

.PHONY: slides
slides: $(VENV)/installed  ## a deck of slides for each chapter (CHAPTER=03 for one; PLAN=lecture, workshop, weeks: for a plan)
	@$(BIN)/python tools/slides.py $(CHAPTER) $(if $(PLAN),--plan $(PLAN))

.PHONY: browser-tools
browser-tools: $(VENV)/installed  ## fetch what test-browser, pdf and lighthouse need beyond Chromium
	@command -v npm > /dev/null || { echo "browser-tools: npm is missing: apt-get install nodejs npm"; exit 1; }
	@$(PIP) install --quiet --constraint constraints.txt --requirement tests/browser/requirements.txt
	@mkdir -p _build/browser && cp tests/browser/package.json _build/browser/
	@npm install --prefix _build/browser --no-package-lock --no-audit --no-fund --loglevel error

# The book's own JavaScript; not reveal.js, nor the data of the live figures.
.PHONY: lint-js
lint-js:
	@test -x _build/browser/node_modules/.bin/eslint || { echo "lint-js: ESLint is missing: run make browser-tools (it needs npm)"; exit 1; }
	_build/browser/node_modules/.bin/eslint --config tests/browser/eslint.config.mjs \
	  aebook/live/*.js aebook/live/engine/*.js aebook/live/parts/*.js book/_ext/*.js book/assets/*.js tools/deck/*.js \
	  tests/*.mjs tests/browser/*.js tests/browser/*.mjs

.PHONY: test-browser
test-browser: lint-js book  ## drive the built book in headless Chromium, and print it (needs Chromium and browser-tools)
	$(BIN)/python -m pytest -n 2 tests/browser

.PHONY: test-pdf
test-pdf: book  ## of these tests, those of the printed book
	$(BIN)/python -m pytest tests/browser/test_pdf.py

.PHONY: pdf
pdf: book  ## print the book into _build/book.pdf (CHAPTER=03 for one; needs Chromium and browser-tools)
	@$(BIN)/python tools/pdf.py $(CHAPTER)

.PHONY: lighthouse
lighthouse: book  ## Lighthouse's scores of every chapter page (CHAPTER=04 for one; on an idle machine)
	@$(BIN)/python tools/lighthouse.py $(CHAPTER)

.PHONY: arrival
arrival: book  ## what the live figures cost to arrive at on a slow processor (on an idle machine)
	@$(BIN)/python tools/arrival.py $(CHAPTER)

.PHONY: execute
execute: $(VENV)/installed  ## re-execute the chapters in place on the full MNIST (CHAPTER=03 for one)
	@$(BIN)/python tools/execute.py $(CHAPTER)

.PHONY: test-colab
test-colab:  ## run the chapters under Colab's versions (needs Python 3.13: PYTHON_COLAB=python3.13)
	@.venv-colab/bin/python -m pip --version &> /dev/null || $(PYTHON_COLAB) -m venv --clear .venv-colab
ifeq ($(origin PYTHON_COLAB),command line)
	$(call same,PYTHON_COLAB,.venv-colab)
endif
	@.venv-colab/bin/python -m pip install --quiet --constraint tools/colab-constraints.txt $(COLAB)
	@.venv-colab/bin/python tools/colab.py $(CHAPTER)

$(VENV)/grading: $(VENV)/installed solutions/requirements.txt
	@$(PIP) install --quiet --constraint constraints.txt --requirement solutions/requirements.txt
	@touch $@

.PHONY: assignments
assignments: $(VENV)/grading  ## derive the students' exercises from those with solutions
	@$(BIN)/python tools/exercises.py assignments

.PHONY: solutions
solutions: $(VENV)/installed  ## the teacher's edition of the exercises, executed, in _build/solutions
	@$(BIN)/python tools/exercises.py solutions

.PHONY: private
private: $(VENV)/grading  ## move the sheets with solutions and hidden tests out of the repository (PRIVATE=../private)
	@$(BIN)/python tools/sheets.py "$(PRIVATE)"

.PHONY: release
release: $(VENV)/grading  ## enter an exercise in the gradebook (CHAPTER=03 DUE="2026-12-01 18:00")
	@$(BIN)/python tools/course.py release $(CHAPTER) $(if $(DUE),--due "$(DUE)")

.PHONY: collect
collect: $(VENV)/grading  ## sort in what students handed in (CHAPTER=03 FROM=folder, or the platform's zip)
	@$(BIN)/python tools/course.py collect $(CHAPTER) "$(FROM)"

.PHONY: grade
grade: $(VENV)/grading  ## run what was handed in and is new (CHAPTER=03)
	@$(BIN)/python tools/course.py grade $(CHAPTER)

.PHONY: read
read: $(VENV)/grading  ## read the written answers in a browser, in nbgrader's page (LAB="--no-browser --port=8890")
	@$(BIN)/python tools/course.py read $(LAB)

.PHONY: feedback
feedback: $(VENV)/grading  ## a page for each student, with points and comments, in course/feedback (CHAPTER=03)
	@$(BIN)/python tools/course.py feedback $(CHAPTER)

.PHONY: marks
marks: $(VENV)/grading  ## the table of marks, as CSV, too (FOR=moodle, canvas, blackboard, brightspace, plain; CHAPTER=03 TITLE="Sheet 3")
	@$(BIN)/python tools/course.py marks $(CHAPTER) $(if $(FOR),--platform $(FOR)) $(if $(TITLE),--heading "$(TITLE)")

.PHONY: questions
questions: $(VENV)/pages  ## the questions of all chapters for Moodle (GIFT) and Canvas (QTI), in _build/kit
	@$(BIN)/python tools/quiz.py $(CHAPTER)

.PHONY: exam
exam: $(VENV)/pages  ## an exam with numbers of its own, and its solutions, in _build/kit (SEED="known to you alone")
	@$(BIN)/python tools/exam.py "$(SEED)" $(CHAPTER)

.PHONY: test-class
test-class: $(VENV)/grading  ## a whole round of grading, and a class on a hub, with the real tools (needs npm, bubblewrap)
	@$(PIP) install --quiet --constraint constraints.txt --requirement tests/class/requirements.txt
	@npm install --silent --no-fund --no-audit --prefix _build/npm configurable-http-proxy@5.3.0
	$(BIN)/python -m pytest -n 2 --dist loadfile tests/class

.PHONY: bench
bench: $(VENV)/torch book  ## measure all backends for the page of benchmarks and the README (PART=epochs for one)
	@$(BIN)/python benchmarks/measure.py $(PART)

.PHONY: bench-seeds
bench-seeds: $(VENV)/installed  ## run the chapters on ten other seeds: do their asserts hold? (CHAPTER=03 for one, RUNS=5 for five)
	@$(BIN)/python benchmarks/seeds.py $(CHAPTER)

.PHONY: bench-pictures
bench-pictures: $(VENV)/installed  ## measure chapters on Fashion-MNIST, and chapter 17 on five other seeds
	@$(BIN)/python benchmarks/pictures.py

.PHONY: bench-students
bench-students: $(VENV)/installed  ## measure what a student costs, for the page on servers (CHAPTER=03 for one)
	@$(PIP) install --quiet --constraint constraints.txt --requirement deploy/jupyterhub/requirements.txt
	@$(BIN)/python benchmarks/students.py $(CHAPTER)

.PHONY: bench-grading
bench-grading: $(VENV)/grading  ## measure how long a class takes to grade (CHAPTER=03 N=200)
	@$(BIN)/python benchmarks/grading.py $(or $(CHAPTER),03) $(or $(N),24)

.PHONY: repository
repository:  ## stamp the version, or publish elsewhere: set the address everywhere (URL=https://github.com/...)
	@$(PYTHON) tools/repository.py $(URL)

.PHONY: lock
lock: $(VENV)/installed  ## write constraints.txt anew: the newest versions requirements.txt allows
	@$(PIP) install --quiet uv
	@$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --no-annotate --no-header \
	  --no-emit-index-url --no-emit-find-links \
	  requirements.txt benchmarks/requirements-torch.txt solutions/requirements.txt \
	  tests/browser/requirements.txt tests/class/requirements.txt --output-file constraints.txt

# What an earlier build left in build/ would go into the wheel with the rest.
.PHONY: wheel
wheel: environment  ## the helper package as one file, in _build/wheel, to go with a notebook
	@rm -rf build _build/wheel
	@$(PIP) wheel --quiet --no-deps --wheel-dir _build/wheel .
	@echo "Put this beside the notebook: $$(ls _build/wheel/*.whl)"

.PHONY: clean
clean:  ## remove what the other targets made, the environment included
	rm -rf $(VENV) .venv-colab _build .pytest_cache .ruff_cache *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
