#ifndef STATUS_H
#define STATUS_H

#include <stdbool.h>
#include <stddef.h>

#include "env.h"

/*
 * -status: the wrapper's own counters, as a page, and as a line for the service
 * manager. It reads the shared numbers and changes none.
 */

#define STATUS_PAGE_MAX 16384

/* Whether a request with these variables asks for the status page or its
 * ping. */
bool status_is_asked(const struct env *env);

/* Writes the whole reply (header and body): text, or JSON with ?json, or
 * OpenMetrics with ?openmetrics, or pong. Returns its length. */
size_t status_page(char page[STATUS_PAGE_MAX], const struct env *env);

/* Whether requests have come since it was last asked. */
bool status_is_new(void);

/* Tells the service manager how things are, in one line. */
void status_tell(void);

#endif
