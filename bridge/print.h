#ifndef PRINT_H
#define PRINT_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The answer on its way to stdout: all of it, its header or its body, and
 * what HTTP status it has (RFC 3875 §6.3.3).
 */

/* Looks at what stdout is. */
void print_open(void);

/* Takes n bytes of the answer: valid until print_flush has returned true. */
void print_take(const unsigned char *bytes, size_t n);

/* Writes what stdout takes without waiting; false: a rest waits for it to
 * become writable. Ends the process if nobody reads it any more. */
bool print_flush(void);

/* Whether something waits. */
bool print_waits(void);

/* The status that the answer's header gives; 0: it has no header. */
int print_status(void);

#endif
