/*
 * faults BINARY LIBRARY PROGRAMS [PART [WHAT]]: see faults.h. PART 10: only
 * each tenth call and error. WHAT: only starting, serving or bridge. Prints how
 * many faults there were, and each that was not borne; exit status 0 if all
 * were.
 */
#include "faults.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ERRORS_MAX 12
#define NEVER	   1000000000L

static const struct {
	const char *name;
	int error[ERRORS_MAX];
} calls[] = {
#define X(name, ...) {#name, {__VA_ARGS__}},
	CALLS(X)
#undef X
};

struct inject *control;
char folder[100];
const char *binary;
const char *programs;

static char *library;
static int memory;
static long part = 1;
static long tried;
static long faults;

void give_up(const char *what)
{
	fprintf(stderr, "faults: %s: %s\n", what, strerror(errno));
	exit(1);
}

const char *text(const char *format, ...)
{
	static char texts[8][1024];
	static int turn;
	va_list args;

	turn = (turn + 1) % 8;
	va_start(args, format);
	vsnprintf(texts[turn], sizeof(texts[turn]), format, args);
	va_end(args);
	return texts[turn];
}

void sleep_ms(int ms)
{
	struct timespec time = {.tv_sec = ms / 1000,
				.tv_nsec = ms % 1000 * 1000000L};

	nanosleep(&time, NULL);
}

int64_t clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int create(const char *name)
{
	int fd = open(text("%s/%s", folder, name),
		      O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0)
		give_up(name);
	return fd;
}

pid_t start_into(char *const argv[], char *const envp[], int stdin_fd,
		 int stdout_fd, bool faulty)
{
	int err = create("err");
	pid_t pid;

	atomic_store(&control->taken, !faulty);
	pid = fork();
	if (pid == 0) {
		for (; *envp; envp++)
			putenv(*envp);
		setenv("LISTEN_PID", text("%ld", (long)getpid()), 1);
		if (faulty) {
			setenv(INJECT_VARIABLE, text("%d", memory), 1);
			setenv("LD_PRELOAD", library, 1);
		}
		dup2(stdin_fd, 0);
		dup2(stdout_fd, 1);
		dup2(err, 2);
		execv(argv[0], argv);
		_exit(126);
	}
	if (pid < 0)
		give_up("fork");
	close(err);
	return pid;
}

pid_t start(char *const argv[], char *const envp[], int stdin_fd, bool faulty)
{
	int out = create("out");
	pid_t pid = start_into(argv, envp, stdin_fd, out, faulty);

	close(out);
	return pid;
}

int wait_end(pid_t pid, int ms)
{
	int64_t end = clock_ms() + ms;
	int status;

	while (waitpid(pid, &status, WNOHANG) == 0) {
		if (clock_ms() > end)
			return -1;
		sleep_ms(1);
	}
	return status;
}

bool end_orphans(pid_t but)
{
	char list[4096];
	char *at = list;
	int fd = open(text("/proc/self/task/%ld/children", (long)getpid()),
		      O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, list, sizeof(list) - 1);
	bool any = false;
	long pid;

	close(fd);
	list[n < 0 ? 0 : n] = '\0';
	while ((pid = strtol(at, &at, 10)) > 0) {
		if (pid == but)
			continue;
		/* One that is about to end is none. */
		if (wait_end((pid_t)pid, 1000) == -1) {
			any = true;
			kill((pid_t)pid, SIGKILL);
			waitpid((pid_t)pid, NULL, 0);
		}
	}
	return any;
}

bool is_there(const char *name)
{
	struct stat st;

	return lstat(text("%s/%s", folder, name), &st) == 0;
}

char *contents(const char *name, size_t *length)
{
	static char block[8][1 << 16];
	static int turn;
	char *to = block[turn = (turn + 1) % 8];
	int fd = open(text("%s/%s", folder, name), O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, to, sizeof(block[0]) - 1);

	close(fd);
	to[n < 0 ? 0 : n] = '\0';
	if (length)
		*length = n < 0 ? 0 : (size_t)n;
	return to;
}

/* A shortage may end with the call that met it, or last. */
static bool can_last(int call, int error)
{
	return call != CALL_accept4 && call != CALL_poll &&
	       (error == EMFILE || error == ENFILE || error == ENOMEM ||
		error == ENOBUFS || error == ENOSPC);
}

static void arm(int call, int error, long nth)
{
	atomic_store(&control->call, -1);
	atomic_store(&control->error, error);
	atomic_store(&control->nth, nth);
	atomic_store(&control->seen, 0);
	atomic_store(&control->fired, 0);
	atomic_store(&control->call, call);
}

static const char *run(const struct scenario *scenario, bool faulted,
		       const char *(*after)(void))
{
	const char *wrong = scenario->run(scenario, faulted);

	arm(-1, 0, 0);
	return wrong || !after ? wrong : after();
}

/* One call of one scenario, with one error, at all its times. */
static int sweep(const struct scenario *scenario, int call, int error,
		 bool lasts, const char *(*after)(void))
{
	const char *wrong;
	bool struck;
	int bad = 0;
	long most;
	long n;

	if (tried++ % part != 0)
		return 0;
	atomic_store(&control->lasts, lasts);
	arm(call, error, NEVER);
	wrong = scenario->run(scenario, false);
	most = atomic_load(&control->seen);
	arm(-1, 0, 0);
	if (wrong) {
		printf("%s: untouched: %s\n", scenario->name, wrong);
		return 1;
	}
	if (most == 0)
		return 0;
	for (n = 1;; n++) {
		arm(call, error, n);
		wrong = scenario->run(scenario, true);
		struck = atomic_load(&control->fired) > 0;
		arm(-1, 0, 0);
		if (!struck && !wrong && n > most)
			return bad;
		faults += struck;
		if (!wrong && after)
			wrong = after();
		if (!wrong)
			continue;
		printf("%s: %s, %s, the %ld.%s: %s\n", scenario->name,
		       calls[call].name,
		       error == SHORT ? "short" : strerror(error), n,
		       lasts ? " and all that follow" : "", wrong);
		fflush(stdout);
		bad++;
		if (bad > 5)
			return bad;
	}
}

static int sweep_both(const struct scenario *scenario, int call, int error,
		      const char *(*after)(void))
{
	int bad = sweep(scenario, call, error, false, after);

	if (can_last(call, error))
		bad += sweep(scenario, call, error, true, after);
	return bad;
}

int campaign(const char *name, const struct scenario *scenarios,
	     const char *(*after)(void))
{
	const struct scenario *scenario;
	const char *wrong;
	int bad = 0;

	for (scenario = scenarios; scenario->name; scenario++) {
		long before = faults;
		int64_t begun = clock_ms();
		int call;

		for (call = 0; call < CALL_COUNT; call++)
			atomic_store(&control->calls[call], 0);
		wrong = run(scenario, false, after);
		if (wrong)
			printf("%s: untouched: %s\n", scenario->name, wrong);
		bad += wrong != NULL;
		for (call = 0; !wrong && call < CALL_COUNT; call++) {
			const int *error = calls[call].error;

			/* Without descriptors nothing is accepted for a
			 * second. */
			if (call == CALL_accept4 && scenario->known)
				continue;
			for (; control->calls[call] > 0 && *error; error++)
				bad += sweep_both(scenario, call, *error,
						  after);
		}
		printf("%s: %s: %ld faults, %lld ms\n", name, scenario->name,
		       faults - before, (long long)(clock_ms() - begun));
		fflush(stdout);
	}
	return bad;
}

static void open_memory(void)
{
	int fd = memfd_create("inject", MFD_CLOEXEC);

	/* Low numbers have a meaning. */
	memory = fcntl(fd, F_DUPFD, 100);
	if (memory < 0 || ftruncate(memory, sizeof(*control)) < 0)
		give_up("memory");
	control = mmap(NULL, sizeof(*control), PROT_READ | PROT_WRITE,
		       MAP_SHARED, memory, 0);
	if (control == MAP_FAILED)
		give_up("memory");
	arm(-1, 0, 0);
}

/* In /tmp: -once, whose own folder is left where its removal fails, takes no
 * long name. */
static void open_folder(void)
{
	snprintf(folder, sizeof(folder), "/tmp/cgi-fcgi-faults.XXXXXX");
	/* Another user must be able to take his socket away. */
	if (!mkdtemp(folder) || chmod(folder, 0777) < 0)
		give_up(folder);
	setenv("TMPDIR", folder, 1);
}

static void close_folder(void)
{
	if (system(text("rm -rf %s", folder)) != 0)
		give_up(folder);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(void);
	} whats[] = {{"starting", faults_starting},
		     {"serving", faults_serving},
		     {"bridge", faults_bridge}};
	int bad;
	int i;

	if (argc < 4)
		give_up("BINARY LIBRARY PROGRAMS [PART]");
	binary = argv[1];
	library = argv[2];
	programs = argv[3];
	if (argc > 4)
		part = strtol(argv[4], NULL, 10);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	open_folder();
	open_memory();
	bad = 0;
	for (i = 0; i < 3; i++)
		if (argc < 6 || strcmp(argv[5], whats[i].name) == 0)
			bad += whats[i].run();
	close_folder();
	printf("%ld faults injected, %d not borne\n", faults, bad);
	return bad > 0;
}
