/*
 * app: from a fork to the application. It knows processes and what is theirs,
 * and nothing of requests, except that a request's variables are none of the
 * application's own.
 */
#include "app.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fds.h"
#include "opt.h"
#include "patience.h"
#include "record.h"
#include "wish.h"

#define PAUSE_MS   2
#define GOING_MS   200 /* between the end of a connection and of a process */
#define SIGNALED   128 /* and the signal's number, in an exit status */
#define SIGNAL_MAX 64

/* The beginnings stand one behind the other, each with its NUL. */
static bool begins_with_any(const char *pair, const char *begins)
{
	while (*begins && strncmp(pair, begins, strlen(begins)) != 0)
		begins += strlen(begins) + 1;
	return *begins;
}

/* Whether a variable belongs to a request that a web server made of us. */
static bool is_of_request(const char *pair)
{
	const char *begins =
		"AUTH_TYPE=\0CONTENT_\0CONTEXT_\0DOCUMENT_\0FCGI_DATA_\0"
		"FCGI_ROLE=\0GATEWAY_\0HTTPS=\0HTTP_\0PATH_INFO=\0"
		"PATH_TRANS\0QUERY_\0REDIRECT_\0REMOTE_\0REQUEST_\0"
		"SCRIPT_\0SERVER_\0SSL_\0UNIQUE_ID=\0AUTH_USER=\0"
		"AUTH_PASSWORD=\0";

	/* But OpenSSL's own. */
	return begins_with_any(pair, begins) &&
	       strncmp(pair, "SSL_CERT_", 9) != 0;
}

/* Whether it is about sockets that were given to us (sd_listen_fds(3)). */
static bool is_of_activation(const char *pair)
{
	return begins_with_any(pair, "LISTEN_PID=\0LISTEN_FDS=\0"
				     "LISTEN_FDNAMES=\0");
}

/* Whether there is a request in the environment at all: a name such as
 * HTTP_PROXY means something else where there is none. */
static bool is_in_request(void)
{
	return getenv("GATEWAY_INTERFACE") || getenv("REQUEST_METHOD");
}

/* In the new process: what is not the application's own goes. */
static void clear_environment(void)
{
	bool request = is_in_request();
	char **from;
	char **to = environ;

	for (from = environ; *from; from++)
		if (!is_of_activation(*from) &&
		    !(request && is_of_request(*from)))
			*to++ = *from;
	*to = NULL;
}

/* Whether a process that stays may keep our stderr: whoever reads the other
 * end of a pipe waits until everybody has closed it. */
static bool may_keep_stderr(void)
{
	struct stat st;

	if (wish.once || wish.supervise)
		return true;
	return fstat(STDERR_FILENO, &st) == 0 && !S_ISFIFO(st.st_mode) &&
	       !S_ISSOCK(st.st_mode);
}

static int set_files(int socket)
{
	int null;

	if (dup2(socket, FCGI_LISTENSOCK_FILENO) < 0)
		return -1;
	if (may_keep_stderr())
		return dup2(STDERR_FILENO, STDOUT_FILENO);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0 || dup2(null, STDOUT_FILENO) < 0)
		return -1;
	return dup2(null, STDERR_FILENO);
}

/* What has left the application's group, but not its session. */
static void kill_session(pid_t session)
{
	DIR *processes = opendir("/proc");
	const struct dirent *entry;
	long pid;

	while (processes && (entry = readdir(processes)))
		if (opt_number(entry->d_name, 1, INT_MAX, &pid) == 0 &&
		    getsid((pid_t)pid) == session)
			kill((pid_t)pid, SIGKILL);
}

/* It is not waited for yet: its number stays its own. */
static bool is_running(pid_t pid)
{
	siginfo_t info = {.si_pid = 0};

	return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) ==
		       0 &&
	       info.si_pid == 0;
}

/* Returns whether it still runs then. */
static bool await_end(pid_t pid, int64_t moment)
{
	while (is_running(pid)) {
		if (patience_until(moment) == 0)
			return true;
		patience_pause(PAUSE_MS);
	}
	return false;
}

/* The guard's last act. Its exit status tells how the application ended, if it
 * was not the guard that ended it. */
static _Noreturn void end_guarded(pid_t app, bool going)
{
	bool ours = await_end(app, patience_now() + (going ? GOING_MS : 0));
	int status;

	kill(-app, SIGTERM);
	status = app_await_end(app, patience_in(APP_END_MS));
	if (ours)
		_exit(0);
	_exit(WIFSIGNALED(status) ? SIGNALED + WTERMSIG(status)
				  : WEXITSTATUS(status));
}

/* With -once a process stands between us and the application: whatever ends
 * us, it is told, and sees to it that nothing of the application stays. It
 * returns in the application's process, or -1. */
static int guard(pid_t us)
{
	sigset_t end;
	pid_t app;
	int number;

	sigemptyset(&end);
	sigaddset(&end, SIGTERM);
	sigaddset(&end, SIGHUP);
	sigprocmask(SIG_BLOCK, &end, NULL);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	/* We may have gone before. */
	if (getppid() != us)
		kill(getpid(), SIGTERM);
	app = fork();
	if (app <= 0)
		return app;
	/* The connection, above all: it is closed when we close it. */
	fds_close_all();
	/* To be stopped and to go on interrupts it. */
	do
		number = sigtimedwait(&end, NULL, NULL);
	while (number < 0);
	end_guarded(app, number == SIGHUP);
}

/* In the new process: becomes the application, or tells errno. */
static _Noreturn void become(pid_t us, int socket, int report)
{
	char *const argv[] = {wish.app, NULL};
	sigset_t none;
	ssize_t ignored;
	int error;

	sigemptyset(&none);
	/* Out of reach of a terminal's signals, the guard too. */
	setsid();
	if ((!wish.once || (guard(us) == 0 && setsid() >= 0)) &&
	    set_files(socket) >= 0) {
		fds_hide_inherited();
		sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_DFL},
			  NULL);
		sigprocmask(SIG_SETMASK, &none, NULL);
		clear_environment();
		execvpe(wish.app, argv, environ);
	}
	error = errno;
	ignored = write(report, &error, sizeof(error));
	(void)ignored;
	_exit(127);
}

pid_t app_start(int socket)
{
	pid_t us = getpid();
	int report[2];
	int error;
	pid_t pid;

	/* Inherited as ignored, it would hide how the application ends, and its
	 * number would be free for others. */
	sigaction(SIGCHLD, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
	if (pipe2(report, O_CLOEXEC) < 0)
		return -1;
	pid = fork();
	if (pid == 0)
		become(us, socket, report[1]);
	error = errno;
	close(report[1]);
	/* It ends without a byte when the application has been executed. */
	if (pid > 0 && read(report[0], &error, sizeof(error)) > 0) {
		app_end(pid, false);
		pid = -1;
	}
	close(report[0]);
	errno = error;
	return pid;
}

int app_await_end(pid_t pid, int64_t moment)
{
	int status = 0;

	await_end(pid, moment);
	/* What it has started itself, too. */
	kill(-pid, SIGKILL);
	if (wish.once)
		kill_session(pid);
	waitpid(pid, &status, 0);
	return status;
}

int app_end(pid_t pid, bool going)
{
	int status = 0;

	kill(pid, going ? SIGHUP : SIGTERM);
	waitpid(pid, &status, 0);
	status = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
	if (status > SIGNALED && status <= SIGNALED + SIGNAL_MAX)
		return status - SIGNALED;
	return status << 8;
}
