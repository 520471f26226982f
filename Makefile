# jobmill - make help lists the targets.
#
# One build directory for each variant: build/ (release), build/asan, build/tsan.
# Every room is an archive; a unit test links its own room and those below it.

BUILD    ?= build
CC       ?= gcc
SANITIZE ?=
V        ?= 0

ifeq ($(origin CC),default)
CC := gcc
endif

ROOMS := base store net handlers service

PACKAGES := libmicrohttpd libcurl libcjson sqlite3 nettle libxxhash libpsl expat libpcre2-8 zlib libzstd lua5.4
CFLAGS   ?= -O2 -g
WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition \
            -Wpointer-arith -Wwrite-strings -Wformat=2 -Wvla -Wundef
CPPFLAGS += -I. -I$(BUILD) -D_GNU_SOURCE
ALL_CFLAGS = -std=gnu11 $(CFLAGS) $(WARNINGS) -fstack-protector-strong -pthread $(PKG_CFLAGS)
PKG_CFLAGS := $(shell pkg-config --cflags $(PACKAGES) 2>/dev/null)
LIBS       := $(shell pkg-config --libs $(PACKAGES) 2>/dev/null) -lgmp -lunistring -lm
LDFLAGS  += -pthread

ifneq ($(SANITIZE),)
ALL_CFLAGS += -fsanitize=$(SANITIZE) -fno-omit-frame-pointer -fno-sanitize-recover=undefined -DLOCK_CHECK
LDFLAGS    += -fsanitize=$(SANITIZE)
endif

Q := $(if $(filter 1,$(V)),,@)

sources = $(shell find $(1) -name '*.c' | sort)
objects = $(patsubst %.c,$(BUILD)/%.o,$(call sources,$(1)))

ARCHIVES := $(ROOMS:%=$(BUILD)/%.a)
# What a test of a room links: the room, then what it may include.
LINK_base     := $(BUILD)/base.a
LINK_store    := $(BUILD)/store.a $(BUILD)/base.a
LINK_net      := $(BUILD)/net.a $(BUILD)/base.a
LINK_handlers := $(BUILD)/handlers.a $(BUILD)/net.a $(BUILD)/base.a
LINK_service  := $(BUILD)/service.a $(BUILD)/handlers.a $(BUILD)/store.a $(BUILD)/net.a $(BUILD)/base.a

.PHONY: all
all: $(BUILD)/jobmill ## build the daemon

$(BUILD)/jobmill: $(BUILD)/service/main.o $(LINK_service)
	$(Q)echo "  LD $@"
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $< -Wl,--start-group $(LINK_service) -Wl,--end-group $(LIBS)

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(Q)echo "  CC $<"
	$(Q)$(CC) $(ALL_CFLAGS) $(CPPFLAGS) -MMD -MP -c -o $@ $<

# openapi.yaml as a C string: one literal a line.
$(BUILD)/openapi.h: openapi.yaml
	@mkdir -p $(@D)
	$(Q)(echo 'static const char openapi_yaml[] =' && \
	  sed -e 's/[\\"]/\\&/g' -e 's/^/"/' -e 's/$$/\\n"/' $< && echo ';') >$@
$(BUILD)/service/http/api_system.o: $(BUILD)/openapi.h

# libxml2 is loaded when the first XPath is compiled: only its headers are needed.
$(patsubst %.c,$(BUILD)/%.o,$(wildcard handlers/html/xpath*.c)): CPPFLAGS += $(shell pkg-config --cflags libxml-2.0)

# The named character references of HTML, from Python's copy of the standard's list.
$(BUILD)/handlers/html/charref.o: $(BUILD)/handlers/html/entities.inc
$(BUILD)/handlers/html/entities.inc: handlers/html/entities.py
	@mkdir -p $(@D)
	$(Q)python3 $< > $@.tmp && mv $@.tmp $@

define room_template
$(BUILD)/$(1).a: $$(filter-out $(BUILD)/service/main.o,$$(call objects,$(1)))
	@rm -f $$@
	$(Q)ar rcs $$@ $$^
endef
$(foreach room,$(ROOMS),$(eval $(call room_template,$(room))))

# tests/unit/<room>/test_<file>.c; what several tests share is tests/lib/*.c
UNIT_TESTS := $(patsubst %.c,$(BUILD)/%,$(shell find tests/unit -name 'test_*.c' 2>/dev/null | sort))
# Archives, so that a test takes only the members that it needs.  The fakes of run.h are for the
# tests of handlers; in those of the service the engine's own verbs stand.
TEST_LIB       := $(BUILD)/tests/lib.a
FAKES          := $(BUILD)/tests/fakes.a
LINK_handlers_test := $(FAKES)

$(TEST_LIB): $(filter-out $(BUILD)/tests/lib/fake_%,$(call objects,tests/lib))
	@rm -f $@
	$(Q)ar rcs $@ $^

$(FAKES): $(filter $(BUILD)/tests/lib/fake_%,$(call objects,tests/lib))
	@rm -f $@
	$(Q)ar rcs $@ $^

define unit_template
$(BUILD)/tests/unit/$(1)/%: $(BUILD)/tests/unit/$(1)/%.o $$(LINK_$(1)) $$(LINK_$(1)_test) $$(TEST_LIB)
	$(Q)echo "  LD $$@"
	$(Q)$$(CC) $$(ALL_CFLAGS) $$(LDFLAGS) -o $$@ $$< -Wl,--start-group $$(LINK_$(1)) $$(LINK_$(1)_test) $$(TEST_LIB) -Wl,--end-group $$(LIBS) -lcmocka
endef
$(foreach room,$(ROOMS),$(eval $(call unit_template,$(room))))
# Its allocations fail when it says so.
$(BUILD)/tests/unit/net/test_no_memory: override LDFLAGS += \
	-Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup,--wrap=strndup,--wrap=pthread_create

.PHONY: unit-build
unit-build: $(UNIT_TESTS)

# Fuzz targets: tests/fuzz/fuzz_<name>.c, built with clang's libFuzzer.
FUZZ := $(patsubst tests/fuzz/%.c,$(BUILD)/%,$(wildcard tests/fuzz/fuzz_*.c))
$(BUILD)/fuzz_%: $(BUILD)/tests/fuzz/fuzz_%.o $(TEST_LIB) $(LINK_service)
	$(Q)echo "  LD $@"
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -fsanitize=fuzzer -o $@ $< $(TEST_LIB) -Wl,--start-group $(LINK_service) -Wl,--end-group $(LIBS)
.PHONY: fuzz-build
fuzz-build: $(FUZZ)

# Benchmarks in C: tests/bench/bench_<name>.c, each linked with everything; one has two
# parsers as peers.
$(BUILD)/bench_html: BENCH_LIBS := -lgumbo -lxml2
$(BUILD)/bench_crawl: BENCH_LIBS := -lxml2
$(BUILD)/tests/bench/bench_html.o $(BUILD)/tests/bench/bench_crawl.o: CPPFLAGS += -I/usr/include/libxml2
BENCH := $(patsubst tests/bench/%.c,$(BUILD)/%,$(wildcard tests/bench/bench_*.c))
$(BUILD)/bench_%: $(BUILD)/tests/bench/bench_%.o $(TEST_LIB) $(LINK_service)
	$(Q)echo "  LD $@"
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $< $(TEST_LIB) -Wl,--start-group $(LINK_service) -Wl,--end-group $(LIBS) $(BENCH_LIBS)
$(BUILD)/slow_sync.so: tests/bench/slow_sync.c
	$(Q)$(CC) $(ALL_CFLAGS) $(CPPFLAGS) -shared -fPIC -o $@ $<
.PHONY: bench-build
bench-build: $(BENCH) $(BUILD)/slow_sync.so

# ---- what people call ----

ASAN := BUILD=build/asan SANITIZE=address,undefined CFLAGS="-O1 -g"
TSAN := BUILD=build/tsan SANITIZE=thread CFLAGS="-O1 -g"
FUZZER := BUILD=build/fuzz CC=clang SANITIZE=address,undefined CFLAGS="-O1 -g -fsanitize=fuzzer-no-link"
FUZZ_SECONDS ?= 20
JOBS ?= $(shell nproc)

.PHONY: help
help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 16

.PHONY: deps deps-test
deps: ## install what the build needs (Debian packages)
	@tests/tools/install build
deps-test:
	@tests/tools/install build test

.PHONY: demo
demo: deps ## build, start, crawl real pages, kill, resume: about a minute
	@$(MAKE) --no-print-directory -j$(JOBS) all
	@examples/demo

.PHONY: test
test: deps-test ## build everything and run every test that must pass
	@tests/run

.PHONY: lint
lint: deps-test ## warnings, clang-tidy, thread safety, include rules, format
	@tests/lint/run

.PHONY: fuzz
fuzz: deps-test ## fuzz each target for FUZZ_SECONDS (an hour: 3600)
	@$(MAKE) --no-print-directory -j$(JOBS) $(FUZZER) fuzz-build
	@tests/fuzz/run $(FUZZ_SECONDS)

.PHONY: bench
bench: deps-test ## speed and memory beside the named peers, in one run
	@tests/tools/install bench
	@$(MAKE) --no-print-directory -j$(JOBS) all bench-build
	@tests/bench/run

.PHONY: kills
kills: deps-test ## a long campaign of kill -9
	@$(MAKE) --no-print-directory -j$(JOBS) all
	@tests/fault/kills --rounds 1000

.PHONY: container
container: ## build the image with buildah on a debootstrap base, and try it
	@tests/tools/container

PREFIX ?= /usr/local
.PHONY: install
install: all ## install the binary and the systemd unit
	install -D -m 755 $(BUILD)/jobmill $(DESTDIR)$(PREFIX)/bin/jobmill
	install -D -m 644 jobmill.service $(DESTDIR)/lib/systemd/system/jobmill.service

.PHONY: format
format: ## let clang-format have its way
	clang-format -i $$(git ls-files '*.c' '*.h')

.PHONY: clean
clean: ## remove what was built
	rm -rf build

.SECONDARY:
-include $(shell find $(ROOMS:%=$(BUILD)/%) $(BUILD)/tests -type f -name '*.d' 2>/dev/null)
