/*
 * wait: the life of a template (template.h): a process that has done all that
 * comes before a request, and is forked for each.
 *
 * It makes a child when it is told to. The child is the wrapper's own, as if
 * the wrapper had forked it, so that its end, its group and its limits are what
 * they always are. It waits on a socket of its own, takes one request and goes
 * on into the program.
 */
#include <errno.h>
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

#define TRIES	 50
#define PAUSE_NS 20000000 /* between two of them */

static void refuse_threads(void)
{
	struct stat st;

	/* One link for each thread, and two more. */
	if (stat("/proc/self/task", &st) == 0 && st.st_nlink > 3) {
		errno = 0;
		give_up("it has started threads");
	}
}

/* Where its user may have no more processes it waits for one to end: whoever
 * gave up at once would be made again for each request. */
static pid_t make_child(void)
{
	int tries = TRIES;
	pid_t pid = sibling_fork();

	while (pid < 0 && errno == EAGAIN && --tries > 0) {
		/* The kernel writes into it what is left. */
		long pause[2] = {0, PAUSE_NS};

		CALL(ppoll, NULL, 0, pause, NULL, 0);
		pid = sibling_fork();
	}
	return pid;
}

EXPORTED void cgi_fcgi_wait(void)
{
	int changes = watch_files();
	struct template_request *room = environment_room();
	int *error = &errno; /* to ask where it is is a call, in each child */
	long wrapper = syscall(SYS_getppid);

	refuse_threads();
	atfork_refuse_many();
	files_note();
	for (;;) {
		int own = channel_wanted();
		pid_t pid = make_child();

		if (pid < 0)
			give_up("fork");
		if (pid == 0) {
			if (changes >= 0)
				CALL(close, changes);
			child_take(own, room, wrapper);
			*error = 0;
			return;
		}
		CALL(close, own);
		if (channel_announce(pid, changes) < 0)
			_exit(0);
		if (changes >= 0)
			CALL(close, changes);
		changes = -1;
	}
}
