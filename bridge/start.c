/*
 * start: the other half of a FastCGI application's life, for applications that
 * expect somebody else to listen for them.
 */
#include "start.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "addr.h"
#include "bridge.h"
#include "fault.h"
#include "listen.h"
#include "log.h"
#include "text.h"

#define LISTENERS  ADDR_ENDPOINTS_MAX
#define COPIES_MAX 1024
#define SETTLE_MS  200 /* an application that ends sooner did not start */
#define LOOK_MS	   10
#define RESTART_S  1 /* a copy that ends sooner is started again after that */

static struct listener listeners[LISTENERS];
static int listener_count;
static pid_t copies[COPIES_MAX];
static char once_folder[64];

/* Variables of the request are not for the application. */
static char *const *clean_environment(void)
{
	static char path[4096];
	static char *list[] = {path, NULL};
	const char *own = getenv("PATH");

	text_format(path, sizeof(path), "PATH=%s",
		    own ? own : "/usr/local/bin:/usr/bin:/bin");
	return list;
}

/* In the new process; a failure goes to the pipe as errno. */
static _Noreturn void become(int listening, int report)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	struct sigaction action = {.sa_handler = SIG_DFL};
	sigset_t none;
	int error;

	sigaction(SIGPIPE, &action, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (null >= 0 && dup2(listening, 0) == 0 && dup2(null, 1) == 1 &&
	    (!wish.in_cgi || dup2(null, 2) == 2)) {
		setsid();
		execvpe(wish.app[0], wish.app, clean_environment());
	}
	error = errno;
	if (write(report, &error, sizeof(error)) < 0)
		_exit(126);
	_exit(127);
}

/* Starts one copy; returns its pid, or -1 and errno. */
static pid_t start_copy(int listening)
{
	int report[2];
	int error = 0;
	pid_t pid;
	ssize_t n;

	if (pipe2(report, O_CLOEXEC) < 0)
		return -1;
	pid = fork();
	if (pid == 0)
		become(listening, report[1]);
	close(report[1]);
	do
		n = pid < 0 ? 0 : read(report[0], &error, sizeof(error));
	while (n < 0 && errno == EINTR);
	close(report[0]);
	if (n != sizeof(error))
		return pid;
	waitpid(pid, NULL, 0);
	errno = error;
	return -1;
}

static void remove_all(void)
{
	int i;

	for (i = 0; i < listener_count; i++)
		listen_remove(&listeners[i]);
}

static void end_copies(void)
{
	int i;

	for (i = 0; i < COPIES_MAX; i++)
		if (copies[i] > 0)
			kill(copies[i], SIGTERM);
}

static _Noreturn void cannot_start(const char *why)
{
	char what[300];

	end_copies();
	remove_all();
	text_format(what, sizeof(what), "%.250s does not start", wish.app[0]);
	fault(EXIT_CONNECT, what, why);
}

static int find_copy(pid_t pid)
{
	int i;

	for (i = 0; i < wish.copies; i++)
		if (copies[i] == pid)
			return i;
	return -1;
}

static const char *say(int status)
{
	static char text[80];

	if (WIFSIGNALED(status))
		text_format(text, sizeof(text),
			    "it was killed by signal %d (%s)", WTERMSIG(status),
			    strsignal(WTERMSIG(status)));
	else
		text_format(text, sizeof(text), "it ended with exit status %d",
			    WEXITSTATUS(status));
	return text;
}

/* An application that dies at once is not one that runs. */
static void settle(void)
{
	const struct timespec pause = {.tv_nsec = LOOK_MS * 1000000L};
	int waited;
	int status;

	for (waited = 0; waited < SETTLE_MS; waited += LOOK_MS) {
		pid_t pid = waitpid(-1, &status, WNOHANG);
		int i = pid > 0 ? find_copy(pid) : -1;

		if (i >= 0) {
			copies[i] = 0;
			cannot_start(say(status));
		}
		nanosleep(&pause, NULL);
	}
}

static void start_copies(void)
{
	long i;

	for (i = 0; i < wish.copies; i++) {
		copies[i] = start_copy(listeners[0].fd);
		if (copies[i] < 0)
			cannot_start(strerror(errno));
	}
}

static int listen_there(void)
{
	char why[LISTEN_WHY_MAX];
	struct addr addr;

	addr_parse(&addr, wish.connect);
	wish.socket.backlog = (int)wish.backlog;
	listener_count = listen_open(&addr, &wish.socket, listeners, why);
	if (listener_count < 0 && errno == EADDRINUSE)
		return -1;
	if (listener_count < 0)
		fault(EXIT_CONNECT, "cannot listen", why);
	return 0;
}

int start_application(void)
{
	if (listen_there() < 0)
		return -1;
	start_copies();
	settle();
	return 0;
}

static void restart(pid_t pid, int status, time_t begun)
{
	const struct timespec pause = {.tv_sec = RESTART_S};
	int i = find_copy(pid);

	if (i < 0)
		return;
	note("%s[%ld]: %s; started again", wish.app[0], (long)pid, say(status));
	if (time(NULL) - begun < RESTART_S)
		nanosleep(&pause, NULL);
	copies[i] = start_copy(listeners[0].fd);
	if (copies[i] < 0) {
		note("%s: cannot be started: %s", wish.app[0], strerror(errno));
		copies[i] = 0;
	}
}

int start_and_supervise(void)
{
	sigset_t handled;
	time_t begun;
	int number;

	sigemptyset(&handled);
	sigaddset(&handled, SIGCHLD);
	sigaddset(&handled, SIGTERM);
	sigaddset(&handled, SIGINT);
	sigaddset(&handled, SIGHUP);
	sigprocmask(SIG_BLOCK, &handled, NULL);
	if (start_application() < 0)
		return -1;
	begun = time(NULL);
	for (;;) {
		int status;
		pid_t pid;

		while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
			restart(pid, status, begun);
			begun = time(NULL);
		}
		if (sigwait(&handled, &number) == 0 && number != SIGCHLD)
			break;
	}
	end_copies();
	remove_all();
	return 0;
}

void start_once(void)
{
	static char path[sizeof(once_folder) + 8];

	text_format(once_folder, sizeof(once_folder), "/tmp/cgi-fcgi.XXXXXX");
	if (!mkdtemp(once_folder))
		fault(1, "no folder for the socket", strerror(errno));
	text_format(path, sizeof(path), "%s/socket", once_folder);
	wish.connect = path;
	wish.copies = 1;
	atexit(start_end_once);
	if (start_application() < 0)
		fault(EXIT_CONNECT, "cannot listen", strerror(errno));
}

void start_end_once(void)
{
	if (!once_folder[0])
		return;
	end_copies();
	remove_all();
	rmdir(once_folder);
	once_folder[0] = '\0';
}
