/*
 * starting: faults while the wrapper starts and stops. Either it serves, and
 * ends when it is told to, or it says in one line why it does not, exit status
 * 1, and leaves no socket.
 */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "faults.h"

#define WORDS_MAX 24

/* What a scenario's words begin with %: a path in the folder. */
struct command {
	const char *word[WORDS_MAX];
	const char *env;
	bool daemon;
	bool runs; /* a program too, at its first request */
};

static const struct command plain = {
	.word = {"-listen", "%start", "-root", "/", "-status", "/status",
		 "-mode", "0600", "-pidfile", "%pid", "-allow", "/bin/true",
		 "-limit", "core=0", "-env", "A=b", "-env", "PATH"}};
static const struct command sockets = {
	.word = {"-listen", "%start", "-listen", "127.0.0.1:0", "-listen",
		 "localhost:0", "-root", "/", "-status", "/status"}};
static const struct command notifying = {
	.word = {"-listen", "%start", "-status", "/status", "-spool", "%"},
	.env = "NOTIFY_SOCKET=@cgi-fcgi-nobody"};
static const struct command by_name = {
	.word = {"-listen", "%start", "-status", "/status", "true"}};
static const struct command workers = {.word = {"-listen", "%start", "-status",
						"/status", "-workers", "2",
						"-grace", "1"}};
static const struct command in_background = {
	.word = {"-listen", "%start", "-status", "/status", "-pidfile", "%pid",
		 "-daemon"},
	.daemon = true};
static const struct command as_user = {
	.word = {"-listen", "%start", "-status", "/status", "-user", "nobody",
		 "-chroot", "/", "-owner", "nobody"}};
static const struct command first_program = {
	.word = {"-listen", "%start", "-status", "/status", "-limit", "core=0"},
	.runs = true};
static const struct command as_owner = {.word = {"-listen", "%start", "-status",
						 "/status", "-as-owner",
						 "1000"}};

static struct endpoint address(void)
{
	struct endpoint endpoint = {.length = sizeof(struct sockaddr_un)};
	struct sockaddr_un *un = (struct sockaddr_un *)&endpoint.name;

	un->sun_family = AF_UNIX;
	snprintf(un->sun_path, sizeof(un->sun_path), "%s/start", folder);
	return endpoint;
}

static int struck; /* what fails */

/* What says it may be what fails, and so may what removes a socket. */
static bool is_speechless(void)
{
	return struck == CALL_write || struck == CALL_fcntl;
}

static bool is_left(void)
{
	return is_there("start") && struck != CALL_unlink &&
	       struck != CALL_lstat;
}

static bool is_answering(void)
{
	struct endpoint endpoint = address();
	struct visit ask = {.to = &endpoint,
			    .patience_ms = 500,
			    .exchange = {{.id = 1,
					  .program = "status",
					  .holds = "requests"}},
			    .count = 1};

	if (!is_there("start"))
		return false;
	if (!visit(&ask, false))
		return true;
	/* No shortage lasts for ever. */
	if (control->lasts)
		atomic_store(&control->call, -1);
	return false;
}

/* What comes first is done once in a wrapper's life. */
static const char *run_program(bool faulted)
{
	struct endpoint endpoint = address();
	struct visit ask = {.to = &endpoint,
			    .exchange = {{.id = 1, .bytes = 2000}},
			    .count = 1};

	return visit(&ask, faulted);
}

static pid_t begin(const struct command *command)
{
	char *argv[WORDS_MAX + 2] = {(char *)(size_t)binary};
	char *envp[] = {(char *)(size_t)command->env, NULL};
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	pid_t pid;
	int i;

	for (i = 0; command->word[i]; i++)
		argv[i + 1] = strdup(
			command->word[i][0] == '%'
				? text("%s/%s", folder, command->word[i] + 1)
				: command->word[i]);
	pid = start(argv, envp, null, true);
	for (i = 1; argv[i]; i++)
		free(argv[i]);
	close(null);
	return pid;
}

/* What it says beside what it always says: one line, of its own. */
static bool is_told(int lines_wanted)
{
	char *line = strtok(contents("err", NULL), "\n");
	int lines = 0;

	for (; line; line = strtok(NULL, "\n")) {
		if (strncmp(line, "cgi-fcgi: ", 10) != 0)
			return false;
		if (!strstr(line, ": listening on") &&
		    !strstr(line, ": warning:") && !strstr(line, "stopping"))
			lines++;
	}
	return lines == lines_wanted || is_speechless();
}

static const char *judge_failure(int status)
{
	if (WIFSIGNALED(status))
		return text("killed by signal %d", WTERMSIG(status));
	if (WEXITSTATUS(status) < 1 || WEXITSTATUS(status) > 2)
		return text("exit status %d", WEXITSTATUS(status));
	/* A name that cannot be looked up is a mistake in use: two lines. */
	if (!is_told(WEXITSTATUS(status)))
		return text("told in another way: %.500s",
			    contents("err", NULL));
	if (is_left())
		return "its socket is left";
	return NULL;
}

static const char *judge_end(pid_t pid)
{
	int status;

	kill(pid, SIGTERM);
	status = wait_end(pid, 10000);
	if (status == -1)
		return "it does not end";
	if (status != 0)
		return text("at its end: wait status %d: %.300s", status,
			    contents("err", NULL));
	if (is_left())
		return "its socket is left at its end";
	return NULL;
}

static const char *watch(pid_t pid, bool runs, bool faulted)
{
	int64_t end = clock_ms() + 10000;
	const char *wrong = NULL;
	int status;

	while (clock_ms() < end) {
		if (is_answering()) {
			if (runs)
				wrong = run_program(faulted);
			return wrong ? wrong : judge_end(pid);
		}
		if (waitpid(pid, &status, WNOHANG) == pid)
			return judge_failure(status);
		sleep_ms(1);
	}
	return "it neither serves nor ends";
}

/* What starts it ends at once; it is our child from then on, and has nobody to
 * tell of its own failures. */
static const char *watch_daemon(pid_t starter)
{
	int64_t end = clock_ms() + 10000;
	int status = wait_end(starter, 10000);
	pid_t pid;

	if (status != 0)
		return judge_failure(status);
	pid = (pid_t)strtol(contents("pid", NULL), NULL, 10);
	if (pid <= 0) {
		/* It is about to end. */
		while (waitpid(-1, NULL, 0) > 0)
			;
		return is_left() ? "a socket is left" : NULL;
	}
	while (clock_ms() < end) {
		if (is_answering())
			return judge_end(pid);
		if (waitpid(pid, &status, WNOHANG) == pid)
			return is_left() ? "a socket is left" : NULL;
		sleep_ms(1);
	}
	return "it neither serves nor ends";
}

static const char *go(const struct scenario *scenario, bool faulted)
{
	const struct command *command = scenario->what;
	pid_t pid;
	const char *wrong;

	unlink(text("%s/start", folder));
	unlink(text("%s/pid", folder));
	struck = control->call;
	pid = begin(command);
	wrong = command->daemon ? watch_daemon(pid)
				: watch(pid, command->runs, faulted);
	if (wrong)
		kill(pid, SIGKILL);
	if (end_orphans(0) && !wrong)
		wrong = "a process is left";
	unlink(text("%s/start", folder));
	unlink(text("%s/pid", folder));
	return wrong;
}

static const struct scenario scenarios[] = {
	{"plain", go, &plain, true},
	{"sockets", go, &sockets, true},
	{"notifying", go, &notifying, true},
	{"program by name", go, &by_name, true},
	{"workers", go, &workers, true},
	{"daemon", go, &in_background, true},
	{"user and chroot", go, &as_user, true},
	{"first program", go, &first_program, true},
	{"as owner", go, &as_owner, true},
	{0},
};

int faults_starting(void)
{
	return campaign("starting", scenarios, NULL);
}
