/*
 * spawn: clone as vfork does it, and execve.
 * posix_spawn would be the plain way, but it costs a quarter more for a small
 * program and can set neither limits nor owners.
 *
 * A new process gets a copy of the table of descriptors, and execve closes
 * them one by one: with thousands of connections that costs more than the
 * program. So where the kernel can (Linux 5.9) the child shares the table,
 * puts its three into the places 0 to 2, which are free for that, and goes on
 * with a table of its own that has those alone.
 */
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "settings.h"

#define STACK_SIZE 16384 /* for become(), execve and their signal frames */

#ifndef CLOSE_RANGE_UNSHARE
#define CLOSE_RANGE_UNSHARE (1u << 1)
#endif
#ifndef SYS_clone3
#define SYS_clone3 435
#endif
#ifndef SYS_close_range
#define SYS_close_range 436
#endif
/* On machines where ids once had 16 bits the plain calls cut them still: 65536
 * would be root. */
#ifdef SYS_setresuid32
#define SET_GROUPS SYS_setgroups32
#define SET_GID	   SYS_setresgid32
#define SET_UID	   SYS_setresuid32
#else
#define SET_GROUPS SYS_setgroups
#define SET_GID	   SYS_setresgid
#define SET_UID	   SYS_setresuid
#endif

static int null_fd = -1;
static bool shares_files;

static int unshare_files(unsigned first)
{
	return (int)syscall(SYS_close_range, first, ~0u, CLOSE_RANGE_UNSHARE);
}

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

/* A higher one is tried: who may raise it, and how far, the system knows. */
static bool can_have(const struct limit *limit)
{
	struct rlimit own, more;

	if (syscall(SYS_prlimit64, 0, limit->resource, NULL, &own) < 0 ||
	    limit->value <= own.rlim_max)
		return true;
	more = own;
	more.rlim_max = limit->value;
	return set_limit(limit->resource, &more) == 0 &&
	       set_limit(limit->resource, &own) == 0;
}

const struct limit *spawn_refused_limit(void)
{
	int i;

	for (i = 0; i < set.limits; i++)
		if (!can_have(&set.limit[i]))
			return &set.limit[i];
	return NULL;
}

int spawn_become(uid_t uid, gid_t gid)
{
	if (syscall(SET_GROUPS, (size_t)0, NULL) < 0 ||
	    syscall(SET_GID, gid, gid, gid) < 0 ||
	    syscall(SET_UID, uid, uid, uid) < 0)
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
	if (set_files(spawn) < 0 || (shares_files && unshare_files(3) < 0))
		return SPAWN_FILES;
	if (set_limits() < 0)
		return SPAWN_LIMIT;
	if (spawn->change_owner && spawn_become(spawn->uid, spawn->gid) < 0)
		return SPAWN_OWNER;
	if (spawn->library && access(spawn->library, R_OK) < 0)
		return SPAWN_EXEC;
	/* Nobody else ends it if this wrapper is killed; last, since another
	 * uid forgets it. */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execve(spawn->path, spawn->argv, spawn->envp);
	return SPAWN_EXEC;
}

/* The memory is the parent's, who waits for the exec; the stack is not. */
static int child_main(void *argument)
{
	struct spawn *spawn = argument;

	spawn->step = become(spawn);
	spawn->error = errno;
	_exit(127);
}

int spawn_open(void)
{
	null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null_fd < 0)
		return -1;
	/* Neither does anything but tell whether it is known. Where clone3 is
	 * not, something stands between us and the kernel (valgrind, an old
	 * sandbox) that may not know what we ask of clone either. */
	shares_files = syscall(SYS_clone3, NULL, (size_t)0) < 0 &&
		       errno == EINVAL && unshare_files(~0u) == 0;
	return 0;
}

pid_t spawn_start(struct spawn *spawn)
{
	static _Alignas(16) char stack[STACK_SIZE];
	int flags = CLONE_VM | CLONE_VFORK | SIGCHLD;
	pid_t pid;
	int i;

	if (shares_files)
		flags |= CLONE_FILES;
	spawn->step = SPAWN_FORK;
	spawn->error = 0;
	pid = clone(child_main, stack + sizeof(stack), flags, spawn);
	if (pid < 0) {
		spawn->error = errno;
		return -1;
	}
	/* The child has put its descriptors where ours were. */
	for (i = 0; shares_files && i < 3; i++)
		dup2(null_fd, i);
	if (spawn->error) {
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
		return -1;
	}
	return pid;
}
