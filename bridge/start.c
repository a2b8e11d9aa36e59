/*
 * start: copies of the application on a socket, that live on without us
 * (-start), with us (-supervise) or for one request (-once). It knows sockets
 * and processes, and nothing of requests.
 */
#include "start.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "app.h"
#include "connect.h"
#include "ended.h"
#include "listen.h"
#include "log.h"
#include "patience.h"
#include "text.h"
#include "wish.h"

#define WATCH_MS      200 /* a copy that ends sooner has failed */
#define PAUSE_MS      10
#define CONNECT_MS    2000
#define SHORT_LIFE_MS 1000 /* a copy that lives less is restarted later */

struct copies {
	struct listener listeners[ADDR_ENDPOINTS_MAX];
	int sockets;
	pid_t *pids; /* 0: has ended */
	int64_t *begun;
	long count;
};

/* --- All copies */

/* The file that is not there may be another than the one that is named. */
static int fail_to_run(struct outcome *outcome)
{
	const char *why = strerror(errno);
	const char *which = "";

	if (errno == ENOENT && !strchr(wish.app, '/'))
		which = " in PATH";
	else if (errno == ENOENT && faccessat(AT_FDCWD, wish.app, F_OK, 0) == 0)
		which = " (its interpreter)";
	return outcome_fail(outcome, OUTCOME_CANNOT_CONNECT,
			    "start: %s: cannot be run: %s%s", wish.app, why,
			    which);
}

/* Whether a copy still runs; if not, the outcome says how it ended. */
static bool is_running(pid_t pid, struct outcome *outcome)
{
	char how[40];
	int status;

	if (waitpid(pid, &status, WNOHANG) != pid)
		return true;
	ended_with(how, sizeof(how), status);
	outcome_fail(outcome, OUTCOME_CANNOT_CONNECT,
		     "start: %s: ended at once with %s", wish.app, how);
	return false;
}

static void end_copies(struct copies *copies)
{
	int64_t moment = patience_in(APP_END_MS);
	long i;
	int j;

	for (j = 0; j < copies->sockets; j++)
		listen_remove(&copies->listeners[j]);
	for (i = 0; i < copies->count; i++)
		if (copies->pids[i] > 0)
			kill(-copies->pids[i], SIGTERM);
	for (i = 0; i < copies->count; i++)
		if (copies->pids[i] > 0)
			app_await_end(copies->pids[i], moment);
}

static void forget(struct copies *copies)
{
	int i;

	for (i = 0; i < copies->sockets; i++)
		close(copies->listeners[i].fd);
	free(copies->pids);
	free(copies->begun);
}

/* Each socket has its share of the copies. */
static int run_copy(struct copies *copies, long index)
{
	int socket = (int)(index % copies->sockets);

	copies->begun[index] = patience_now();
	copies->pids[index] = app_start(copies->listeners[socket].fd);
	if (copies->pids[index] > 0)
		return 0;
	copies->pids[index] = 0;
	return -1;
}

static int watch(struct copies *copies, struct outcome *outcome)
{
	int64_t end = patience_in(WATCH_MS);
	long i;

	while (patience_until(end) > 0) {
		for (i = 0; i < copies->count; i++) {
			if (is_running(copies->pids[i], outcome))
				continue;
			copies->pids[i] = 0;
			return -1;
		}
		patience_pause(PAUSE_MS);
	}
	return 0;
}

static int run_copies(struct copies *copies, struct outcome *outcome)
{
	long i;

	copies->count = wish.copies;
	/* Loopback has two sockets: none may stay without a copy. */
	if (copies->count < copies->sockets)
		copies->count = copies->sockets;
	copies->pids = calloc((size_t)copies->count, sizeof(*copies->pids));
	copies->begun = calloc((size_t)copies->count, sizeof(*copies->begun));
	if (!copies->pids || !copies->begun) {
		copies->count = 0;
		return fail_to_run(outcome);
	}
	for (i = 0; i < copies->count; i++)
		if (run_copy(copies, i) < 0)
			return fail_to_run(outcome);
	return watch(copies, outcome);
}

/* Applications accept without asking whether somebody is there. */
static int make_blocking(const struct listener *list, int count)
{
	int i;

	for (i = 0; i < count; i++) {
		int flags = fcntl(list[i].fd, F_GETFL);

		if (flags < 0 ||
		    fcntl(list[i].fd, F_SETFL, flags & ~O_NONBLOCK) < 0)
			return -1;
	}
	return 0;
}

static int open_sockets(struct copies *copies, const struct addr *addr,
			struct outcome *outcome)
{
	char why[LISTEN_WHY_MAX];
	int count = listen_open(addr, &wish.socket, copies->listeners, why);

	if (count < 0) {
		bool taken = errno == EADDRINUSE;
		bool unknown = errno == ENOENT && addr->kind != ADDR_UNIX;

		outcome_fail(outcome,
			     unknown ? OUTCOME_UNKNOWN_HOST
				     : OUTCOME_CANNOT_CONNECT,
			     "start: %s", why);
		return taken ? START_TAKEN : START_FAILED;
	}
	copies->sockets = count;
	if (make_blocking(copies->listeners, count) == 0)
		return 0;
	outcome_fail(outcome, OUTCOME_CANNOT_CONNECT, "start: %s",
		     strerror(errno));
	end_copies(copies);
	forget(copies);
	return START_FAILED;
}

static int begin(struct copies *copies, const struct addr *addr,
		 struct outcome *outcome)
{
	int result;

	memset(copies, 0, sizeof(*copies));
	result = open_sockets(copies, addr, outcome);
	if (result < 0)
		return result;
	if (run_copies(copies, outcome) == 0)
		return 0;
	end_copies(copies);
	forget(copies);
	return START_FAILED;
}

int start_copies(const struct addr *addr, struct outcome *outcome)
{
	struct copies copies;
	int result = begin(&copies, addr, outcome);

	/* From now on only the copies have the socket: when they have gone,
	 * nobody listens. */
	if (result == 0)
		forget(&copies);
	return result;
}

/* --- -supervise */

/* It is started again by revive. */
static void note_end(struct copies *copies, long index, int status)
{
	char how[40];

	ended_with(how, sizeof(how), status);
	note("%s: %s (process %ld) has ended with %s: starting it again",
	     wish.name, wish.app, (long)copies->pids[index], how);
	copies->pids[index] = 0;
}

static void reap(struct copies *copies)
{
	int status;
	pid_t pid;
	long i;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (i = 0; i < copies->count; i++)
			if (copies->pids[i] == pid)
				note_end(copies, i, status);
}

/* Starts what has ended, if it has lived long enough or waited long enough;
 * returns when to look again, or 0. */
static int64_t revive(struct copies *copies)
{
	int64_t next = 0;
	long i;

	for (i = 0; i < copies->count; i++) {
		int64_t due = copies->begun[i] + SHORT_LIFE_MS;

		if (copies->pids[i] > 0)
			continue;
		if (due <= patience_now() && run_copy(copies, i) == 0)
			continue;
		if (due <= patience_now()) {
			note("%s: %s: cannot be run: %s", wish.name, wish.app,
			     strerror(errno));
			due = copies->begun[i] + SHORT_LIFE_MS;
		}
		next = patience_first(next, due);
	}
	return next;
}

static void end_as(int number)
{
	sigset_t one;

	sigaction(number, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
	sigemptyset(&one);
	sigaddset(&one, number);
	kill(getpid(), number);
	sigprocmask(SIG_UNBLOCK, &one, NULL);
}

/* Waits for a signal, until a moment at the most; returns it, or 0. */
static int wait_signal(const sigset_t *signals, int64_t until)
{
	int left = patience_until(until);
	struct timespec time = {.tv_sec = left / 1000,
				.tv_nsec = left % 1000 * 1000000};
	int number = sigtimedwait(signals, NULL, left < 0 ? NULL : &time);

	return number < 0 ? 0 : number;
}

/* nohup: HUP ends nothing then; blocked it would be waited for all the same. */
static bool is_ignored(int number)
{
	struct sigaction action;

	return sigaction(number, NULL, &action) == 0 &&
	       action.sa_handler == SIG_IGN;
}

int start_supervise(const struct addr *addr, struct outcome *outcome)
{
	struct copies copies;
	sigset_t signals;
	int number = 0;

	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	if (!is_ignored(SIGHUP))
		sigaddset(&signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	if (begin(&copies, addr, outcome) < 0)
		return -1;
	while (number == 0 || number == SIGCHLD) {
		reap(&copies);
		number = wait_signal(&signals, revive(&copies));
	}
	end_copies(&copies);
	forget(&copies);
	end_as(number);
	return -1;
}

/* --- -once */

static bool make_private(struct addr *addr, char folder[64],
			 struct outcome *outcome)
{
	const char *parent = getenv("TMPDIR");
	char path[128];

	if (!parent || !*parent || strlen(parent) > 40)
		parent = "/tmp";
	text_format(folder, 64, "%s/cgi-fcgi.XXXXXX", parent);
	if (!mkdtemp(folder)) {
		outcome_fail(outcome, OUTCOME_CANNOT_CONNECT,
			     "start: a private folder in %s: %s", parent,
			     strerror(errno));
		return false;
	}
	text_format(path, sizeof(path), "%s/socket", folder);
	addr_parse(addr, path);
	/* The text was this function's own. */
	addr->text = wish.name;
	return true;
}

/* The connection waits in the backlog before there is anyone to accept it: so
 * the socket's file can go before the application comes. */
static int connect_first(struct copies *copies, const struct addr *addr,
			 struct outcome *outcome)
{
	int fd = -1;

	if (open_sockets(copies, addr, outcome) == 0) {
		struct addr own = *addr;
		struct sockaddr_in in;

		/* Port 0 was an invitation to choose one; it stands in the same
		 * place for IPv6. */
		if (copies->listeners[0].endpoint.name.ss_family != AF_UNIX) {
			memcpy(&in, &copies->listeners[0].endpoint.name,
			       sizeof(in));
			own.port = ntohs(in.sin_port);
		}
		fd = connect_open(&own, CONNECT_MS, 0, 0, outcome);
		listen_remove(&copies->listeners[0]);
	}
	return fd;
}

static int connect_private(struct copies *copies, struct outcome *outcome)
{
	char folder[64];
	struct addr own;
	int fd;

	if (!make_private(&own, folder, outcome))
		return -1;
	fd = connect_first(copies, &own, outcome);
	rmdir(folder);
	return fd;
}

int start_once(const struct addr *addr, pid_t *pid, struct outcome *outcome)
{
	bool has_file = !addr || addr->kind == ADDR_UNIX;
	struct copies copies;
	sigset_t before;
	sigset_t held;
	int fd;

	memset(&copies, 0, sizeof(copies));
	/* Whatever ends us: not while there is a file. A name has none, and may
	 * be waited for. */
	sigfillset(&held);
	if (has_file)
		sigprocmask(SIG_BLOCK, &held, &before);
	fd = addr ? connect_first(&copies, addr, outcome)
		  : connect_private(&copies, outcome);
	if (has_file)
		sigprocmask(SIG_SETMASK, &before, NULL);
	if (fd < 0)
		return -1;
	*pid = app_start(copies.listeners[0].fd);
	if (*pid < 0) {
		fail_to_run(outcome);
		close(fd);
		fd = -1;
	}
	forget(&copies);
	return fd;
}
