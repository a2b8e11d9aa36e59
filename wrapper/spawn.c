/*
 * spawn: clone and execve in the parent's memory, as vfork does it.
 * posix_spawn would be the plain way, but it costs a quarter more for a small
 * program and can set neither limits nor owners.
 *
 * vfork stops the parent until the exec, which is the most of what a small
 * program's start costs: with one start after the other half of a machine of
 * two processors is idle. So the parent goes on, where that is safe: the child
 * has a stack of its own, and asks nothing of the C library.
 *
 * A new process gets a copy of the table of descriptors, and execve closes
 * them one by one: with thousands of connections that costs more than the
 * program. So where the kernel can (Linux 5.9) the child shares the table,
 * leaves it with a copy of its first few numbers, its three among them, and
 * closes all but those.
 */
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bare.h"
#include "rlimit.h"
#include "settings.h"

#define STACK_SIZE   16384	/* for child_main() */
#define SIGNALS_SIZE (NSIG / 8) /* of a set, for the kernel */
#define LAST_FD	     (-1L)	/* the highest that there could be */
#define FILES_PLENTY 256	/* with fewer each is wanted for a connection */

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

/* What a process is lent while it is under way. */
struct loan {
	_Alignas(64) char stack[STACK_SIZE];
	int files[3]; /* numbers that are kept for its descriptors; rising */
	atomic_int under_way; /* not 0; the kernel clears it at the exec */
	bool taken;
};

/* Of under_way: from when the kernel has been asked. (musl's clone, since
 * 1.2.5, does not let CLONE_CHILD_CLEARTID through.) */
#define TO_BE_TOLD 2

/* The first is for those that are waited for. */
static struct loan loans[1 + SPAWN_BESIDE];
static int loan_count = 1;
static int null_fd = -1;
static bool shares_files;

static long call(long number, long a, long b, long c)
{
	return bare_call(number, a, b, c, 0);
}

static long address(const void *pointer)
{
	return (long)(intptr_t)pointer;
}

/* A higher one is tried: who may raise it, and how far, the system knows. */
static bool can_have(const struct limit *limit)
{
	struct rlimit own, more;

	if (rlimit_change(limit->resource, NULL, &own) < 0 ||
	    limit->value <= own.rlim_max)
		return true;
	more = own;
	more.rlim_max = limit->value;
	return rlimit_change(limit->resource, &more, NULL) == 0 &&
	       rlimit_change(limit->resource, &own, NULL) == 0;
}

const struct limit *spawn_refused_limit(void)
{
	int i;

	for (i = 0; i < set.limits; i++)
		if (!can_have(&set.limit[i]))
			return &set.limit[i];
	return NULL;
}

static long become_user(uid_t uid, gid_t gid)
{
	long result = call(SET_GROUPS, 0, 0, 0);

	if (result == 0)
		result = call(SET_GID, (long)gid, (long)gid, (long)gid);
	if (result == 0)
		result = call(SET_UID, (long)uid, (long)uid, (long)uid);
	return result;
}

int spawn_become(uid_t uid, gid_t gid)
{
	errno = (int)-become_user(uid, gid);
	return errno ? -1 : 0;
}

/* --- The child: the memory is the parent's, who goes on or waits; the stack is
 * not. Of what fails it returns -errno. */

static long set_limit(int resource, const struct rlimit *limit)
{
	return call(SYS_prlimit64, 0, resource, address(limit));
}

static long set_limits(void)
{
	long result = 0;
	int i;

	/* The wrapper has raised its own for its connections. */
	if (set.files.rlim_cur < set.files.rlim_max)
		result = set_limit(RLIMIT_NOFILE, &set.files);
	for (i = 0; i < set.limits && result == 0; i++) {
		struct rlimit limit = {set.limit[i].value, set.limit[i].value};

		result = set_limit(set.limit[i].resource, &limit);
	}
	return result;
}

static long leave_files(long first)
{
	return call(SYS_close_range, first, LAST_FD, CLOSE_RANGE_UNSHARE);
}

static long set_files(const struct spawn *spawn)
{
	const int *files = shares_files ? spawn->loan->files : spawn->files;
	long result = 0;
	int i;

	if (shares_files)
		result = leave_files(files[2] + 1);
	for (i = 0; i < 3 && result >= 0; i++)
		result = call(SYS_dup3, files[i], i, 0);
	/* Those of others that are under way. */
	if (shares_files && result >= 0)
		result = call(SYS_close_range, 3, LAST_FD, 0);
	return result;
}

static long set_mask(const void *signals)
{
	return bare_call(SYS_rt_sigprocmask, SIG_SETMASK, address(signals), 0,
			 SIGNALS_SIZE);
}

static long run(const struct spawn *spawn)
{
	static const uint64_t none[2];
	long result = 0;

	if (spawn->library)
		result = call(SYS_faccessat, AT_FDCWD, address(spawn->library),
			      R_OK);
	if (result < 0)
		return result;
	/* Nobody else ends it if this wrapper is killed; last, since another
	 * uid forgets it. */
	call(SYS_prctl, PR_SET_PDEATHSIG, SIGTERM, 0);
	/* It tells of no death before that. */
	if (call(SYS_getppid, 0, 0, 0) != spawn->parent)
		return -ESRCH;
	set_mask(none);
	return call(SYS_execve, address(spawn->path), address(spawn->argv),
		    address(spawn->envp));
}

/* From then on its owner has power over it, and the memory is still ours. What
 * has capabilities he may neither trace nor look into, even where
 * fs.suid_dumpable is 1; execve takes them away. Nor may he make it dump core,
 * which up to Linux 5.15 ends all that share its memory. */
static long change_owner(const struct spawn *spawn)
{
	static const uint64_t all[2] = {UINT64_MAX, UINT64_MAX};
	long result;

	set_mask(all);
	call(SYS_prctl, PR_SET_KEEPCAPS, 1, 0);
	result = become_user(spawn->uid, spawn->gid);
	if (result == 0)
		call(SYS_prctl, PR_SET_DUMPABLE, 0, 0);
	return result;
}

static long begin(struct loan *loan)
{
	if (call(SYS_set_tid_address, address(&loan->under_way), 0, 0) >= 0)
		loan->under_way = TO_BE_TOLD;
	return call(SYS_setpgid, 0, 0, 0);
}

static long take_step(const struct spawn *spawn)
{
	switch (spawn->step) {
	case SPAWN_FORK:
		return begin(spawn->loan);
	case SPAWN_FOLDER:
		return spawn->folder < 0
			       ? 0
			       : call(SYS_fchdir, spawn->folder, 0, 0);
	case SPAWN_FILES:
		return set_files(spawn);
	case SPAWN_LIMIT:
		return set_limits();
	case SPAWN_OWNER:
		return spawn->change_owner ? change_owner(spawn) : 0;
	case SPAWN_EXEC:
		break;
	}
	return run(spawn);
}

static int child_main(void *argument)
{
	struct spawn *spawn = argument;
	long result;

	while ((result = take_step(spawn)) >= 0)
		spawn->step++;
	spawn->error = (int)-result;
	call(SYS_exit_group, 127, 0, 0);
	return 127;
}

/* --- The parent */

static bool has_many_numbers(void)
{
	struct rlimit own;

	return rlimit_change(RLIMIT_NOFILE, NULL, &own) == 0 &&
	       own.rlim_max >= FILES_PLENTY;
}

/* Numbers for its descriptors, held by what hurts nobody. */
static int keep_numbers(struct loan *loan)
{
	int i;

	for (i = 0; i < 3; i++) {
		int fd = fcntl(null_fd, F_DUPFD_CLOEXEC, 3);

		if (fd < 0)
			return -1;
		loan->files[i] = fd;
	}
	return 0;
}

static void put_files(const struct loan *loan, const int from[3])
{
	int i;

	/* Onto numbers that are in use nothing can be short. */
	for (i = 0; i < 3; i++)
		call(SYS_dup3, from[i], loan->files[i], O_CLOEXEC);
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
		       errno == EINVAL && leave_files(LAST_FD) == 0;
	if (!shares_files)
		return 0;
	if (keep_numbers(&loans[0]) < 0)
		return -1;
	if (BARE_IS_KNOWN && has_many_numbers())
		while (loan_count <= SPAWN_BESIDE &&
		       keep_numbers(&loans[loan_count]) == 0)
			loan_count++;
	if (loan_count > 1)
		bare_begin();
	return 0;
}

static void leave(struct spawn *spawn)
{
	const int nothing[3] = {null_fd, null_fd, null_fd};

	if (shares_files)
		put_files(spawn->loan, nothing);
	spawn->loan->taken = false;
	spawn->loan = NULL;
}

/* Where it grows from. */
static char *stack_of(struct loan *loan)
{
#ifdef __hppa__
	return loan->stack;
#else
	return loan->stack + STACK_SIZE;
#endif
}

static pid_t start(struct spawn *spawn, struct loan *loan, int flags)
{
	pid_t pid;

	if (shares_files) {
		put_files(loan, spawn->files);
		flags |= CLONE_FILES;
	}
	loan->taken = true;
	loan->under_way = 1;
	spawn->loan = loan;
	spawn->parent = getpid();
	spawn->step = SPAWN_FORK;
	spawn->error = 0;
	pid = clone(child_main, stack_of(loan), CLONE_VM | SIGCHLD | flags,
		    spawn);
	if (pid < 0) {
		spawn->error = errno;
		leave(spawn);
	}
	return pid;
}

pid_t spawn_start(struct spawn *spawn)
{
	pid_t pid = start(spawn, &loans[0], CLONE_VFORK);

	if (pid < 0)
		return -1;
	leave(spawn);
	if (!spawn->error)
		return pid;
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return -1;
}

static struct loan *free_loan(void)
{
	int i = 1;

	while (i < loan_count && loans[i].taken)
		i++;
	return i < loan_count ? &loans[i] : NULL;
}

bool spawn_has_room(void)
{
	return loan_count == 1 || free_loan();
}

pid_t spawn_begin(struct spawn *spawn)
{
	struct loan *loan = free_loan();
	pid_t pid;

	if (!loan)
		return spawn_start(spawn);
	pid = start(spawn, loan, 0);
	/* It does so itself, but may be told to end before that. */
	if (pid > 0)
		setpgid(pid, pid);
	if (pid >= 0 || spawn->error != EINVAL)
		return pid;
	/* A sandbox that knows no such process: never again. */
	loan_count = 1;
	return spawn_start(spawn);
}

bool spawn_is_under_way(const struct spawn *spawn)
{
	return spawn->loan != NULL;
}

bool spawn_is_over(struct spawn *spawn, bool reaped)
{
	if (spawn->loan->under_way && !reaped)
		return false;
	/* gVisor does not clear it at the exec, nor afterwards. */
	if (spawn->loan->under_way == TO_BE_TOLD)
		loan_count = 1;
	leave(spawn);
	return true;
}
