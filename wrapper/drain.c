/*
 * drain: for background jobs that outlive their page.
 */
#include "drain.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "shared.h"

#define DRAIN_ROUNDS 16 /* reads a turn: others wait too */

struct drain {
	struct watch pipe;
	struct task task;
};

static void drain_end(struct drain *drain)
{
	loop_shut(&drain->pipe);
	mine->drains--;
	loop_free(drain);
}

static void drain_run(struct task *task)
{
	struct drain *drain = LOOP_OWNER(task, struct drain, task);
	char block[4096];
	int i;

	for (i = 0; i < DRAIN_ROUNDS; i++) {
		ssize_t n = read(drain->pipe.fd, block, sizeof(block));

		if (n < 0 && errno == EAGAIN)
			return;
		if (n == 0 || (n < 0 && errno != EINTR)) {
			drain_end(drain);
			return;
		}
	}
	loop_soon(task);
}

static void drain_ready(struct watch *watch, unsigned events)
{
	struct drain *drain = LOOP_OWNER(watch, struct drain, pipe);

	(void)events;
	loop_soon(&drain->task);
}

void drain_take(struct watch *watch)
{
	struct drain *drain = calloc(1, sizeof(*drain));

	if (!drain) {
		loop_shut(watch);
		return;
	}
	drain->pipe.fd = watch->fd;
	drain->pipe.ready = drain_ready;
	drain->task.run = drain_run;
	watch->fd = -1;
	mine->drains++;
	/* It is watched already by who had it, under another name. */
	if (loop_change(&drain->pipe, LOOP_IN) < 0 &&
	    loop_add(&drain->pipe, LOOP_IN) < 0)
		drain_end(drain);
}
