/*
 * wait: the life of a template (template.h): a process that has done all that
 * comes before a request, and is forked for each.
 *
 * It keeps one child ready. The child is the wrapper's own, as if the wrapper
 * had forked it, so that its end, its group and its limits are what they always
 * are. It waits on the channel, takes one request and goes on into the program;
 * then the template forks the next one.
 */
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

#include "atfork.h"
#include "call.h"
#include "channel.h"
#include "child.h"
#include "environment.h"
#include "files.h"
#include "giveup.h"
#include "sibling.h"
#include "template.h"
#include "watch.h"

static void refuse_threads(void)
{
	struct stat st;

	/* One link for each thread, and two more. */
	if (stat("/proc/self/task", &st) == 0 && st.st_nlink > 3) {
		errno = 0;
		give_up("it has started threads");
	}
}

/* Until the child has its request, or has been ended before that. */
static void wait_for_child(int taken, int ended)
{
	struct pollfd fds[] = {{.fd = taken, .events = POLLIN},
			       {.fd = ended, .events = POLLIN},
			       {.fd = channel_descriptor(), .events = 0}};
	uint64_t times;

	while (CALL(ppoll, fds, 3, NULL, NULL, 0) < 0 && errno == EINTR)
		;
	if (fds[2].revents ||
	    (fds[0].revents && CALL(read, taken, &times, sizeof(times)) < 0))
		_exit(0);
	CALL(close, ended);
}

EXPORTED void cgi_fcgi_wait(void)
{
	int changes = watch_files();
	struct template_request *room = environment_room();
	int *error = &errno; /* to ask where it is is a call, in each child */
	int taken;

	refuse_threads();
	atfork_refuse_many();
	files_note();
	taken = (int)CALL(eventfd2, 0, EFD_CLOEXEC);
	if (taken < 0)
		give_up("eventfd");
	for (;;) {
		int ended = -1;
		pid_t pid = sibling_fork(&ended);

		if (pid < 0)
			give_up("fork");
		if (pid == 0) {
			if (changes >= 0)
				CALL(close, changes);
			child_take(room, taken);
			*error = 0;
			return;
		}
		if (channel_announce(pid, changes) < 0)
			_exit(0);
		if (changes >= 0)
			CALL(close, changes);
		changes = -1;
		wait_for_child(taken, ended);
	}
}
