# cgi-fcgi: one binary, libc alone. Linux and a C11 compiler are the platform.
VERSION = 0.1

CC       ?= cc
CFLAGS   ?= -O2
WARN      = -Wall -Wextra -Wpedantic -Wshadow -Wconversion \
            -Wstrict-prototypes -Wmissing-prototypes
CPPFLAGS += -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DVERSION='"$(VERSION)"' \
            -Icommon
PREFIX   ?= /usr/local
B        ?= build

SRC := cgi-fcgi.c $(wildcard common/*.c wrapper/*.c bridge/*.c)
OBJ := $(SRC:%.c=$(B)/%.o)

all: cgi-fcgi

cgi-fcgi: $(OBJ)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(OBJ)

$(B)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) -std=c11 $(WARN) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

-include $(OBJ:.o=.d)

.PHONY: all
