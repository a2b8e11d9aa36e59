/*
 * spawn: vfork and execve.
 * posix_spawn would be the plain way, but it costs a quarter more for a small
 * program and can set neither limits nor owners.
 */
#include "spawn.h"

#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "settings.h"

/* The C libraries do not agree on the type of the resource's number. */
static int set_limit(int resource, const struct rlimit *limit)
{
	return (int)syscall(SYS_prlimit64, 0, resource, limit, NULL);
}

static int set_limits(void)
{
	int i;

	/* The wrapper has raised its own for its connections. */
	if (set.files.rlim_cur < set.files.rlim_max &&
	    set_limit(RLIMIT_NOFILE, &set.files) < 0)
		return -1;
	for (i = 0; i < set.limits; i++) {
		struct rlimit limit = {set.limit[i].value, set.limit[i].value};

		if (set_limit(set.limit[i].resource, &limit) < 0)
			return -1;
	}
	return 0;
}

/* Bare system calls: the C library's own would tell other threads, of which
 * a process after vfork must not think. */
static int set_owner(const struct spawn *spawn)
{
	if (syscall(SYS_setgroups, (size_t)0, NULL) < 0 ||
	    syscall(SYS_setresgid, spawn->gid, spawn->gid, spawn->gid) < 0 ||
	    syscall(SYS_setresuid, spawn->uid, spawn->uid, spawn->uid) < 0)
		return -1;
	return 0;
}

static int set_files(const struct spawn *spawn)
{
	int i;

	for (i = 0; i < 3; i++)
		if (dup2(spawn->files[i], i) < 0)
			return -1;
	return 0;
}

static enum spawn_step become(const struct spawn *spawn)
{
	sigset_t none;

	setpgid(0, 0);
	if (spawn->folder >= 0 && fchdir(spawn->folder) < 0)
		return SPAWN_FOLDER;
	if (set_files(spawn) < 0)
		return SPAWN_FILES;
	if (set_limits() < 0)
		return SPAWN_LIMIT;
	if (spawn->change_owner && set_owner(spawn) < 0)
		return SPAWN_OWNER;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execve(spawn->path, spawn->argv, spawn->envp);
	return SPAWN_EXEC;
}

pid_t spawn_start(struct spawn *spawn)
{
	pid_t pid;

	spawn->step = SPAWN_FORK;
	spawn->error = 0;
	pid = vfork();
	if (pid == 0) {
		/* The memory is the parent's, who waits for the exec. */
		spawn->step = become(spawn);
		spawn->error = errno;
		_exit(127);
	}
	if (pid < 0) {
		spawn->error = errno;
		return -1;
	}
	if (spawn->error) {
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
		return -1;
	}
	return pid;
}
