# Every task of a developer or a packager. `make help` lists them.

CARGO   ?= cargo
TARGET  := $(abspath $(or $(CARGO_TARGET_DIR),target))
PREFIX  ?= /usr/local
SYSCONFDIR ?= /etc
UNITDIR ?= $(PREFIX)/lib/systemd/system
SYSUSERSDIR ?= $(PREFIX)/lib/sysusers.d
DOCDIR  ?= $(PREFIX)/share/doc/keepalived-rs
MANDIR  ?= $(PREFIX)/share/man
DATADIR ?= $(PREFIX)/share
# The service files to install; sysv and openrc have the same name, choose one.
INIT    ?= systemd
service = sed 's|@PREFIX@|$(PREFIX)|' conf/$(1) | install -D -m $(3) /dev/stdin $(DESTDIR)$(2)
# What `make install` installs.
PROGRAM ?= $(TARGET)/release/keepalived-rs
# Stories of the lab mostly wait: more of them than processors may run at once.
STORIES ?= 6
# Runs of each fuzz target.
FUZZ_RUNS ?= 100000

.PHONY: help setup build check test test-openssl demo bench bench-quick chaos fuzz install install-files deb deb-files clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 13

setup: ## install what tests and demo need (apt, root)
	@tests/lab/setup

build: ## the daemon, optimised: target/release/keepalived-rs
	$(CARGO) build --release --package keepalived-rs

check: ## format, lints, direction of dependencies, documentation
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	$(CARGO) test --quiet --package architecture
	RUSTDOCFLAGS="-D warnings -A rustdoc::private-intra-doc-links" $(CARGO) doc --workspace --no-deps --document-private-items --quiet

test: setup ## all tests; those of the lab need root
	$(CARGO) build --workspace
	KEEPALIVED_RS=$(TARGET)/debug/keepalived-rs RUST_TEST_THREADS=$(STORIES) $(CARGO) test --workspace --no-fail-fast

test-openssl: ## TLS of checks by OpenSSL, the feature of that name; needs libssl-dev and pkg-config
	$(CARGO) test --quiet --package keepalived-rs --features openssl tls

demo: setup ## a pair of directors under load loses servers and directors, and gets them back
	$(CARGO) build --workspace
	@KEEPALIVED_RS=$(TARGET)/debug/keepalived-rs $(TARGET)/debug/demo

bench: setup ## side by side with Debian's keepalived: table and plots in target/bench; ROWS='takeover memory' for some
	$(CARGO) build --release --package keepalived-rs --package bench
	@KEEPALIVED_RS=$(TARGET)/release/keepalived-rs $(TARGET)/release/bench --out $(TARGET)/bench $(ROWS)

bench-quick: setup ## the same with fewer rounds and smaller sizes, under three minutes
	$(CARGO) build --release --package keepalived-rs --package bench
	@KEEPALIVED_RS=$(TARGET)/release/keepalived-rs $(TARGET)/release/bench --quick --out $(TARGET)/bench/quick $(ROWS)

chaos: setup ## a thousand kills of random processes, a hundred upgrades and reloads: 0 lost; half an hour
	$(CARGO) build --workspace
	KEEPALIVED_RS=$(TARGET)/debug/keepalived-rs LAB_KILLS=1000 LAB_UPGRADES=100 $(CARGO) test --package lab \
	  --test chaos --test upgrade -- --nocapture --test-threads=1 kills_at_random many_upgrades

fuzz: ## each fuzz target for FUZZ_RUNS runs; needs nightly Rust and cargo-fuzz
	@CARGO=$(CARGO) tests/fuzz/run $(FUZZ_RUNS)

install: build install-files ## daemon, manual pages, samples, service files; DESTDIR is respected, INIT=systemd sysv openrc

# The same of a program that was built already.
install-files:
	install -D -m 755 $(PROGRAM) $(DESTDIR)$(PREFIX)/sbin/keepalived
	install -d $(DESTDIR)$(PREFIX)/bin
	ln -sf ../sbin/keepalived $(DESTDIR)$(PREFIX)/bin/genhash
	install -D -m 644 -t $(DESTDIR)$(MANDIR)/man1 docs/genhash.1
	install -D -m 644 -t $(DESTDIR)$(MANDIR)/man8 docs/keepalived-rs.8
	install -D -m 644 -t $(DESTDIR)$(MANDIR)/man5 docs/keepalived-rs.conf.5
	install -d $(DESTDIR)$(DOCDIR)/samples $(DESTDIR)$(SYSCONFDIR)/keepalived
	install -m 644 conf/samples/* $(DESTDIR)$(DOCDIR)/samples
	install -m 644 docs/operations.md docs/log-lines.md docs/differences.md docs/split-brain.md $(DESTDIR)$(DOCDIR)
	install -m 644 conf/keepalived.default conf/keepalived.logrotate $(DESTDIR)$(DOCDIR)
	install -D -m 644 conf/completions/keepalived-rs.bash $(DESTDIR)$(DATADIR)/bash-completion/completions/keepalived
	install -D -m 644 -t $(DESTDIR)$(DATADIR)/zsh/site-functions conf/completions/_keepalived-rs
	install -D -m 644 -t $(DESTDIR)$(DATADIR)/fish/vendor_completions.d conf/completions/keepalived.fish
	$(if $(filter systemd,$(INIT)),$(call service,keepalived.service,$(UNITDIR)/keepalived.service,644))
	$(if $(filter systemd,$(INIT)),$(call service,keepalived-unprivileged.service,$(UNITDIR)/keepalived-unprivileged.service,644))
	$(if $(filter systemd,$(INIT)),install -D -m 644 conf/keepalived.sysusers $(DESTDIR)$(SYSUSERSDIR)/keepalived-rs.conf)
	$(if $(filter sysv,$(INIT)),$(call service,keepalived.init,$(SYSCONFDIR)/init.d/keepalived,755))
	$(if $(filter openrc,$(INIT)),$(call service,keepalived.openrc,$(SYSCONFDIR)/init.d/keepalived,755))

deb: build ## a Debian package in target/debian; needs cargo-deb (cargo install cargo-deb)
	@$(MAKE) --no-print-directory deb-files
	cd bin/keepalived-rs && $(CARGO) deb --no-build --output $(TARGET)/debian/

# What the package has and the tree has not: service files with their paths.
deb-files:
	install -d target/deb
	sed 's|@PREFIX@|/usr|' conf/keepalived.service >target/deb/keepalived.service
	sed 's|@PREFIX@|/usr|' conf/keepalived-unprivileged.service >target/deb/keepalived-unprivileged.service
	sed 's|@PREFIX@|/usr|' conf/keepalived.init >target/deb/keepalived.init

clean: ## remove what was built
	$(CARGO) clean
