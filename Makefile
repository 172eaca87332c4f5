# The front door. `make demo` and `make test` do all their own set-up: Debian
# packages (packages.txt), a virtual environment in .venv, build, install.

PYTHON ?= python3
VENV := .venv
BIN := $(abspath $(VENV))/bin
export PATH := $(BIN):$(PATH)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
BUILD := build

SOURCES := $(shell find include src cli python tools/*.py -type f \
	\( -name '*.c' -o -name '*.h' -o -name '*.def' -o -name '*.py' -o -name '*.pyi' -o -name 'meson.build' \) 2>/dev/null)

.PHONY: help package install demo test test-c test-sanitize test-thread \
	test-python test-long lint format notebooks bench bench-full bench-parts fuzz cross clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 16

# ---- set-up -------------------------------------------------------------------

$(VENV)/packages: packages.txt tools/install_packages.sh
	@sh tools/install_packages.sh packages.txt
	@mkdir -p $(VENV) && touch $@

$(VENV)/ready: $(VENV)/packages requirements.txt
	@$(PYTHON) tools/check_python.py
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --upgrade pip
	$(BIN)/python -m pip install -q -r requirements.txt
	@touch $@

# The package, with the command-line program, into the environment.
$(VENV)/installed: $(VENV)/ready pyproject.toml meson.build meson.options $(SOURCES)
	$(BIN)/python -m pip install -q --no-build-isolation --no-deps --force-reinstall .
	@touch $@

package: $(VENV)/installed ## build the Python package and install it into .venv

PREFIX ?= /usr/local
install: $(VENV)/ready ## the C library, header and program (PREFIX=/usr/local, DESTDIR)
	$(BIN)/meson setup $(BUILD)-install --prefix $(PREFIX) -Dtests=false $(if $(wildcard $(BUILD)-install/build.ninja),--reconfigure)
	$(BIN)/ninja -C $(BUILD)-install
	$(BIN)/meson install -C $(BUILD)-install --no-rebuild

# ---- the main things -----------------------------------------------------------

demo: $(VENV)/installed ## a real pipeline, compiled, cascaded, saved, run without Python
	$(BIN)/python examples/demo.py

test: test-c test-sanitize test-thread test-python ## everything that CI runs

$(BUILD)/build.ninja: $(VENV)/ready
	$(BIN)/meson setup $(BUILD) --werror

test-c: $(BUILD)/build.ninja ## C tests, and the fuzz corpora replayed
	$(BIN)/ninja -C $(BUILD)
	$(BIN)/meson test -C $(BUILD) --print-errorlogs
	sh tools/check_install.sh $(BUILD) tests/fuzz/corpus/artifact/text

$(BUILD)-asan/build.ninja: $(VENV)/ready
	CC=clang $(BIN)/meson setup $(BUILD)-asan --werror --buildtype=debugoptimized \
		-Db_sanitize=address,undefined -Db_lundef=false

test-sanitize: $(BUILD)-asan/build.ninja ## the same under ASan and UBSan, with clang
	$(BIN)/ninja -C $(BUILD)-asan
	$(BIN)/meson test -C $(BUILD)-asan --print-errorlogs --timeout-multiplier 6

$(BUILD)-tsan/build.ninja: $(VENV)/ready
	$(BIN)/meson setup $(BUILD)-tsan --buildtype=debugoptimized \
		-Db_sanitize=thread -Db_lundef=false

test-thread: $(BUILD)-tsan/build.ninja ## what is threaded, under TSan
	$(BIN)/ninja -C $(BUILD)-tsan
	$(BIN)/meson test -C $(BUILD)-tsan --print-errorlogs --suite thread --timeout-multiplier 6

test-python: $(VENV)/installed ## behaviour against the reference libraries
	$(BIN)/python -m pytest -q tests/python

test-long: $(VENV)/installed ## tens of thousands of random cases, others each time
	WILLUMP_TEST_LONG=1 $(BIN)/python -m pytest -q tests/python

lint: $(VENV)/ready ## layers, formatting, linters, types
	$(BIN)/python tools/check_layers.py
	$(BIN)/python tools/check_header.py
	$(BIN)/python tools/gen_math.py --check
	clang-format --dry-run -Werror $$(git ls-files '*.c' '*.h')
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/ready ## clang-format and ruff, in place
	clang-format -i $$(git ls-files '*.c' '*.h')
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

$(VENV)/notebooks: $(VENV)/installed examples/requirements.txt
	$(BIN)/python -m pip install -q -r examples/requirements.txt
	@touch $@

notebooks: $(VENV)/notebooks ## run examples/notebooks/*.py, write what they show beside them
	$(BIN)/python tools/render_notebooks.py

# Peers that cannot be installed are rows of the results that say so.
$(VENV)/peers: $(VENV)/installed bench/requirements.txt packages-bench.txt
	@sh tools/install_packages.sh packages-bench.txt || echo "going on without them"
	sh tools/install_peers.sh $(BIN)/python -r bench/requirements.txt
	@touch $@

# What only some platforms have, and takes gigabytes.
$(VENV)/torch: $(VENV)/peers bench/requirements-torch.txt bench/requirements-no-deps.txt
	sh tools/install_peers.sh $(BIN)/python -r bench/requirements-torch.txt
	sh tools/install_peers.sh $(BIN)/python --no-deps -r bench/requirements-no-deps.txt
	@touch $@

# The page is made in any case. Of run.py's exit codes, 2 says that a peer went wrong.
bench_and_report = $(BIN)/python bench/run.py $(1) --output $(2); code=$$?; \
	$(BIN)/python bench/report.py $(2) --page $(3) && { [ $$code -eq 0 ] || [ $$code -eq 2 ]; }

bench: $(VENV)/peers ## the workloads against plain Python and peers, in under ten minutes
	@$(call bench_and_report,--quick,bench/results/quick.json,bench/results/quick.md)

bench-full: $(VENV)/torch ## the same with every target, size and peer: about half an hour
	@$(call bench_and_report,,bench/results/workloads.json,docs/benchmarks.md)

bench-parts: $(VENV)/peers $(BUILD)/build.ninja ## text, trees, cascades and queries by themselves
	$(BIN)/python bench/text.py
	$(BIN)/python bench/cascade.py
	$(BIN)/python bench/top_k.py --splits 2
	$(BIN)/python bench/lossless.py
	$(BIN)/ninja -C $(BUILD)
	$(BIN)/python bench/trees.py --library $(BUILD)/src/api/libwillump.so

fuzz: $(VENV)/ready ## each libFuzzer target for a minute (SECONDS_EACH=60)
	sh tools/fuzz.sh $${SECONDS_EACH:-60}

cross: $(VENV)/ready ## cross-compile for aarch64, all but the slowest tests under an emulator
	@sh tools/install_packages.sh packages-cross.txt
	test $(BUILD)-aarch64/build.ninja -nt tools/aarch64.ini || \
		{ rm -rf $(BUILD)-aarch64 && $(BIN)/meson setup $(BUILD)-aarch64 \
		--cross-file tools/aarch64.ini; }
	$(BIN)/ninja -C $(BUILD)-aarch64
	$(BIN)/meson test -C $(BUILD)-aarch64 --print-errorlogs --suite emulated \
		--timeout-multiplier 6

clean:
	rm -rf $(BUILD) $(BUILD)-*
