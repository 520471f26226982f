# jobmill - make help lists the targets.
#
# One build directory for each variant: build/ (release), build/asan, build/tsan.
#   make BUILD=build/asan SANITIZE=address,undefined …
# Every room is an archive; a unit test links its own room and those below it.

BUILD    ?= build
CC       ?= gcc
SANITIZE ?=
V        ?= 0

ifeq ($(origin CC),default)
CC := gcc
endif

ROOMS := base store net handlers service

PACKAGES := libmicrohttpd libcurl libcjson sqlite3 nettle libxxhash libidn2
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

define room_template
$(BUILD)/$(1).a: $$(filter-out $(BUILD)/service/main.o,$$(call objects,$(1)))
	@rm -f $$@
	$(Q)ar rcs $$@ $$^
endef
$(foreach room,$(ROOMS),$(eval $(call room_template,$(room))))

# tests/unit/<room>/test_<file>.c; what several tests share is tests/lib/*.c
UNIT_TESTS := $(patsubst %.c,$(BUILD)/%,$(shell find tests/unit -name 'test_*.c' 2>/dev/null | sort))
TEST_LIB   := $(call objects,tests/lib)

define unit_template
$(BUILD)/tests/unit/$(1)/%: $(BUILD)/tests/unit/$(1)/%.o $$(TEST_LIB) $$(LINK_$(1))
	$(Q)echo "  LD $$@"
	$(Q)$$(CC) $$(ALL_CFLAGS) $$(LDFLAGS) -o $$@ $$< $$(TEST_LIB) -Wl,--start-group $$(LINK_$(1)) -Wl,--end-group $$(LIBS) -lcmocka
endef
$(foreach room,$(ROOMS),$(eval $(call unit_template,$(room))))

.SECONDARY:
-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
