# `make` lists the targets. Each of them first sees to libtorch (.cargo/libtorch.py), and all but
# `bench` use cargo's dev profile, so that tch's C++ code is compiled once.

CARGO ?= cargo
PYTHON ?= python3
FLAGS = --locked
TARGET_DIR = $(or $(CARGO_TARGET_DIR),target)

.PHONY: help libtorch build test demo lint doc bench

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.* ## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

libtorch: ## get libtorch 2.11.0 into .libtorch (543 MB to download), once
	@command -v $(CARGO) >/dev/null || { echo "no cargo: install Rust from https://rustup.rs" >&2; exit 1; }
	@command -v $(PYTHON) >/dev/null || { echo "no python3: sudo apt-get install python3 python3-pip" >&2; exit 1; }
	@$(PYTHON) .cargo/libtorch.py

build: libtorch ## build the kledger binary
	$(CARGO) build $(FLAGS)

test: lint doc ## everything that has to pass: lints, documentation, tests with and without torch
	$(CARGO) test $(FLAGS) --no-default-features
	$(CARGO) test $(FLAGS)

demo: build ## edit facts in the shipped model, step by step
	KLEDGER="$(abspath $(TARGET_DIR))/debug/kledger" examples/demo.sh

lint: libtorch ## formatting and clippy, with and without torch
	@$(CARGO) fmt --version >/dev/null 2>&1 || echo "SKIPPED: formatting; rustup component add rustfmt"
	! $(CARGO) fmt --version >/dev/null 2>&1 || $(CARGO) fmt --check
	@$(CARGO) clippy --version >/dev/null 2>&1 || echo "SKIPPED: clippy; rustup component add clippy"
	! $(CARGO) clippy --version >/dev/null 2>&1 || $(CARGO) clippy $(FLAGS) --all-targets --no-default-features -- -D warnings
	! $(CARGO) clippy --version >/dev/null 2>&1 || $(CARGO) clippy $(FLAGS) --all-targets -- -D warnings

doc: libtorch ## the library's documentation
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc $(FLAGS) --no-deps

bench: libtorch ## benchmarks (optimised build: compiles everything once more)
	$(CARGO) bench $(FLAGS)
