/*
 * coverage: linked into the product when it is measured. Its counters are
 * written when a process ends in other ways than by exit(3), too.
 */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void __gcov_dump(void);
void __gcov_reset(void);
int __real_execve(const char *path, char *const argv[], char *const envp[]);
int __wrap_execve(const char *path, char *const argv[], char *const envp[]);
int __real_execvpe(const char *path, char *const argv[], char *const envp[]);
int __wrap_execvpe(const char *path, char *const argv[], char *const envp[]);
_Noreturn void __real__exit(int status);
_Noreturn void __wrap__exit(int status);
int __real_raise(int number);
int __wrap_raise(int number);
int __real_sigprocmask(int how, const sigset_t *set, sigset_t *before);
int __wrap_sigprocmask(int how, const sigset_t *set, sigset_t *before);

/* A child that shares its parent's memory leaves the writing to it. */
static pid_t owner;

static void dump(void)
{
	mode_t before;

	if (getpid() != owner)
		return;
	/* Others go on in these files, perhaps as other users. */
	before = umask(0);
	__gcov_dump();
	__gcov_reset();
	umask(before);
}

void __wrap__exit(int status)
{
	dump();
	__real__exit(status);
}

int __wrap_execve(const char *path, char *const argv[], char *const envp[])
{
	dump();
	return __real_execve(path, argv, envp);
}

int __wrap_execvpe(const char *path, char *const argv[], char *const envp[])
{
	dump();
	return __real_execvpe(path, argv, envp);
}

int __wrap_raise(int number)
{
	dump();
	return __real_raise(number);
}

/* What is let through may end it. */
int __wrap_sigprocmask(int how, const sigset_t *set, sigset_t *before)
{
	if (how == SIG_UNBLOCK)
		dump();
	return __real_sigprocmask(how, set, before);
}

static void ended(int number)
{
	sigset_t set;

	dump();
	signal(number, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, number);
	__real_sigprocmask(SIG_UNBLOCK, &set, NULL);
	__real_raise(number);
}

static void own(void)
{
	owner = getpid();
}

__attribute__((constructor)) static void begin(void)
{
	static const int numbers[] = {SIGTERM, SIGINT,	SIGHUP,
				      SIGPIPE, SIGALRM, SIGXCPU};
	struct sigaction before;
	size_t i;

	own();
	pthread_atfork(NULL, NULL, own);
	atexit(dump);
	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (sigaction(numbers[i], NULL, &before) == 0 &&
		    before.sa_handler == SIG_DFL)
			signal(numbers[i], ended);
}
