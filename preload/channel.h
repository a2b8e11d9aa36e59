#ifndef CHANNEL_H
#define CHANNEL_H

#include <stddef.h>
#include <sys/types.h>

#include "template.h"

/*
 * What the template, its child and the wrapper say to each other; the wrapper's
 * side is wrapper/channel.c. Both processes hold the one socket, which comes as
 * stdin.
 *
 *	template -> wrapper	the pid of the child that is ready; with the
 *				first: a descriptor that becomes readable when a
 *				file that was loaded changes (inotify)
 *	wrapper -> child	struct template_request; folder and fds 0, 1, 2
 *
 * Either side's end is the other's: nothing outlives the wrapper.
 */

/* Takes it out of the way; /dev/null is stdin from then on. */
void channel_open(void);

/* For poll(2): it tells the wrapper's end. */
int channel_descriptor(void);

/* That this child is ready, with changes unless it is -1. Returns 0, or -1: the
 * wrapper is gone. */
int channel_announce(pid_t pid, int changes);

/* Waits for a request of this process. Returns the length of what came and
 * fills fds, or returns 0: it was meant for a child that has died before. The
 * process ends if none can come. */
size_t channel_receive(struct template_request *request, int fds[TEMPLATE_FDS]);

/* A program has none. */
void channel_close(void);

#endif
