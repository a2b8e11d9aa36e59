#ifndef RECORD_H
#define RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The wire format of FastCGI 1.0: records (§3.3). Pure functions on bytes: no
 * input or output, no memory of their own. Every length of a record that comes
 * from outside is checked here and nowhere else.
 */

enum {
	FCGI_VERSION_1 = 1,
	FCGI_HEADER_LEN = 8,
	FCGI_MAX_CONTENT = 65535,
	FCGI_LISTENSOCK_FILENO = 0,
	FCGI_NULL_REQUEST_ID = 0,
	FCGI_KEEP_CONN = 1,
};

/* Content of a full stream record: the most that keeps header, content and
 * padding a multiple of 8, and content + padding at most 65,535 (php-fpm). */
#define RECORD_CONTENT_MAX 65528

enum record_type {
	FCGI_BEGIN_REQUEST = 1,
	FCGI_ABORT_REQUEST = 2,
	FCGI_END_REQUEST = 3,
	FCGI_PARAMS = 4,
	FCGI_STDIN = 5,
	FCGI_STDOUT = 6,
	FCGI_STDERR = 7,
	FCGI_DATA = 8,
	FCGI_GET_VALUES = 9,
	FCGI_GET_VALUES_RESULT = 10,
	FCGI_UNKNOWN_TYPE = 11,
};

enum record_role {
	FCGI_RESPONDER = 1,
	FCGI_AUTHORIZER = 2,
	FCGI_FILTER = 3,
};

enum protocol_status {
	FCGI_REQUEST_COMPLETE = 0,
	FCGI_CANT_MPX_CONN = 1,
	FCGI_OVERLOADED = 2,
	FCGI_UNKNOWN_ROLE = 3,
};

/*
 * Takes records out of bytes that come in pieces of any size. Zeroed is ready.
 * BEGIN_REQUEST, END_REQUEST and UNKNOWN_TYPE have a body of 8 bytes: they are
 * handed on once, whole. All others are handed on piece by piece, in place.
 */
struct record_reader {
	unsigned char header[FCGI_HEADER_LEN];
	unsigned char body[8];
	uint8_t have;	   /* bytes of the header that have come */
	uint8_t body_have; /* bytes of the body that have come */
	uint16_t content;  /* bytes of content still to come */
	uint16_t padding;  /* bytes of padding still to come */
	bool inside;	   /* between a header and its record's end */
	bool begun;	   /* a piece of this record was handed on */
};

/* A piece of one record. */
struct record {
	uint8_t type;
	uint16_t id;
	uint16_t content_length;    /* of the whole record */
	uint8_t padding_length;	    /* of the whole record */
	bool first;		    /* the record's first piece */
	bool last;		    /* its last: the content is complete */
	const unsigned char *bytes; /* into the reader's input or the reader */
	size_t length;
};

enum record_result {
	RECORD_MORE = 0,  /* all input is used up */
	RECORD_PIECE = 1, /* *record is filled */
	RECORD_BAD = -1,  /* a version other than 1: not FastCGI */
};

/*
 * Reads from *input up to end, moves *input behind what it used. A record with
 * no content gives one piece of length 0, first and last. bytes of a piece
 * are valid until the input or the reader changes. A body of the fixed types
 * that is shorter than 8 bytes is handed on with the length that it has.
 */
enum record_result record_next(struct record_reader *reader,
			       const unsigned char **input,
			       const unsigned char *end, struct record *record);

/* Gives back the last n bytes of a piece: *input is moved back and the next
 * call hands them on again. n <= record->length; a piece of a fixed body, or
 * one of length 0, is given back whole. */
void record_unread(struct record_reader *reader, const unsigned char **input,
		   const struct record *record, size_t n);

/* Content of the record under way that is still to come, if its bytes need not
 * be looked at: type, id and first are told in *record. 0: there is none. */
size_t record_left(const struct record_reader *reader, struct record *record);

/* So much of it has been taken elsewhere. */
void record_passed(struct record_reader *reader, size_t n);

/* How many bytes there are before the content of the next record, less what
 * record_left tells. */
size_t record_before_next(const struct record_reader *reader);

/* Writes the 8 bytes of a header (§3.3). */
void record_header(unsigned char out[FCGI_HEADER_LEN], uint8_t type,
		   uint16_t id, uint16_t content, uint8_t padding);

/* Padding that brings content to a multiple of 8. */
uint8_t record_padding(size_t content);

/* Writes an FCGI_END_REQUEST record of 16 bytes (§5.5). */
void record_end_request(unsigned char out[16], uint16_t id, uint32_t app_status,
			uint8_t protocol_status);

/* Writes an FCGI_BEGIN_REQUEST record of 16 bytes (§5.1). */
void record_begin_request(unsigned char out[16], uint16_t id, uint16_t role,
			  uint8_t flags);

/* Numbers as they stand on the wire: the highest byte first. */
uint16_t record_u16(const unsigned char bytes[2]);
uint32_t record_u32(const unsigned char bytes[4]);

/* The name of a record type as the specification spells it, or NULL. */
const char *record_type_name(uint8_t type);

/* The same of a role, without FCGI_; "?" if there is no such role. */
const char *record_role_name(unsigned role);

/* The name of a protocolStatus, and what an application says by it; NULL if
 * there is no such status. */
const char *record_status_text(unsigned status);

/* Whether a record of that type has a body of 8 bytes and no stream. */
bool record_has_body(uint8_t type);

#endif
