#ifndef OUT_H
#define OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "record.h"

/*
 * Bytes on their way back to the web server: one bounded buffer a connection,
 * filled with records. It knows nothing of requests. There is a buffer only
 * while there are bytes in it; buffers are kept for the next who needs one.
 * The content of the last record may still be in the pipe that it comes from
 * and go on from there.
 */

/* One full record, and room for what ends a request. */
#define OUT_SIZE (FCGI_HEADER_LEN + RECORD_CONTENT_MAX + 4096)

/* What a record takes beside its content: its header and its padding. */
#define OUT_OVERHEAD (FCGI_HEADER_LEN + 7)

struct out {
	unsigned char *buffer; /* NULL while empty */
	size_t start, end;     /* what waits to be sent */
	bool blocked;	       /* the socket took no more: wait for it */
	bool can_promise;      /* it is a unix socket */
	int pipe;	       /* has the last record's content: */
	size_t promised;       /* so much of it */
};

enum out_result {
	OUT_SENT,    /* all of it */
	OUT_BLOCKED, /* a rest waits */
	OUT_GONE,    /* the peer does not take it any more */
};

/* Makes sure that there is a buffer, and that records may be put into it.
 * Returns 0, or -1 if there is no memory. */
int out_open(struct out *out);

/* How many bytes fit. */
size_t out_space(const struct out *out);

/* How many wait. */
size_t out_used(const struct out *out);

/* Where the content of a stream record may be written, and how much of it:
 * *room may be 0. out_open must have been called. */
unsigned char *out_content(struct out *out, size_t *room);

/* Makes a record of n > 0 bytes written there: header and padding. */
void out_commit(struct out *out, uint8_t type, uint16_t id, size_t n);

/* Makes a record, without padding, of n > 0 bytes that wait in a pipe; n is at
 * most the room that out_content tells. Nothing else may be put in and the pipe
 * may not be read or closed before out_flush has sent it, or out_fetch has been
 * called. */
void out_promise(struct out *out, uint8_t type, uint16_t id, int pipe,
		 size_t n);

/* Takes over what was promised: the pipe is not needed any more. */
void out_fetch(struct out *out);

/* A record from elsewhere, if it fits; returns whether it does. */
bool out_record(struct out *out, uint8_t type, uint16_t id, const void *bytes,
		size_t n);

/* FCGI_END_REQUEST, if it fits; returns whether it does. */
bool out_end_request(struct out *out, uint16_t id, uint32_t app_status,
		     uint8_t protocol_status);

/* Sends to a non-blocking socket what it takes. */
enum out_result out_flush(struct out *out, int fd);

/* Gives the buffer back, with whatever is in it. May be called twice. */
void out_close(struct out *out);

#endif
