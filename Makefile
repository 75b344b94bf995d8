# `make` lists the targets. Each sees to libtorch first (.cargo/libtorch.py), and all but `bench`
# use cargo's dev profile, so that tch's C++ code is compiled once.

CARGO ?= cargo
PYTHON ?= python3
PREFIX ?= /usr/local
TARGET_DIR = $(or $(CARGO_TARGET_DIR),target)
SHARE = $(DESTDIR)$(PREFIX)/share
KLEDGER ?= $(TARGET_DIR)/debug/kledger

# $(call component,NAME,ARGUMENTS): runs `cargo NAME ARGUMENTS` where rustup has that component.
component = @if $(CARGO) $(1) --version >/dev/null 2>&1; \
	then set -x; $(CARGO) $(1) $(2); \
	else echo "SKIPPED: cargo $(1) $(2) (it comes with: rustup component add rustfmt clippy)" >&2; fi

.PHONY: help libtorch build install install-docs test test-clients test-rdf test-sql test-faults demo lint doc bench

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.* ## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

libtorch: ## get libtorch 2.11.0 into .libtorch, once (543 MB to download)
	@command -v $(CARGO) >/dev/null || { echo "no cargo: get Rust from https://rustup.rs" >&2; exit 1; }
	@command -v $(PYTHON) >/dev/null || { echo "no python3: sudo apt-get install python3 python3-pip" >&2; exit 1; }
	@$(PYTHON) .cargo/libtorch.py

build: libtorch ## build the kledger binary
	$(CARGO) build --locked

test: lint doc ## all that has to pass: lints, documentation, tests with and without torch
	$(CARGO) test --locked --no-default-features --features cli,query,sql,endpoint
	$(CARGO) test --locked --lib --bins --examples --test torch
	$(CARGO) test --locked --doc

install: libtorch ## install kledger and kledger-torch to PREFIX/bin (/usr/local): one starts fast, one has libtorch
	$(CARGO) build --locked --release
	$(CARGO) build --locked --release --no-default-features --features cli,query,sql,endpoint --target-dir "$(TARGET_DIR)/ledger"
	install -D "$(TARGET_DIR)/release/kledger" "$(DESTDIR)$(PREFIX)/bin/kledger-torch"
	install -D "$(TARGET_DIR)/ledger/release/kledger" "$(DESTDIR)$(PREFIX)/bin/kledger"
	$(MAKE) install-docs KLEDGER="$(TARGET_DIR)/ledger/release/kledger"

install-docs: ## install what bash, zsh and fish complete by, and manual pages, to PREFIX/share: make install does it too
	install -d "$(SHARE)/man/man1" "$(SHARE)/bash-completion/completions" "$(SHARE)/zsh/site-functions" \
		"$(SHARE)/fish/vendor_completions.d"
	"$(KLEDGER)" -q man "$(SHARE)/man/man1"
	"$(KLEDGER)" completions bash > "$(SHARE)/bash-completion/completions/kledger"
	"$(KLEDGER)" completions zsh > "$(SHARE)/zsh/site-functions/_kledger"
	"$(KLEDGER)" completions fish > "$(SHARE)/fish/vendor_completions.d/kledger.fish"

test-clients: build ## what transformers and peft from PyPI make of our files, and we of theirs
	PYTHON="$(PYTHON)" CARGO="$(CARGO)" tests/clients/run.sh "$(abspath $(TARGET_DIR))/debug/kledger" \
		"$(abspath $(TARGET_DIR))/clients" "$(DATA)"

test-rdf: ## what rdflib from PyPI makes of our RDF, patches and answers, and the W3C's tests of SPARQL (5 MB to download)
	PYTHON="$(PYTHON)" CARGO="$(CARGO)" tests/rdf/run.sh "$(abspath $(TARGET_DIR))/debug/kledger" \
		"$(abspath $(TARGET_DIR))/rdf"

test-sql: ## what morph-kgc and DuckDB from PyPI, and PostgreSQL, make of our databases, and the W3C's tests of R2RML (68 MB to download)
	PYTHON="$(PYTHON)" CARGO="$(CARGO)" tests/sql/run.sh "$(abspath $(TARGET_DIR))/debug/kledger" \
		"$(abspath $(TARGET_DIR))/sql"

test-faults: ## every call that writes failing in turn, in our code and below sled's, and a full disk (hours)
	KLEDGER_EVERY_FAULT=1 $(CARGO) test --locked --no-default-features --features cli --test ledger -- cli::faults
	$(CARGO) build --locked --no-default-features --features cli
	$(PYTHON) tests/faults/run.py "$(abspath $(TARGET_DIR))/debug/kledger" "$(abspath $(TARGET_DIR))/faults"

demo: build ## edit facts in the shipped model, step by step
	KLEDGER="$(abspath $(TARGET_DIR))/debug/kledger" examples/demo.sh

lint: libtorch ## formatting and clippy, with and without torch
	$(call component,fmt,--check)
	$(call component,clippy,--locked --all-targets --no-default-features -- -D warnings)
	$(call component,clippy,--locked --all-targets --no-default-features --features cli -- -D warnings)
	$(call component,clippy,--locked --all-targets -- -D warnings)

doc: libtorch ## the library's documentation
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --no-deps

bench: libtorch ## benchmarks, optimised: compiles everything once more
	$(CARGO) bench --locked
