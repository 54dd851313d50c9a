# Every target works as the first command after a clone: it makes .venv and installs into it, once.
# Needed beforehand: Python 3.11 or newer with pip and venv, and make.

VENV   := .venv
PY     := $(VENV)/bin/python
STAMP  := $(VENV)/installed
EXTRAS ?= dev
TESTERS ?= 3# test processes: more than two cores, since tests often wait for a program that they started
CLIP   ?= sample_videos/meeting_grid.mp4
MASKED := demo_output/$(basename $(notdir $(CLIP))).masked.mp4

.DEFAULT_GOAL := help
.PHONY: help setup run demo test check bench bench-page bench-live screenshots docs presets clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' Makefile

setup: $(STAMP) ## install everything into .venv (the other targets do it when needed)

run: $(STAMP) ## open the page: http://127.0.0.1:7860
	@$(VENV)/bin/workbench app --open

demo: $(STAMP) ## mask a sample clip without the page: about a minute
	@mkdir -p demo_output
	@rm -f $(MASKED)
	@$(VENV)/bin/workbench process $(CLIP) -o $(MASKED) || [ $$? -eq 3 ]  # 3: done, and some faces ask for a look
	@echo "Done. Watch $(MASKED) beside $(CLIP); what was done stands in $(MASKED).report.json"

test: $(STAMP) ## run the tests
	@$(PY) tests/ui/browser.py
	@$(PY) tests/live/servers.py
	@$(PY) -m pytest -n $(TESTERS) --dist loadfile --no-loadscope-reorder

check: $(STAMP) ## lint, format, types, layers
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy
	@$(VENV)/bin/lint-imports

bench: $(STAMP) ## measure the speed on this machine
	@$(VENV)/bin/workbench bench

bench-page: $(STAMP) ## measure how long the page lets one wait, in a browser
	@$(PY) -m tests.ui.bench_page

bench-live: $(STAMP) ## measure live masking over real RTSP and RTMP servers
	@$(PY) tests/live/servers.py
	@$(PY) -m tests.live.bench_live

screenshots: $(STAMP) ## make the pictures of the page in docs/images anew
	@WORKBENCH_SCREENSHOTS=1 $(PY) -m pytest tests/ui/test_screenshots.py

docs: $(STAMP) ## build the documentation into build/docs
	@NO_MKDOCS_2_WARNING=1 $(PY) -m mkdocs build --strict --quiet
	@echo "Open build/docs/index.html, or: $(PY) -m http.server --directory build/docs"

clean: ## remove .venv and everything that was made
	rm -rf $(VENV) build demo_output runs *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

presets: $(STAMP) ## write the shipped presets anew, after a change of options
	@$(PY) -c 'from pathlib import Path; from workbench.presets import load_preset, save_preset; \
	    [save_preset(load_preset(path), path) for path in Path("workbench/presets/shipped").glob("*.yaml")]'

# The stamp is written last: an installation that was broken off starts again, and keeps what is already there.
# Without --no-compile half of the time goes into byte code of modules that are never imported.
$(STAMP): pyproject.toml constraints.txt
	@for python in $(PYTHON) python3.11 python3.12 python3.13 python3 python; do \
	    "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && found="$$python" && break; \
	done; \
	if [ -z "$$found" ]; then \
	    echo "Python 3.11 or newer is needed and was not found; install it, or name it: make PYTHON=/path/to/python3.11" >&2; \
	    exit 1; \
	fi; \
	if ! "$$found" -c 'import venv, ensurepip' 2>/dev/null; then \
	    echo "$$found has no venv; on Debian and Ubuntu: apt install python3-venv (or python3.11-venv)" >&2; \
	    exit 1; \
	fi; \
	$(PY) -c '' 2>/dev/null || "$$found" -m venv --clear $(VENV)
	@echo "Installing into $(VENV) (once, a few minutes) ..."
	@$(PY) -m pip install --quiet --no-compile --disable-pip-version-check -c constraints.txt -e ".$(if $(EXTRAS),[$(EXTRAS)])"
	@touch $(STAMP)
