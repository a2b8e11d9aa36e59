/*
 * world: a CGI program that prints the world it was started in, a fact a line:
 * arguments, folder, environment, descriptors, signals, mask, group, ids.
 */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

extern char **environ;

static void arguments(int argc, char **argv)
{
	char cwd[4096];
	int i;

	for (i = 0; i < argc; i++)
		printf("argv[%d]=%s\n", i, argv[i]);
	if (getcwd(cwd, sizeof(cwd)))
		printf("cwd=%s\n", cwd);
}

static void environment(void)
{
	char **entry;

	for (entry = environ; *entry; entry++)
		printf("env %s\n", *entry);
}

static void descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;
	char target[256];
	ssize_t n;

	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.' ||
		    atol(entry->d_name) == dirfd(dir))
			continue;
		n = readlinkat(dirfd(dir), entry->d_name, target,
			       sizeof(target) - 1);
		target[n < 0 ? 0 : n] = '\0';
		/* The number of a pipe says nothing. */
		target[strcspn(target, ":[")] = '\0';
		printf("fd %s %s\n", entry->d_name, target);
	}
	if (dir)
		closedir(dir);
}

static void signals(void)
{
	struct sigaction action;
	sigset_t mask;
	int i;

	sigprocmask(SIG_BLOCK, NULL, &mask);
	for (i = 1; i < NSIG; i++) {
		if (sigaction(i, NULL, &action) == 0 &&
		    action.sa_handler != SIG_DFL)
			printf("ignored %d\n", i);
		if (sigismember(&mask, i) == 1)
			printf("blocked %d\n", i);
	}
}

static void ids(void)
{
	gid_t groups[64];
	struct rlimit limit;
	int n = getgroups(64, groups);
	int i;

	printf("group-leader=%d\n", getpgrp() == getpid());
	printf("uid=%ld euid=%ld gid=%ld egid=%ld\n", (long)getuid(),
	       (long)geteuid(), (long)getgid(), (long)getegid());
	for (i = 0; i < n; i++)
		printf("member=%ld\n", (long)groups[i]);
	getrlimit(RLIMIT_NOFILE, &limit);
	printf("nofile=%lu\n", (unsigned long)limit.rlim_cur);
	printf("umask=%03o\n", (unsigned)umask(0));
}

int main(int argc, char **argv)
{
	printf("Content-Type: text/plain\n\n");
	arguments(argc, argv);
	environment();
	descriptors();
	signals();
	ids();
	return 0;
}
