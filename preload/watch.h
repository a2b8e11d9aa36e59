#ifndef WATCH_H
#define WATCH_H

#include <stdbool.h>

/*
 * What was loaded, and whether it changes: a template of an older program must
 * not answer. It owns the list that preludes write (cgi_fcgi_files), and does
 * not know who looks at what it returns.
 */

/* Before main: what changes from now on may be another file than was loaded. */
void watch_begin(void);

/* For a prelude, which lists what is loaded that the kernel does not map. */
void watch_open_list(void);

/* Whether there is such a list, and it is not used yet. */
bool watch_is_listed(void);

/* Returns a descriptor that becomes readable when one of the files changes. */
int watch_files(void);

#endif
