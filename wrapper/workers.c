/*
 * workers: the parent of several serve(). It waits for signals alone and opens
 * no loop: what a worker has broken must not be able to break this.
 */
#include "workers.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "ended.h"
#include "log.h"
#include "notify.h"
#include "serve.h"
#include "shared.h"
#include "status.h"

#define TELL_S	 10 /* between two STATUS= lines */
#define HURRY_S	 1  /* a worker that dies sooner is replaced after so long */
#define HURRY_US (HURRY_S * 1000000)

static struct listener *listeners;
static int listener_count;
static bool stopping;

static void start_worker(int i)
{
	pid_t parent = getpid();
	pid_t pid = fork();

	if (pid < 0) {
		note("cannot start a worker: %s", strerror(errno));
		return;
	}
	if (pid > 0) {
		atomic_store(&shared->worker[i].pid, pid);
		return;
	}
	/* Without the parent nobody could stop it. */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(0);
	notify_close();
	shared_take(i);
	_exit(serve(listeners, listener_count));
}

static int find_worker(pid_t pid)
{
	int i;

	for (i = 0; i < shared->workers; i++)
		if (atomic_load(&shared->worker[i].pid) == pid)
			return i;
	return -1;
}

static void say_death(int i, pid_t pid, int status)
{
	char how[40];

	shared->worker_deaths++;
	ended_how(how, sizeof(how), status);
	note("worker %d (pid %ld) %s; another takes its place", i, (long)pid,
	     how);
}

/* Reaps and replaces; returns whether any worker is left. */
static bool reap(void)
{
	pid_t pid;
	int status;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		int i = find_worker(pid);

		if (i < 0)
			continue;
		shared_return(i);
		if (!stopping)
			say_death(i, pid, status);
	}
	return pid == 0 || errno != ECHILD;
}

/* Returns whether any is missing still. */
static bool start_missing(void)
{
	bool missing = false;
	int i;

	for (i = 0; i < shared->workers; i++) {
		if (atomic_load(&shared->worker[i].pid) == 0)
			start_worker(i);
		if (atomic_load(&shared->worker[i].pid) == 0)
			missing = true;
	}
	return missing;
}

/* The signal to stop; the first one closes the sockets, too. */
static void pass_on(int number)
{
	int i;

	/* Open here it would take connections that nobody serves. */
	for (i = 0; !stopping && i < listener_count; i++) {
		listen_remove(&listeners[i]);
		close(listeners[i].fd);
	}
	if (!stopping)
		notify("STOPPING=1");
	stopping = true;
	for (i = 0; i < shared->workers; i++) {
		pid_t pid = atomic_load(&shared->worker[i].pid);

		if (pid > 0)
			kill(pid, number);
	}
}

/* Waits for a signal; in a hurry not for long. Returns it, or -1. */
static int wait_signal(const sigset_t *handled, bool hurry)
{
	const struct timespec pause = {.tv_sec = hurry ? HURRY_S : TELL_S};
	bool for_ever = !hurry && !notify_is_open();
	siginfo_t info;
	int number = sigtimedwait(handled, &info, for_ever ? NULL : &pause);

	if (number < 0 && errno == EAGAIN && status_is_new())
		status_tell();
	return number;
}

int workers_run(struct listener *shared_listeners, int count)
{
	int64_t last = clock_us() - HURRY_US;
	sigset_t handled;

	listeners = shared_listeners;
	listener_count = count;
	serve_signals(&handled);
	atomic_store(&shared->worker[0].pid, 0);
	for (;;) {
		bool hurry = !stopping;
		int number;

		if (hurry && clock_us() - last >= HURRY_US) {
			hurry = start_missing();
			last = clock_us();
		}
		number = wait_signal(&handled, hurry);
		if (number > 0 && number != SIGCHLD &&
		    (number != SIGHUP || !serve_hup_is_ignored()))
			pass_on(number);
		if (!reap() && stopping)
			return 0;
	}
}
