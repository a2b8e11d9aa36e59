#ifndef CHANNEL_H
#define CHANNEL_H

#include <stddef.h>
#include <sys/types.h>

#include "template.h"

/*
 * What the template, its children and the wrapper say to each other; the
 * wrapper's side is wrapper/channel.c. The template's socket comes as stdin,
 * and a child's through it.
 *
 *	wrapper -> template	a byte, and the socket where a child is to wait
 *	template -> wrapper	the pid of the child that is ready; with the
 *				first: a descriptor that becomes readable when a
 *				file that was loaded changes (inotify)
 *	wrapper -> child	struct template_request; folder and fds 0, 1, 2
 *
 * Either side's end is the other's: nothing outlives the wrapper.
 */

/* Takes it out of the way; /dev/null is stdin from then on. */
void channel_open(void);

/* Waits until a child is wanted. Returns the socket that it is to wait on. The
 * process ends with the wrapper. */
int channel_wanted(void);

/* That this child is ready, with changes unless it is -1. Returns 0, or -1: the
 * wrapper is gone. */
int channel_announce(pid_t pid, int changes);

/* Waits for a child's request. Returns the length of what came and fills fds.
 * The process ends if none can come. */
size_t channel_receive(int own, struct template_request *request,
		       int fds[TEMPLATE_FDS]);

/* A program has none. */
void channel_close(void);

#endif
