#ifndef PARAMS_H
#define PARAMS_H

#include <stddef.h>

/*
 * FCGI_PARAMS on their way out (FastCGI 1.0 §3.4, §5.2): a list of variables,
 * made into records in which no pair is cut unless it fits in none. php-fpm
 * reads each record by itself.
 */

struct params {
	unsigned char *bytes; /* whole records but for the last; owned */
	size_t used;
	size_t size;
	size_t record; /* where the record that is being filled begins */
};

/* Appends a pair; ends the process if there is no memory. */
void params_add(struct params *params, const char *name, size_t name_length,
		const char *value, size_t value_length);

/* Ends the stream. */
void params_end(struct params *params);

/* Appends raw bytes before any pair or after the end. */
void params_raw(struct params *params, const unsigned char *bytes, size_t n);

#endif
