#ifndef FIELD_H
#define FIELD_H

#include <stdbool.h>

/*
 * Names of header fields: of a reply's (RFC 3875 §6.3), by which both sides
 * tell a header from what is none, and of a request's.
 */

/* Of a first name the end is looked for in so many bytes. */
#define FIELD_NAME_MAX 256

/* Whether it is a character of a token (RFC 9110 §5.6.2), as names are. */
bool field_is_token(char c);

#endif
