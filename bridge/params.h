#ifndef PARAMS_H
#define PARAMS_H

#include <stddef.h>

/*
 * The request's variables, and their way into FCGI_PARAMS records (FastCGI
 * 1.0 §5.2). Names and values are not copied: they live as long as the list,
 * as texts that are made for it do.
 */

/* A connection carries one request. */
#define PARAMS_REQUEST_ID 1

struct param {
	const char *name;
	const char *value;
	size_t name_length;
	size_t value_length;
};

struct params_text;

#define PARAMS_FIRST 64 /* need no memory of their own */

struct params {
	struct param *list;
	size_t count;
	size_t room;
	struct params_text *texts;
	struct param first[PARAMS_FIRST];
};

/* Makes an empty list, which must stay where it is. */
void params_open(struct params *params);

/* Appends a variable, whatever there is already. Ends the process if there is
 * no memory, as all of these do. */
void params_add(struct params *params, const char *name, size_t name_length,
		const char *value);

/* Room for a text of size bytes that lives as long as the list. */
char *params_text(struct params *params, size_t size);

/* The variable of that name has this value from now on. */
void params_set(struct params *params, const char *name, const char *value);

/* The same for NAME=VALUE; name_length is that of NAME. */
void params_set_pair(struct params *params, const char *pair,
		     size_t name_length);

/* Forgets all variables of that name. */
void params_drop(struct params *params, const char *name);

/* The value of the last variable of that name, or NULL. */
const char *params_get(const struct params *params, const char *name);

/*
 * Writes a FCGI_BEGIN_REQUEST record, the variables and the end of their
 * stream. A pair is never cut over two records unless it fits in none: php-fpm
 * parses each record by itself. Returns the bytes: they are in room, which has
 * size bytes, or in memory that the caller frees.
 */
unsigned char *params_encode(const struct params *params, unsigned short role,
			     unsigned char *room, size_t size, size_t *length);

/* Frees the list and its texts. May be called twice. */
void params_free(struct params *params);

#endif
