# cgi-fcgi: one binary, libc alone. Linux and a C11 compiler are the platform.
VERSION = 0.1

CC       ?= cc
# What more hardening costs: a stack protector 4 KiB, binding all at the start
# (-z now) one twentieth of each start.
CFLAGS   ?= -Os -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
WARN      = -Wall -Wextra -Wpedantic -Wshadow -Wconversion \
            -Wstrict-prototypes -Wmissing-prototypes -Wno-psabi
# No unwind tables: nothing here throws. One segment less of padding. What
# nobody calls, of a static libc above all, is left out.
SIZE      = -fno-asynchronous-unwind-tables -fno-unwind-tables \
            -ffunction-sections -fdata-sections
SEGMENTS  = -Wl,-z,noseparate-code
LDSIZE    = $(SEGMENTS) -Wl,--gc-sections
# Where a long has 32 bits: files of any size, and times after 2038.
CPPFLAGS += -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -D_TIME_BITS=64 \
            -DVERSION='"$(VERSION)"' -Icommon
PREFIX   ?= /usr/local
B        ?= build
BIN      ?= cgi-fcgi

# Beside the command, or as installed in ../lib/cgi-fcgi.
TEMPLATE     = $(dir $(BIN))preload/template.so
LOADED      := $(wildcard preload/*.c)
# For the machine that the command is for, but not for its C library if that is
# musl beside another.
TEMPLATE_CC ?= $(if $(filter musl-gcc,$(CC)),cc,$(CC))
COMPLETION   = $(PREFIX)/share/bash-completion/completions/cgi-fcgi
# Debian's own packages have vendor-completions there.
ZSH         ?= $(PREFIX)/share/zsh/site-functions
PRELUDES     = preload/CgiFcgiTemplate.pm preload/template.py \
               preload/template.rb

SRC     := cgi-fcgi.c $(wildcard common/*.c wrapper/*.c bridge/*.c)
OBJ     := $(SRC:%.c=$(B)/%.o)
COMMON  := $(filter $(B)/common/%,$(OBJ))
HELPERS := $(patsubst %.c,$(B)/%,$(wildcard tests/*.c tests/cgi/*.c))
FAULTS  := $(filter-out faults/inject.c,$(wildcard faults/*.c))
COMPILE  = $(CC) -std=c11 $(WARN) $(CPPFLAGS) $(SIZE) $(CFLAGS) -MMD -MP

all: $(BIN) $(TEMPLATE)

$(BIN): $(OBJ)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDSIZE) $(LDFLAGS) -o $@ $(OBJ)

# Loaded into programs (-preload): by the system's own C library, not by ours.
# Few segments: each costs every request's fork. No names but those that are
# meant for programs: each is found before their own.
$(TEMPLATE): $(LOADED) $(wildcard preload/*.h) common/template.h $(B)/flags
	@mkdir -p $(@D)
	$(TEMPLATE_CC) -std=c11 $(WARN) $(CPPFLAGS) -Os -fPIC -fvisibility=hidden \
		-shared -nostartfiles -Wl,-z,now $(SEGMENTS) -o $@ $(LOADED)
	[ $(@D) -ef preload ] || cp $(PRELUDES) $(@D)

$(B)/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	$(COMPILE) -c -o $@ $<

# Other flags, other objects.
$(B)/flags: Makefile FORCE
	@mkdir -p $(@D)
	@echo '$(COMPILE) $(LDFLAGS)' | cmp -s - $@ || \
		echo '$(COMPILE) $(LDFLAGS)' >$@

# It stands at one place: its tables of pointers are constants, and what musl
# would make read-only after relocating need not stand on a page of its own.
static:
	$(MAKE) B=build/static BIN=build/static/cgi-fcgi CC=musl-gcc \
		CFLAGS='$(CFLAGS) -fno-pie' LDFLAGS='-static -Wl,-z,norelro'

demo: all
	CGI_FCGI='$(abspath $(BIN))' examples/demo

install: all
	install -Dm755 $(BIN) $(DESTDIR)$(PREFIX)/bin/cgi-fcgi
	install -Dm644 -t $(DESTDIR)$(PREFIX)/lib/cgi-fcgi $(TEMPLATE) $(PRELUDES)
	install -Dm644 cgi-fcgi.1 $(DESTDIR)$(PREFIX)/share/man/man1/cgi-fcgi.1
	install -Dm644 packaging/completion.bash $(DESTDIR)$(COMPLETION)
	install -Dm644 packaging/completion.zsh $(DESTDIR)$(ZSH)/_cgi-fcgi
	[ -z '$(UNITS)' ] || { cd examples/systemd && for unit in cgi-fcgi.*; do \
		install -d $(DESTDIR)$(PREFIX)/lib/systemd/system && \
		sed 's|/usr/bin/|$(PREFIX)/bin/|' $$unit \
		>$(DESTDIR)$(PREFIX)/lib/systemd/system/$$unit; done; }
	[ -z '$(FCGIWRAP)' ] || { install -d $(DESTDIR)$(PREFIX)/sbin && \
		ln -sf ../bin/cgi-fcgi $(DESTDIR)$(PREFIX)/sbin/fcgiwrap; }

uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/cgi-fcgi \
		$(DESTDIR)$(PREFIX)/share/man/man1/cgi-fcgi.1 \
		$(DESTDIR)$(COMPLETION) $(DESTDIR)$(ZSH)/_cgi-fcgi
	rm -rf $(DESTDIR)$(PREFIX)/lib/cgi-fcgi
	rm -f $(DESTDIR)$(PREFIX)/lib/systemd/system/cgi-fcgi.*
	f=$(DESTDIR)$(PREFIX)/sbin/fcgiwrap; \
		[ "$$(readlink $$f)" != ../bin/cgi-fcgi ] || rm $$f

# A release: what git knows, under the name of the version.
dist:
	git archive --prefix=cgi-fcgi-$(VERSION)/ -o cgi-fcgi-$(VERSION).tar.gz HEAD

clean:
	rm -rf build cgi-fcgi preload/template.so

# The tests' helpers in C, each linked with common/; programs to be run by the
# wrapper stand alone.
$(B)/tests/cgi/%: tests/cgi/%.c $(B)/flags
	@mkdir -p $(@D)
	$(filter-out -fsanitize%,$(COMPILE)) -MF $@.d $(LDFLAGS) -o $@ $<

$(B)/tests/%: tests/%.c $(COMMON)
	@mkdir -p $(@D)
	$(COMPILE) -MF $@.d $(LDFLAGS) -o $@ $< $(COMMON)

# The library that makes calls fail, and what tells it which.
$(B)/faults/inject.so: faults/inject.c faults/inject.h $(B)/flags
	@mkdir -p $(@D)
	$(TEMPLATE_CC) -std=c11 $(WARN) $(CPPFLAGS) -O1 -g -fPIC -shared -o $@ $<

$(B)/faults/faults: $(FAULTS) faults/faults.h faults/inject.h $(COMMON)
	$(COMPILE) -MF $@.d $(LDFLAGS) -o $@ $(FAULTS) $(COMMON)

helpers: $(HELPERS) $(B)/faults/inject.so $(B)/faults/faults

# Fuzz targets: fuzz/run gives the compiler and its flags.
FUZZED   := $(filter-out $(B)/cgi-fcgi.o,$(OBJ)) $(B)/fuzz/fuzz.o \
	    $(B)/fuzz/world.o $(B)/fuzz/server.o

$(B)/fuzz/%: $(B)/fuzz/%.o $(FUZZED) fuzz/wraps
	$(CC) $(CFLAGS) -fsanitize=fuzzer $(LDFLAGS) \
		$(shell sed 's/^/-Wl,--wrap=/' fuzz/wraps) -o $@ $< $(FUZZED)

# What the fuzzer is to find its way through is the product.
$(B)/fuzz/%.o: CFLAGS += -fno-sanitize=fuzzer-no-link

.PRECIOUS: $(B)/fuzz/%.o

fuzz:
	tests/install
	fuzz/run $(T)

test:
	tests/install
	$(MAKE) all helpers
	CGI_FCGI='$(abspath $(BIN))' BUILD='$(abspath $(B))/tests' tests/run $(T)

# PART=10: only each tenth fault.
faults:
	tests/install
	$(MAKE) all helpers
	$(B)/faults/faults '$(abspath $(BIN))' '$(abspath $(B))'/faults/inject.so \
		'$(abspath $(B))'/tests/cgi $(PART)

# Many requests, in many ways, and all that tests/attack.bats has.
SOAK ?= 1000000
soak:
	ATTACK=long SOAK=$(SOAK) BATS_TEST_TIMEOUT=3600 FILE_TIMEOUT=7200 \
		JOBS=1 $(MAKE) T='tests/soak.bats tests/attack.bats' test

# Debian's package in a Debian that is booted for it (as root).
boot-test:
	command -v debootstrap && command -v systemd-nspawn || { \
		apt-get update && \
		apt-get install -y debootstrap systemd-container; }
	BATS_TEST_TIMEOUT=600 $(MAKE) T=tests/boot/systemd.bats test

# BENCH=full takes longer and means more.
bench: all
	CGI_FCGI='$(abspath $(BIN))' bench/run $(BENCH)

analyse coverage asan-test valgrind-test preload-test check:
	tests/install
	tests/$(@:-test=) $(T)

-include $(OBJ:.o=.d) $(HELPERS:=.d) $(wildcard $(B)/fuzz/*.d)

.PHONY: all static demo dist install uninstall clean helpers test bench FORCE \
	faults soak fuzz boot-test analyse coverage asan-test valgrind-test preload-test check
