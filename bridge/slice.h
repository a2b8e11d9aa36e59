#ifndef SLICE_H
#define SLICE_H

#include <stddef.h>

/* Bytes that belong to somebody else. */
struct slice {
	const unsigned char *bytes;
	size_t length;
};

#endif
