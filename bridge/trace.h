#ifndef TRACE_H
#define TRACE_H

#include <stddef.h>

#include "record.h"

/* -trace: records in words on stderr, one a line, '>' sent and '<' received. */

/* Whole records as they are sent; a record may come in several calls. */
void trace_sent(const unsigned char *bytes, size_t n);

/* A piece of a record as it is received. */
void trace_received(const struct record *record);

#endif
