/*
 * starting: faults while the wrapper starts and stops. Either it serves, and
 * ends when it is told to, or it says in one line why it does not, exit status
 * 1, and leaves no socket.
 */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "faults.h"

#define WORDS_MAX 24
#define NOTIFY	  "@cgi-fcgi-faults"
#define NOBODY	  65534

/* A % in a word stands for the folder; in its folder own are a program, a link
 * to it and a script for it, of an owner who is not root. */
struct command {
	const char *as; /* what the wrapper is called */
	const char *word[WORDS_MAX];
	const char *env;
	bool daemon;
	bool preloads;
	bool no_status;	  /* page: programs are all that it answers with */
	const char *runs; /* of own, once it answers */
};

static const struct command plain = {
	.word = {"-listen", "%/start", "-root", "/", "-status", "/status",
		 "-mode", "0600", "-pidfile", "%/pid", "-allow", "/bin/true",
		 "-limit", "core=0", "-env", "A=b", "-env", "PATH"}};
static const struct command sockets = {
	.word = {"-listen", "%/start", "-listen", "127.0.0.1:0", "-listen",
		 "localhost:0", "-root", "/", "-status", "/status"}};
static const struct command notifying = {
	.word = {"-listen", "%/start", "-status", "/status", "-spool", "%"},
	.env = "NOTIFY_SOCKET=" NOTIFY};
static const struct command notifying_nobody = {
	.word = {"-listen", "%/start", "-status", "/status"},
	.env = "NOTIFY_SOCKET=" NOTIFY "-nobody"};
static const struct command by_name = {
	.word = {"-listen", "%/start", "-status", "/status", "true"}};
static const struct command workers = {.word = {"-listen", "%/start", "-status",
						"/status", "-workers", "2",
						"-grace", "1"}};
static const struct command in_background = {
	.word = {"-listen", "%/start", "-status", "/status", "-pidfile",
		 "%/pid", "-daemon"},
	.daemon = true};
static const struct command as_user = {
	.word = {"-listen", "%/start", "-status", "/status", "-user", "nobody",
		 "-chroot", "/", "-owner", "nobody"}};
static const struct command first_program = {.word = {"-listen", "%/start",
						      "-status", "/status",
						      "-limit", "core=0"},
					     .runs = "nonce"};
static const struct command of_workers = {
	.word = {"-listen", "%/start", "-status", "/status", "-workers", "2",
		 "-grace", "1", "-max", "1"},
	.env = "NOTIFY_SOCKET=" NOTIFY,
	.runs = "nonce"};
static const struct command of_owner = {
	.word = {"-listen", "%/start", "-status", "/status", "-as-owner",
		 "1000", "-root", "%/own"},
	.runs = "link"};
static const struct command old_kernel = {
	.word = {"-listen", "%/start", "-status", "/status", "-as-owner",
		 "1000", "-root", "%/own", "-limit", "core=0"},
	.env = INJECT_OLD "=1",
	.runs = "nonce"};
static const struct command of_user = {
	.word = {"-listen", "%/start", "-status", "/status", "-user", "nobody",
		 "-chroot", "/", "-allow", "%/own/nonce"},
	.runs = "link"};
static const struct command handled = {
	.word = {"-listen", "%/start", "-status", "/status", "-root", "%",
		 "-handler", ".x=%/own/nonce", "-as-owner", "1000"},
	.runs = "script.x"};
static const struct command preloaded = {.word = {"-listen", "%/start",
						  "-status", "/status",
						  "-preload", "%/own/nonce"},
					 .preloads = true,
					 .runs = "nonce"};
static const struct command old_and_preloaded = {
	.word = {"-listen", "%/start", "-status", "/status", "-preload",
		 "%/own/nonce"},
	.env = INJECT_OLD "=1",
	.preloads = true,
	.runs = "nonce"};
static const struct command preloaded_script = {
	.word = {"-listen", "%/start", "-status", "/status", "-preload", "all",
		 "-as-owner", "1000"},
	.preloads = true,
	.runs = "script"};
static const struct command only_one = {
	.word = {"-listen", "%/start", "-status", "/status", "-as-owner",
		 "1000", "%/own/nonce"},
	.runs = "nonce"};
static const struct command as_fcgiwrap = {
	.as = "fcgiwrap",
	.word = {"-s", "unix:%/start", "-p", "%/own/nonce"},
	.no_status = true,
	.runs = "nonce"};

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

static int inbox = -1; /* the service manager's */

/* In the folder own. */
static const char *ask_for(const char *program, int patience_ms, bool faulted)
{
	struct endpoint endpoint = address();
	struct visit ask = {
		.to = &endpoint,
		.patience_ms = patience_ms,
		.exchange = {{.id = 1, .bytes = 2000, .program = program}},
		.count = 1};
	const char *before = programs;
	const char *wrong;
	char own[200];

	snprintf(own, sizeof(own), "%s/own", folder);
	programs = own;
	wrong = visit(&ask, faulted);
	programs = before;
	return wrong;
}

/* Whether the status page holds this. */
static bool has_status(const char *text_wanted)
{
	struct endpoint endpoint = address();
	struct visit ask = {.to = &endpoint,
			    .patience_ms = 500,
			    .exchange = {{.id = 1,
					  .program = "status",
					  .holds = text_wanted}},
			    .count = 1};

	return !visit(&ask, false);
}

static bool is_answering(const struct command *command)
{
	if (!is_there("start"))
		return false;
	if (command->no_status ? !ask_for(command->runs, 500, false)
			       : has_status("requests"))
		return true;
	/* No shortage lasts for ever. */
	if (control->lasts)
		atomic_store(&control->call, -1);
	return false;
}

/* With -preload until a template has answered; but one that could not be made
 * is not made again. */
static const char *run_programs(const struct command *command, bool faulted)
{
	const char *wrong = ask_for(command->runs, 0, faulted);
	int tries = command->preloads ? 20 : 0;

	for (; !wrong && tries > 0 && !has_status("preloaded: 1"); tries--) {
		/* No shortage lasts for ever. */
		if (control->lasts)
			atomic_store(&control->call, -1);
		sleep_ms(1);
		wrong = ask_for(command->runs, 0, faulted);
	}
	return wrong;
}

static char *expand(const char *word)
{
	const char *at = strchr(word, '%');

	return strdup(
		at ? text("%.*s%s%s", (int)(at - word), word, folder, at + 1)
		   : word);
}

static pid_t begin(const struct command *command)
{
	char *argv[WORDS_MAX + 2] = {(char *)(size_t)binary};
	char *envp[] = {(char *)(size_t)command->env, NULL};
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	char mail[200];
	pid_t pid;
	int i;

	while (recv(inbox, mail, sizeof(mail), MSG_DONTWAIT) > 0)
		;
	if (command->as)
		argv[0] = (char *)(size_t)text("%s/%s", folder, command->as);
	for (i = 0; command->word[i]; i++)
		argv[i + 1] = expand(command->word[i]);
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
		if (strncmp(line, "cgi-fcgi: ", 10) != 0 &&
		    strncmp(line, "fcgiwrap: ", 10) != 0)
			return false;
		if (!strstr(line, ": listening on") &&
		    !strstr(line, ": warning:") && !strstr(line, "stopping") &&
		    !strstr(line, "is not preloaded"))
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

static const char *watch(pid_t pid, const struct command *command, bool faulted)
{
	int64_t end = clock_ms() + 10000;
	const char *wrong = NULL;
	int status;

	while (clock_ms() < end) {
		if (is_answering(command)) {
			if (command->runs)
				wrong = run_programs(command, faulted);
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
static const char *watch_daemon(pid_t starter, const struct command *command)
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
		if (is_answering(command))
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
	wrong = command->daemon ? watch_daemon(pid, command)
				: watch(pid, command, faulted);
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
	{"notifying nobody", go, &notifying_nobody, true},
	{"first program", go, &first_program, true},
	{"workers' program", go, &of_workers, true},
	{"owner's program", go, &of_owner, true},
	{"old kernel", go, &old_kernel, true},
	{"user's program", go, &of_user, true},
	{"handler", go, &handled, true},
	{"preload", go, &preloaded, true},
	{"old kernel, preload", go, &old_and_preloaded, true},
	{"preloaded script", go, &preloaded_script, true},
	{"only program", go, &only_one, true},
	{"fcgiwrap", go, &as_fcgiwrap, true},
	{0},
};

static void copy_program(const char *to)
{
	int in = open(text("%s/nonce", programs), O_RDONLY | O_CLOEXEC);
	int out = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);

	while (sendfile(out, in, NULL, 1 << 20) > 0)
		;
	if (close(out) < 0 || close(in) < 0)
		give_up(to);
}

static void write_script(const char *path)
{
	char line[300];
	int length = snprintf(line, sizeof(line), "#!%s/own/nonce\n", folder);
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);

	if (write(fd, line, (size_t)length) != length || close(fd) < 0)
		give_up(path);
}

static const char *const owned[] = {"", "/nonce", "/link", "/script",
				    "/script.x"};

static void make_own(void)
{
	char link_path[200];
	size_t i;

	snprintf(link_path, sizeof(link_path), "%s/own/link", folder);
	if (mkdir(text("%s/own", folder), 0755) < 0 ||
	    symlink("nonce", link_path) < 0 ||
	    symlink(binary, text("%s/fcgiwrap", folder)) < 0)
		give_up("own");
	copy_program(text("%s/own/nonce", folder));
	write_script(text("%s/own/script", folder));
	write_script(text("%s/own/script.x", folder));
	for (i = 0; geteuid() == 0 && i < sizeof(owned) / sizeof(*owned); i++)
		if (lchown(text("%s/own%s", folder, owned[i]), NOBODY, NOBODY) <
		    0)
			give_up("own");
}

static void remove_own(void)
{
	size_t i;

	for (i = sizeof(owned) / sizeof(*owned) - 1; i > 0; i--)
		unlink(text("%s/own%s", folder, owned[i]));
	rmdir(text("%s/own", folder));
	unlink(text("%s/fcgiwrap", folder));
}

static void open_inbox(void)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};

	memcpy(name.sun_path + 1, &NOTIFY[1], sizeof(NOTIFY) - 2);
	inbox = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	/* Another of us may have it: theirs reads as well. */
	bind(inbox, (struct sockaddr *)&name,
	     (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
			 sizeof(NOTIFY) - 1));
}

int faults_starting(void)
{
	int bad;

	make_own();
	open_inbox();
	bad = campaign("starting", scenarios, NULL);
	close(inbox);
	remove_own();
	return bad;
}
