/*
 * serve: the life of one process.
 *
 *	TERM INT HUP	stop: running requests have -grace, then their programs
 *			are ended; a second one: at once
 *	USR1		the same without a limit in time
 */
#include "serve.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "admit.h"
#include "child.h"
#include "conn.h"
#include "fds.h"
#include "log.h"
#include "loop.h"
#include "notify.h"
#include "peers.h"
#include "preload.h"
#include "request.h"
#include "rlimit.h"
#include "run.h"
#include "settings.h"
#include "shared.h"
#include "status.h"
#include "turn.h"

#define SIGNALS_BATCH 5	    /* as many as there are kinds */
#define ACCEPT_BATCH  256   /* connections a turn, in all workers */
#define TELL_MS	      10000 /* between two STATUS= lines */
#define PAUSE_MS      1000 /* without descriptors nothing is accepted so long */

struct acceptor {
	struct watch watch;
	bool is_unix;
};

static const struct listener *listened;
static struct acceptor acceptors[LISTENERS_MAX];
static int acceptor_count;
static struct watch signals;
static struct watch bell;
static struct timers pause_timers, grace_timers, idle_timers, tell_timers;
static struct timer pause_timer, grace, idle, tell;
static bool hup_ignored;
static bool stopping;
static bool stopped;
static bool told_by_parent; /* to stop */

void serve_signals(sigset_t *handled)
{
	sigemptyset(handled);
	sigaddset(handled, SIGCHLD);
	sigaddset(handled, SIGTERM);
	sigaddset(handled, SIGINT);
	sigaddset(handled, SIGHUP);
	sigaddset(handled, SIGUSR1);
}

bool serve_hup_is_ignored(void)
{
	return hup_ignored;
}

void serve_take_signals(void)
{
	struct sigaction action;
	sigset_t handled;
	int number;

	if (sigaction(SIGHUP, NULL, &action) == 0)
		hup_ignored = action.sa_handler == SIG_IGN;
	for (number = 1; number < NSIG; number++)
		if (sigaction(number, NULL, &action) == 0 &&
		    action.sa_handler == SIG_IGN) {
			action.sa_handler = SIG_DFL;
			sigaction(number, &action, NULL);
		}
	serve_signals(&handled);
	/* What these tell, write says too. */
	sigaddset(&handled, SIGPIPE);
	sigaddset(&handled, SIGXFSZ);
	sigprocmask(SIG_BLOCK, &handled, NULL);
}

static bool is_shortage(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOBUFS ||
	       error == ENOMEM;
}

/* Level-triggered as the listening sockets are watched, waiting connections
 * would spin. */
static void pause_accepting(int error)
{
	static bool said;
	int i;

	if (!said)
		note("no connection can be accepted for a moment: %s",
		     strerror(error));
	said = true;
	for (i = 0; i < acceptor_count; i++)
		loop_remove(&acceptors[i].watch);
	timer_start(&pause_timers, &pause_timer);
}

static int start_accepting(void)
{
	int i;

	for (i = 0; i < acceptor_count; i++)
		if (loop_add_shared(&acceptors[i].watch) < 0)
			return -1;
	return 0;
}

static void resume_accepting(struct timer *timer)
{
	(void)timer;
	if (!stopping && start_accepting() < 0)
		pause_accepting(errno);
}

/* One connection; returns 0, or -1 and errno. */
static int accept_one(const struct acceptor *acceptor)
{
	struct endpoint peer = {.length = sizeof(peer.name)};
	int fd = accept4(acceptor->watch.fd, (struct sockaddr *)&peer.name,
			 &peer.length, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return -1;
	if (peers_allowed(&peer))
		return conn_open(fd, acceptor->is_unix);
	close(fd);
	return 0;
}

static void acceptor_ready(struct watch *watch, unsigned events)
{
	const struct acceptor *acceptor =
		LOOP_OWNER(watch, struct acceptor, watch);
	long left = ACCEPT_BATCH / set.workers + 1;

	(void)events;
	/* Those that wait are older than what comes on other connections while
	 * this turn starts programs. */
	while (left-- > 0) {
		if (accept_one(acceptor) == 0)
			continue;
		if (is_shortage(errno)) {
			pause_accepting(errno);
			return;
		}
		if (errno == EAGAIN)
			return;
	}
}

static void stop_accepting(void)
{
	int i;

	for (i = 0; i < acceptor_count; i++) {
		/* Of workers the parent removes it. */
		if (set.workers == 1)
			listen_remove(&listened[i]);
		loop_shut(&acceptors[i].watch);
	}
	timer_stop(&pause_timer);
}

static void stop_now(void)
{
	child_signal_all(SIGKILL);
	conn_close_all();
	stopped = true;
}

static void time_is_over(struct timer *timer)
{
	(void)timer;
	stop_now();
}

/* The last replies are on their way, for which a second must do; a request that
 * was never complete has none. */
static void programs_are_killed(struct timer *timer)
{
	timer->expired = time_is_over;
	timer_start(&pause_timers, timer);
}

static void grace_is_over(struct timer *timer)
{
	note("stopping: requests still run after -grace, their programs are "
	     "ended");
	admit_none();
	child_terminate_all();
	timer->expired = programs_are_killed;
	timer_start(&grace_timers, timer);
}

/* What a whole group is sent (Ctrl-C) comes to a worker twice, by itself and
 * from its parent: the parent's alone are counted. */
static bool is_again(pid_t from)
{
	bool by_parent = from == getppid();
	bool told = told_by_parent;

	told_by_parent |= by_parent;
	return set.workers == 1 || (told && by_parent);
}

static void stop(int number, pid_t from)
{
	bool again = is_again(from);

	if (stopping) {
		if (again)
			stop_now();
		return;
	}
	stopping = true;
	notify("STOPPING=1");
	stop_accepting();
	conn_drain_all();
	if (number != SIGUSR1)
		timer_start(&grace_timers, &grace);
}

static void handle(int number, pid_t from)
{
	if (number == SIGCHLD) {
		child_reap();
		admit_waiting();
	} else if (number != SIGHUP || !hup_ignored) {
		stop(number, from);
	}
}

static void signals_ready(struct watch *watch, unsigned events)
{
	struct signalfd_siginfo info[SIGNALS_BATCH];
	ssize_t n;

	(void)events;
	do {
		ssize_t i;

		n = read(watch->fd, info, sizeof(info));
		for (i = 0; i < n / (ssize_t)sizeof(info[0]); i++)
			handle((int)info[i].ssi_signo, (pid_t)info[i].ssi_pid);
	} while (n == sizeof(info) || (n < 0 && errno == EINTR));
}

static void bell_ready(struct watch *watch, unsigned events)
{
	(void)watch;
	(void)events;
	admit_waiting();
}

static void start_idle(long ms)
{
	idle_timers.ms = ms;
	timer_start(&idle_timers, &idle);
}

/* The timer is this worker's own: another one may be in use, or has been
 * since, and so may this one, for less than a turn. */
static void idle_is_over(struct timer *timer)
{
	long unused = (long)(loop_now() - (int64_t)shared->used_ms);

	(void)timer;
	if (shared_in_use())
		unused = 0;
	if (unused < set.idle_ms)
		start_idle(set.idle_ms - unused);
	else if (set.workers > 1)
		kill(getppid(), SIGTERM);
	else
		stop(SIGTERM, 0);
}

static int watch_all(struct listener *listeners, int count)
{
	sigset_t handled;
	int i;

	serve_signals(&handled);
	signals.fd = signalfd(-1, &handled, SFD_CLOEXEC | SFD_NONBLOCK);
	signals.ready = signals_ready;
	bell.fd = shared_bell();
	bell.ready = bell_ready;
	if (signals.fd < 0 || loop_add(&signals, LOOP_IN) < 0 ||
	    loop_add(&bell, LOOP_IN) < 0)
		return -1;
	for (i = 0; i < count; i++) {
		fds_refuse(listeners[i].fd);
		acceptors[i].watch.fd = listeners[i].fd;
		acceptors[i].watch.ready = acceptor_ready;
		acceptors[i].is_unix =
			listeners[i].endpoint.name.ss_family == AF_UNIX;
	}
	listened = listeners;
	acceptor_count = count;
	return start_accepting();
}

static void tell_is_due(struct timer *timer)
{
	(void)timer;
	status_tell();
}

/* As many connections as the system lets us have. */
static void raise_files(void)
{
	struct rlimit limit;

	if (rlimit_change(RLIMIT_NOFILE, NULL, &set.files) < 0 ||
	    set.files.rlim_cur == set.files.rlim_max)
		return;
	limit = set.files;
	limit.rlim_cur = limit.rlim_max;
	if (rlimit_change(RLIMIT_NOFILE, &limit, NULL) < 0)
		set.files.rlim_cur = set.files.rlim_max;
}

static void init_all(void)
{
	timers_init(&pause_timers, PAUSE_MS);
	timers_init(&grace_timers, set.grace_ms);
	timers_init(&idle_timers, set.idle_ms);
	pause_timer.expired = resume_accepting;
	grace.expired = grace_is_over;
	idle.expired = idle_is_over;
	timers_init(&tell_timers, TELL_MS);
	tell.expired = tell_is_due;
	child_init();
	preload_init();
	run_init();
	turn_init();
	conn_init();
}

static void mind_status(void)
{
	if (notify_is_open() && !tell.next && status_is_new())
		timer_start(&tell_timers, &tell);
}

static void mind_idleness(void)
{
	if (set.idle_ms == 0 || stopping)
		return;
	if (conn_count() > 0 || child_count() > 0 || mine->drains > 0) {
		timer_stop(&idle);
	} else if (!idle.next) {
		shared->used_ms = (uint64_t)loop_now();
		start_idle(set.idle_ms);
	}
}

int serve(struct listener *listeners, int count)
{
	if (loop_open() < 0)
		die_errno("cannot make the event loop");
	raise_files();
	init_all();
	if (watch_all(listeners, count) < 0)
		die_errno("cannot watch for events");
	while (!stopped) {
		mind_idleness();
		mind_status();
		loop_turn();
		request_trim();
		if (stopping && conn_count() == 0 && child_count() == 0)
			stopped = true;
	}
	preload_end();
	return 0;
}
