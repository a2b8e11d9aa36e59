/*
 * bridge: faults in the bridge. It prints all of the answer and exits with its
 * status, or says on stderr what is wrong; as a CGI program that has printed
 * nothing yet, in a page too. A part of an answer never passes for the whole,
 * and what could not be started leaves nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "faults.h"

enum {
	WORDS_MAX = 20,
	BODY = 50000,  /* bytes of the file in */
	BYTES = 30000, /* of an answer */
	NONCE = 1042,
};

/* A word that begins with % is a path in the folder; %% is the programs', %app
 * an application, %tcp its address. */
struct question {
	const char *word[WORDS_MAX];
	const char *env[8];
	unsigned body; /* of what the program is given */
	bool content;  /* without the header */
	bool cgi;
	bool starts; /* applications stay, or nothing of them does */
	bool silent; /* asks nothing */
	bool piped;  /* what it prints */
	int fails;   /* its exit status, where nothing was made to fail */
};

static pid_t application;
static char tcp[100];

#define QUERY "1042:30000:p"
#define ASK   "-connect", "%sock", "-url", "/nonce?" QUERY, "-root", "%%"

static const struct question url = {.word = {ASK}, .content = true};
static const struct question post = {.word = {ASK, "-body", "%in", "-include",
					      "-header", "A: b", "-timeout",
					      "20"},
				     .body = BODY};
static const struct question from_stdin = {
	.word = {ASK, "-body", "-", "-include", "-env", "X=y"}, .body = BODY};
static const struct question traced = {.word = {ASK, "-trace"},
				       .content = true};
static const struct question as_cgi = {.word = {"-connect", "%sock"},
				       .env = {"GATEWAY_INTERFACE=CGI/1.1",
					       "QUERY_STRING=" QUERY,
					       "CONTENT_LENGTH=50000"},
				       .body = BODY,
				       .cgi = true};
static const struct question chunked = {
	.word = {"-connect", "%sock"},
	.env = {"GATEWAY_INTERFACE=CGI/1.1", "QUERY_STRING=" QUERY,
		"HTTP_TRANSFER_ENCODING=chunked"},
	.body = BODY,
	.cgi = true};
static const struct question by_file = {
	.word = {"-f", "%words"},
	.env = {"GATEWAY_INTERFACE=CGI/1.1", "QUERY_STRING=" QUERY},
	.cgi = true};
static const struct question filter = {
	.word = {"-connect", "%sock", "-role", "filter", "-data", "%in"},
	.env = {"QUERY_STRING=" QUERY, "CONTENT_LENGTH=0"},
	.body = BODY};
static const struct question values = {.word = {"-connect", "%sock", "-values"},
				       .silent = true};
static const struct question starting = {
	.word = {"-start", "-connect", "%start", "%app", "2"},
	.starts = true,
	.silent = true};
static const struct question starts_and_asks = {
	.word = {"-connect", "%start", "%app"},
	.env = {"GATEWAY_INTERFACE=CGI/1.1", "QUERY_STRING=" QUERY},
	.starts = true,
	.cgi = true};
static const struct question once = {
	.word = {"-once", "-url", "/nonce?" QUERY, "-root", "%%", "%app"},
	.content = true};

static const struct question by_pipe = {
	.word = {ASK}, .content = true, .piped = true};
static const struct question over_tcp = {
	.word = {"-connect", "%tcp", "-url", "/nonce?" QUERY, "-root", "%%"},
	.content = true};
static const struct question patient = {
	.word = {"-connect", "%nobody", "-url", "/nonce", "-retry", "0.05"},
	.silent = true,
	.fails = 7};
static const struct question once_there = {
	.word = {"-once", "-connect", "%start", "-url", "/nonce?" QUERY,
		 "-root", "%%", "%app"},
	.content = true};
static const struct question supervising = {
	.word = {"-supervise", "-connect", "%start", "%app", "2"},
	.silent = true};

static char *expand(const char *word)
{
	if (strcmp(word, "%%") == 0)
		return strdup(programs);
	if (strcmp(word, "%app") == 0)
		return strdup(binary);
	if (strcmp(word, "%tcp") == 0)
		return strdup(tcp);
	return strdup(word[0] == '%' ? text("%s/%s", folder, word + 1) : word);
}

static unsigned char body_byte(unsigned at)
{
	return (unsigned char)(at * 7 + at / 251);
}

static void write_file(const char *name, const void *bytes, size_t n)
{
	int fd = open(text("%s/%s", folder, name),
		      O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, bytes, n) != (ssize_t)n)
		give_up(name);
	close(fd);
}

static void make_files(void)
{
	static unsigned char bytes[BODY];
	const char *words = text("-connect %s/sock\n", folder);
	unsigned i;

	for (i = 0; i < BODY; i++)
		bytes[i] = body_byte(i);
	write_file("in", bytes, sizeof(bytes));
	write_file("words", words, strlen(words));
}

/* The answer to a question: what nonce prints. */
static size_t foretell(const struct question *question, char *to)
{
	const char *begin = to;
	unsigned long sum = 0;
	unsigned i;

	for (i = 0; i < question->body; i++)
		sum = (sum * 31 + body_byte(i)) & 0xffffffff;
	if (question->silent)
		return 0;
	if (!question->content)
		to += sprintf(to, "Nonce: %d\n\n", NONCE);
	for (i = 0; i < BYTES; i++)
		*to++ = (char)('a' + (NONCE + i * (NONCE % 7 + 1)) % 26);
	to += sprintf(to, "\n%u %lu\n", question->body, sum);
	return (size_t)(to - begin);
}

/* What it prints goes through a pipe to the file out, by a process that
 * *pourer is. */
static pid_t start_piped(char *const argv[], char *const envp[], int in,
			 pid_t *pourer)
{
	char block[4096];
	int ends[2];
	int out = open(text("%s/out", folder),
		       O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	pid_t pid;
	ssize_t n;

	if (out < 0 || pipe2(ends, O_CLOEXEC) < 0)
		give_up("pipe");
	pid = start_into(argv, envp, in, ends[1], true);
	close(ends[1]);
	*pourer = fork();
	if (*pourer == 0) {
		while ((n = read(ends[0], block, sizeof(block))) > 0)
			if (write(out, block, (size_t)n) != n)
				break;
		_exit(0);
	}
	close(ends[0]);
	close(out);
	return pid;
}

static pid_t ask(const struct question *question, pid_t *pourer)
{
	char *argv[WORDS_MAX + 2] = {(char *)(size_t)binary};
	char *envp[10] = {NULL};
	char *script = strdup(text("SCRIPT_FILENAME=%s/nonce", programs));
	int in = open(text("%s/in", folder), O_RDONLY | O_CLOEXEC);
	pid_t pid;
	int i;

	for (i = 0; question->word[i]; i++)
		argv[i + 1] = expand(question->word[i]);
	for (i = 0; question->env[i]; i++)
		envp[i] = (char *)(size_t)question->env[i];
	if (question->env[0])
		envp[i] = script;
	*pourer = 0;
	if (question->piped)
		pid = start_piped(argv, envp, in, pourer);
	else
		pid = start(argv, envp, in, true);
	for (i = 1; argv[i]; i++)
		free(argv[i]);
	free(script);
	close(in);
	return pid;
}

static bool is_whole(const struct question *question, int status)
{
	static char wanted[2 * BYTES];
	size_t length = foretell(question, wanted);
	size_t came;
	const char *out = contents("out", &came);

	if (question->silent)
		return status == question->fails;
	return status == NONCE % 100 && came == length &&
	       memcmp(out, wanted, length) == 0;
}

/* It says that it has failed, and what it has printed is right as far as it
 * goes. */
static bool is_told(const struct question *question, int status)
{
	static char wanted[2 * BYTES];
	size_t length = foretell(question, wanted);
	size_t came;
	const char *out = contents("out", &came);
	const char *err = contents("err", NULL);

	if (status == 0 ||
	    (!strstr(err, "cgi-fcgi: ") && control->call != CALL_write &&
	     control->call != CALL_pwritev2))
		return false;
	return question->silent ||
	       (came <= length && memcmp(out, wanted, came) == 0) ||
	       (question->cgi && came > 20 && memcmp(out, "Status: ", 8) == 0);
}

static const char *judge(const struct question *question, int status,
			 bool faulted)
{
	int number = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	size_t came;
	bool whole = is_whole(question, number);

	if (status == -1)
		return "it does not end";
	if (number < 0)
		return text("killed by signal %d", WTERMSIG(status));
	if (!whole && (!faulted || !is_told(question, number))) {
		contents("out", &came);
		return text("exit status %d, %zu bytes came: %.400s", number,
			    came, contents("err", NULL));
	}
	if (question->starts && whole && !is_there("start"))
		return "started, but no socket is there";
	return NULL;
}

static bool is_listening(const char *path)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool listening;

	snprintf(name.sun_path, sizeof(name.sun_path), "%s", path);
	listening = connect(fd, (struct sockaddr *)&name, sizeof(name)) == 0;
	close(fd);
	return listening;
}

/* Applications that were started stay, as promised: all of them or none. */
static const char *end_applications(const struct question *question)
{
	bool left = is_there("start");
	bool listening = left && is_listening(text("%s/start", folder));
	char list[200];
	int fd = open(text("/proc/self/task/%ld/children", (long)getpid()),
		      O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, list, sizeof(list) - 1);
	char *at = list;
	long pid;

	close(fd);
	list[n < 0 ? 0 : n] = '\0';
	while (question->starts && listening && (pid = strtol(at, &at, 10)) > 0)
		if (pid != application)
			kill((pid_t)pid, SIGTERM);
	if (end_orphans(application))
		return "a process is left";
	unlink(text("%s/start", folder));
	if (left && !listening && control->call != CALL_unlink &&
	    control->call != CALL_lstat)
		return "a socket is left, and nobody listens";
	return NULL;
}

static const char *go(const struct scenario *scenario, bool faulted)
{
	const struct question *question = scenario->what;
	pid_t pourer;
	pid_t pid = ask(question, &pourer);
	int status = wait_end(pid, 40000);
	const char *wrong;
	const char *left;

	if (pourer)
		wait_end(pourer, 5000);
	wrong = judge(question, status, faulted);
	if (status == -1)
		kill(pid, SIGKILL);
	left = end_applications(question);
	return wrong ? wrong : left;
}

/* Ended by a signal once it listens, it ends as the signal says. */
static const char *supervise(const struct scenario *scenario, bool faulted)
{
	const struct question *question = scenario->what;
	int64_t end = clock_ms() + 10000;
	pid_t pourer;
	pid_t pid = ask(question, &pourer);
	const char *wrong = NULL;
	const char *left;
	siginfo_t info;
	int status;

	memset(&info, 0, sizeof(info));
	while (!is_listening(text("%s/start", folder)) && info.si_pid == 0 &&
	       clock_ms() < end) {
		waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT);
		sleep_ms(1);
	}
	kill(pid, SIGTERM);
	status = wait_end(pid, 10000);
	if (status == -1 || !WIFSIGNALED(status) ||
	    WTERMSIG(status) != SIGTERM || info.si_pid != 0)
		wrong = judge(question, status, faulted);
	left = end_applications(question);
	return wrong ? wrong : left;
}

static const struct scenario scenarios[] = {
	{"url", go, &url, true},
	{"body", go, &post, true},
	{"body from stdin", go, &from_stdin, true},
	{"trace", go, &traced, true},
	{"CGI", go, &as_cgi, true},
	{"chunked", go, &chunked, true},
	{"words from a file", go, &by_file, true},
	{"filter", go, &filter, true},
	{"values", go, &values, true},
	{"start", go, &starting, true},
	{"start and ask", go, &starts_and_asks, true},
	{"once", go, &once, true},
	{"once at an address", go, &once_there, true},
	{"into a pipe", go, &by_pipe, true},
	{"TCP", go, &over_tcp, true},
	{"retry", go, &patient, true},
	{"supervise", supervise, &supervising, true},
	{0},
};

/* It says where it listens when all of its sockets are there. */
static bool find_port(void)
{
	static const char told[] = "listening on 127.0.0.1:";
	const char *at = strstr(contents("err", NULL), told);
	char *end;
	long port = at ? strtol(at + sizeof(told) - 1, &end, 10) : 0;

	if (port == 0 || *end != '\n')
		return false;
	snprintf(tcp, sizeof(tcp), "localhost:%ld", port);
	return true;
}

int faults_bridge(void)
{
	char *socket_path = strdup(text("%s/sock", folder));
	char *argv[] = {(char *)(size_t)binary,
			"-listen",
			socket_path,
			"-listen",
			"127.0.0.1:0",
			"-root",
			(char *)(size_t)programs,
			NULL};
	char *envp[] = {NULL};
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int bad;

	make_files();
	unlink(socket_path);
	application = start(argv, envp, null, false);
	while (!find_port())
		sleep_ms(1);
	bad = campaign("bridge", scenarios, NULL);
	kill(application, SIGTERM);
	wait_end(application, 10000);
	unlink(text("%s/words", folder));
	free(socket_path);
	close(null);
	return bad;
}
