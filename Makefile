# kinessis. `make help` lists the targets; ./bootstrap installs what they need and calls make.
#
# BUILD=dir        where everything is built (default: build)
# PREFIX=dir       where `make install` puts it (default: /usr/local)
# DUCKDB_PREFIX=d  an installed DuckDB: d/include/duckdb.h and d/lib/libduckdb.so

MAKEFLAGS += --no-print-directory -j$(shell nproc 2>/dev/null || echo 1)

# One line a file; make V=1 prints the commands, make -s nothing.
silent := $(findstring s,$(firstword -$(MAKEFLAGS)))
say = $(if $(V),,@$(if $(silent),,printf '  %-5s %s\n' $(1) $(2);))

BUILD   ?= build
PREFIX  ?= /usr/local
VERSION := 0.1.0

CC       ?= cc
CSTD     := -std=c11 -D_GNU_SOURCE
WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
            -Wwrite-strings -Wvla -Wformat=2 $(if $(WERROR),-Werror)
OPTIMIZE ?= -O2 -g
SANITIZE ?=
WERROR   ?=
PACKAGES := lua5.4 lua5.4-cjson libcurl libcrypto libmicrohttpd libnghttp2 jansson sqlite3 libedit \
            expat zlib

# DuckDB comes from npm (package.json) unless DUCKDB_PREFIX names an installed one. It is opened at
# run time, so only its header is needed here.
ifdef DUCKDB_PREFIX
DUCKDB_INCLUDE := $(DUCKDB_PREFIX)/include
DUCKDB_LIBRARY := $(firstword $(wildcard $(DUCKDB_PREFIX)/lib/libduckdb.so $(DUCKDB_PREFIX)/libduckdb.so))
else
DUCKDB_INCLUDE := node_modules/duckdb/src/duckdb/src/include
DUCKDB_LIBRARY := $(firstword $(wildcard $(CURDIR)/node_modules/@duckdb/node-bindings-*/libduckdb.so))
endif

PACKAGE_CPPFLAGS := $(shell pkg-config --cflags $(PACKAGES))
PACKAGE_LDLIBS   := $(shell pkg-config --libs $(PACKAGES))

CPPFLAGS += -Isrc -isystem $(DUCKDB_INCLUDE) $(PACKAGE_CPPFLAGS) \
            -DKN_VERSION='"$(VERSION)"' -DKN_DUCKDB_BUILD='"$(DUCKDB_LIBRARY)"'
CFLAGS   += $(CSTD) $(WARNINGS) $(OPTIMIZE) $(SANITIZE) -pthread -MMD -MP
LDFLAGS  += $(SANITIZE) -pthread -rdynamic
LDLIBS   += $(PACKAGE_LDLIBS) -ldl -lm

SOURCES  := $(filter-out src/main.c,$(wildcard src/*/*.c src/*/*/*.c))
OBJECTS  := $(SOURCES:src/%.c=$(BUILD)/%.o)
EMBEDDED := $(shell find lua $(wildcard scripts) -name '*.lua' | LC_ALL=C sort)
LIBRARY  := $(BUILD)/libkinessis.a
TESTS_C  := $(patsubst tests/c/%.c,$(BUILD)/tests/%.t,$(shell find tests/c -name '*.c'))
BENCHES  := $(patsubst tests/bench/%.c,$(BUILD)/bench/%,$(wildcard tests/bench/*.c))
FUZZERS  := $(patsubst tests/fuzz/%.c,$(BUILD)/%.fuzz,$(wildcard tests/fuzz/*.c))

.PHONY: all help programs test check format bench demo asan asan-test tsan-test fuzz fuzzers fuzz-smoke install clean
.SECONDARY:

all: $(BUILD)/kinessis   ## build $(BUILD)/kinessis

help:                    ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1	\2/p' Makefile

$(BUILD)/kinessis: $(BUILD)/main.o $(BUILD)/embedded.o $(LIBRARY)
	$(call say,LINK,$@)$(CC) $(LDFLAGS) -o $@ $(BUILD)/main.o $(BUILD)/embedded.o $(LIBRARY) $(LDLIBS)

$(LIBRARY): $(OBJECTS)
	@rm -f $@
	$(call say,AR,$@)$(AR) rcs $@ $(OBJECTS)

$(BUILD)/%.o: src/%.c Makefile
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

# The Lua library and the scenarios travel inside the binary: one assembler file includes their bytes.
$(BUILD)/embedded.S: tools/embed.sh $(EMBEDDED)
	@mkdir -p $(@D)
	@sh tools/embed.sh $(EMBEDDED) > $@

$(BUILD)/embedded.o: $(BUILD)/embedded.S
	$(call say,AS,$<)$(CC) -c -o $@ $<

$(BUILD)/tests/%.t: tests/c/%.c $(LIBRARY) $(BUILD)/embedded.o tests/c/tap.h
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(CPPFLAGS) -Itests/c $(CFLAGS) $(LDFLAGS) -o $@ $< $(BUILD)/embedded.o $(LIBRARY) $(LDLIBS)

programs: $(BUILD)/kinessis $(TESTS_C)   ## build the program and the C tests

test: programs           ## run every test (TAP, one prove); T="paths" narrows it
	@BUILD="$(BUILD)" C_TESTS="$(TESTS_C)" tests/run $(T)

check:                   ## formatting, lint, layering
	@sh tools/check.sh

format:                  ## format the C sources
	clang-format -i $$(git ls-files 'src/*.[ch]' 'tests/*.[ch]' 'tools/*.[ch]')

demo: $(BUILD)/kinessis  ## the tutorial's journey, on the lake
	@$(BUILD)/kinessis demo

bench: $(BUILD)/kinessis $(BENCHES) ## measure, as ratios to limits and rivals
	BUILD="$(BUILD)" sh tests/bench/run.sh

$(BUILD)/bench/%: tests/bench/%.c tests/bench/by_hand.h $(LIBRARY) $(BUILD)/embedded.o
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $< $(BUILD)/embedded.o $(LIBRARY) $(LDLIBS)

SANITIZED := $(MAKE) BUILD=$(BUILD)/asan OPTIMIZE="-O1 -g" \
  SANITIZE="-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer"

asan:                    ## build/asan/kinessis with address and undefined-behaviour sanitizers
	$(SANITIZED) all

asan-test:               ## every test under the sanitizers; T="paths" narrows it
	@mkdir -p $(BUILD)/asan && ln -sfn ../peers $(BUILD)/asan/peers
	$(SANITIZED) test

# Left out: what loops in Lua until a signal comes, which this sanitizer keeps until the thread calls
# something that it knows; and what looks at the threads, the memory or the making of the program.
UNTHREADED := $(addprefix tests/e2e/,repl.t.py run.t.sh outcome.t.py run_shards.t.py plan_docs.t.py)
THREADED    = $(TESTS_C:$(BUILD)/%=$(BUILD)/tsan/%) $(filter-out $(UNTHREADED), \
  $(shell find tests/lua tests/e2e tests/interop -name '*.t.*' -not -path '*/node_modules/*'))
RACES      := $(abspath $(BUILD))/tsan/races

tsan-test:               ## the tests under the thread sanitizer; T="paths" narrows it
	@rm -rf $(RACES) && mkdir -p $(RACES) && ln -sfn ../peers $(BUILD)/tsan/peers
	@TSAN_OPTIONS="suppressions=$(CURDIR)/tests/support/tsan.supp log_path=$(RACES)/of" \
	  $(MAKE) BUILD=$(BUILD)/tsan OPTIMIZE="-O1 -g" T="$(or $(T),$(THREADED))" \
	  SANITIZE="-fsanitize=thread -fno-omit-frame-pointer" test; \
	  code=$$?; ! cat $(RACES)/* 2>/dev/null && exit $$code

fuzz:                    ## build the fuzz targets: build/fuzz/<name> (clang)
	$(MAKE) BUILD=$(BUILD)/fuzz CC=clang OPTIMIZE="-O1 -g" \
	  SANITIZE="-fsanitize=address,undefined,fuzzer-no-link -fno-sanitize-recover=undefined" fuzzers

fuzzers: $(FUZZERS)

fuzz-smoke: fuzz         ## run every fuzz target for FUZZ_SECONDS (10), from FUZZ_SEED (1)
	@sh tools/fuzz.sh $(FUZZERS:$(BUILD)/%=$(BUILD)/fuzz/%)

$(BUILD)/%.fuzz: tests/fuzz/%.c $(LIBRARY) $(BUILD)/embedded.o
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -fsanitize=fuzzer -o $@ $< $(BUILD)/embedded.o $(LIBRARY) $(LDLIBS)

install: $(BUILD)/kinessis  ## install under PREFIX
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/lib/kinessis $(DESTDIR)$(PREFIX)/share/doc/kinessis
	install -m 755 $(BUILD)/kinessis $(DESTDIR)$(PREFIX)/bin/kinessis
	install -m 644 $(DUCKDB_LIBRARY) $(DESTDIR)$(PREFIX)/lib/kinessis/libduckdb.so
	install -m 644 LICENSE README.md CHANGELOG.md $(DESTDIR)$(PREFIX)/share/doc/kinessis

clean:                   ## remove everything built
	rm -rf $(BUILD)

-include $(OBJECTS:.o=.d) $(BUILD)/main.d $(TESTS_C:.t=.d)
