#ifndef PRELUDE_H
#define PRELUDE_H

#include <stdbool.h>

/*
 * What -preload loads into programs: where it is, and which interpreters can be
 * told to compile first and to wait then. Of templates it knows nothing.
 */

struct prelude {
	char *words[2]; /* valid until the next call */
	int count;
	int at; /* before which word of the command line they go */
};

/* Once: finds template.so and the preludes. Returns 0, or -1. */
int prelude_init(void);

/* The path of template.so. */
const char *prelude_library(void);

/* Fills prelude for a command line, ended by NULL. Returns whether there is
 * one: without it a program waits before its main. */
bool prelude_of(struct prelude *prelude, char *const *words);

#endif
