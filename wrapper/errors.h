#ifndef ERRORS_H
#define ERRORS_H

#include <stddef.h>
#include <sys/types.h>

/*
 * -stderr log: what a program writes to its stderr, line by line on the
 * wrapper's own, with the program's name and pid.
 */

#define ERRORS_LINE_MAX 512 /* a longer line is written in parts */

struct errors {
	char *line; /* what has come of a line; owned */
	size_t used;
};

/* Takes n bytes of stderr; program and pid begin each line. Zeroed is ready.
 * Without memory the bytes are lost, which a line says. */
void errors_take(struct errors *errors, const char *program, pid_t pid,
		 const unsigned char *bytes, size_t n);

/* Writes a last line that has no newline. May be called twice. */
void errors_close(struct errors *errors, const char *program, pid_t pid);

#endif
