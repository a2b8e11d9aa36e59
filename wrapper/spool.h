#ifndef SPOOL_H
#define SPOOL_H

#include <stddef.h>
#include <sys/types.h>

/*
 * A queue of bytes in a temporary file that has no name: for bodies that must
 * wait. It owns the file; who fills and empties it is not its business.
 */

struct spool {
	int fd;		  /* -1: there is no file */
	off_t begin, end; /* what of the file waits */
};

/* Makes the file in -spool DIR. Returns 0, or -1 and errno. */
int spool_open(struct spool *spool);

/* How many bytes wait. */
off_t spool_size(const struct spool *spool);

/* Appends all of n bytes. Returns 0, or -1 and errno (ENOSPC). */
int spool_write(struct spool *spool, const void *bytes, size_t n);

enum spool_result {
	SPOOL_EMPTY, /* all has been moved */
	SPOOL_FULL,  /* the pipe takes no more */
	SPOOL_BAD,   /* errno says why; EPIPE: nobody reads the pipe */
};

/* Moves bytes into a non-blocking pipe; *moved tells how many. */
enum spool_result spool_feed(struct spool *spool, int pipe, size_t *moved);

/* May be called twice. */
void spool_close(struct spool *spool);

#endif
