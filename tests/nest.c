/*
 * nest SECONDS COMMAND...: runs a command and leaves nothing of it behind.
 * What loses its parent becomes the nest's child, however often it forked; so
 * the nest knows what is left when the command has ended: it names it, ends
 * it, and exits 98. After SECONDS everything is ended: 99. Else the exit
 * status is the command's.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LEFT_SOMETHING = 98, TOO_LATE = 99, PATIENCE_MS = 3000 };

static volatile sig_atomic_t caught;

static void note_signal(int number)
{
	caught = number;
}

/* The children of this process into list; returns how many. */
static int children(pid_t *list, int room)
{
	char path[64];
	FILE *file;
	int n = 0;
	long pid;

	snprintf(path, sizeof(path), "/proc/self/task/%ld/children",
		 (long)getpid());
	file = fopen(path, "r");
	while (file && n < room && fscanf(file, "%ld", &pid) == 1)
		list[n++] = (pid_t)pid;
	if (file)
		fclose(file);
	return n;
}

static void name_it(pid_t pid)
{
	char path[64];
	char line[512];
	size_t n = 0;
	size_t i;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%ld/cmdline", (long)pid);
	file = fopen(path, "r");
	if (file) {
		n = fread(line, 1, sizeof(line) - 1, file);
		fclose(file);
	}
	for (i = 0; i < n; i++)
		if (line[i] == '\0')
			line[i] = ' ';
	line[n] = '\0';
	fprintf(stderr, "left running: %ld %s\n", (long)pid, line);
}

static void nap(long ms)
{
	usleep((useconds_t)ms * 1000);
}

static int reap(void)
{
	pid_t pid;

	while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
		;
	return pid < 0 && errno == ECHILD;
}

/* Ends all that is left; returns whether there was anything. */
static int clear(int aloud, long patience_ms)
{
	pid_t list[256];
	int found = 0;
	int n;

	for (; patience_ms > 0 && !reap(); patience_ms -= 20)
		nap(20);
	while (!reap()) {
		n = children(list, 256);
		found += n;
		while (n-- > 0) {
			if (aloud)
				name_it(list[n]);
			kill(list[n], SIGKILL);
		}
		nap(20);
	}
	return found > 0;
}

static void watch_signals(void)
{
	struct sigaction action = {.sa_handler = note_signal};

	sigaction(SIGALRM, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
}

static void run(char **argv)
{
	char pid[32];

	snprintf(pid, sizeof(pid), "%ld", (long)getppid());
	setenv("NEST", pid, 1);
	execvp(argv[0], argv);
	fprintf(stderr, "nest: %s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

int main(int argc, char **argv)
{
	pid_t child;
	pid_t pid;
	int status;

	if (argc < 3)
		return 2;
	watch_signals();
	child = fork();
	if (child == 0)
		run(argv + 2);
	alarm((unsigned)strtoul(argv[1], NULL, 10));
	do
		pid = caught ? -1 : waitpid(-1, &status, 0);
	while (pid > 0 ? pid != child : errno == EINTR && !caught);
	if (caught) {
		fprintf(stderr, "nest: %s: ended by signal %d\n", argv[2],
			(int)caught);
		clear(0, 0);
		return caught == SIGALRM ? TOO_LATE : 128 + caught;
	}
	if (clear(1, PATIENCE_MS))
		return LEFT_SOMETHING;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
