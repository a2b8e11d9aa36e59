/*
 * spool: a body on the disk. Bytes are appended at the end and sent from the
 * beginning without passing through us (sendfile).
 */
#include "spool.h"

#include <errno.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include "settings.h"
#include "temporary.h"

#define CHUNK (1024 * 1024)

int spool_open(struct spool *spool)
{
	spool->begin = spool->end = 0;
	spool->fd = temporary_open(set.spool);
	return spool->fd < 0 ? -1 : 0;
}

off_t spool_size(const struct spool *spool)
{
	return spool->end - spool->begin;
}

int spool_write(struct spool *spool, const void *bytes, size_t n)
{
	const char *from = bytes;

	while (n > 0) {
		ssize_t written = pwrite(spool->fd, from, n, spool->end);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return -1;
		spool->end += written;
		from += written;
		n -= (size_t)written;
	}
	return 0;
}

/* All has been taken: give the disk its blocks back. */
static enum spool_result emptied(struct spool *spool)
{
	if (spool->end > 0 && ftruncate(spool->fd, 0) == 0)
		spool->begin = spool->end = 0;
	return SPOOL_EMPTY;
}

enum spool_result spool_feed(struct spool *spool, int pipe, size_t *moved)
{
	*moved = 0;
	while (spool_size(spool) > 0) {
		off_t size = spool_size(spool);
		ssize_t n = sendfile(pipe, spool->fd, &spool->begin,
				     size < CHUNK ? (size_t)size : CHUNK);

		if (n > 0) {
			*moved += (size_t)n;
		} else if (n < 0 && errno == EAGAIN) {
			return SPOOL_FULL;
		} else if (n == 0 || errno != EINTR) {
			/* 0: somebody else has cut the file. */
			if (n == 0)
				errno = EIO;
			return SPOOL_BAD;
		}
	}
	return emptied(spool);
}

void spool_close(struct spool *spool)
{
	if (spool->fd >= 0)
		close(spool->fd);
	spool->fd = -1;
}
