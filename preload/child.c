/*
 * child: takes one request, and leaves nothing of the template's behind.
 */
#include "child.h"

#include <signal.h>
#include <sys/prctl.h>

#include "call.h"
#include "channel.h"
#include "descriptors.h"
#include "environment.h"
#include "files.h"
#include "giveup.h"

#define SIGNALS_SIZE (NSIG / 8) /* of a set, for the kernel */

static void enter_world(int fds[TEMPLATE_FDS], long wrapper)
{
	const sigset_t none = {{0}};
	int i;

	if (CALL(fchdir, fds[0]) < 0)
		give_up("folder");
	for (i = 1; i < TEMPLATE_FDS; i++)
		if (CALL(dup3, fds[i], i - 1, 0) < 0)
			give_up("descriptors");
	for (i = 0; i < TEMPLATE_FDS; i++)
		CALL(close, fds[i]);
	files_own();
	CALL(prctl, PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
	/* It tells of no death before that. */
	if (syscall(SYS_getppid) != wrapper)
		_exit(1);
	CALL(rt_sigprocmask, SIG_SETMASK, &none, NULL, SIGNALS_SIZE);
}

void child_take(int own, struct template_request *room, long wrapper)
{
	int fds[TEMPLATE_FDS];
	size_t length = channel_receive(own, room, fds);

	CALL(close, own);
	channel_close();
	descriptors_close_pipes();
	environment_set(room->env, length);
	enter_world(fds, wrapper);
}
