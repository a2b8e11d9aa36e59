#ifndef PEEK_H
#define PEEK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "record.h"

/*
 * A look at what a web server has sent and nobody has taken yet. It takes
 * nothing: neither out of the socket nor out of the reader.
 */

/* Whether a record waits that is no body of the request id, among n bytes that
 * were read and are the next for the reader, or behind them in the socket. */
bool peek_past_body(const struct record_reader *reader, uint16_t id,
		    const unsigned char *bytes, size_t n, int socket);

#endif
