/*
 * sibling: clone(2), between what fork(3) would do around it.
 */
#include "sibling.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>

#include "atfork.h"
#include "call.h"

/* Where the C library keeps the thread's id. */
static int *thread_id(int *cleared)
{
#ifdef __GLIBC__
	return cleared;
#else
	/* musl: beside the thread's errno. What the kernel clears at its end
	 * is a lock. */
	(void)cleared;
	return &errno - 1;
#endif
}

/* What the kernel clears at the thread's end. NULL if it does not tell. */
static int *find_cleared(void)
{
	/* A kernel of 64 bits writes as many, also for a program of 32: with
	 * the highest byte first its address comes second. */
	int *cleared[2] = {NULL, NULL};

	if (CALL(prctl, PR_GET_TID_ADDRESS, cleared, 0, 0, 0) < 0)
		return NULL;
	return cleared[0] ? cleared[0] : cleared[1];
}

/* The C library is to know the child's id, and the kernel what it was told to
 * clear at a thread's end.
 *
 * clone's last argument but one and its last are where the id is written to and
 * what a new thread calls its own, which nobody has asked for, or the other way
 * round: that depends on the machine. */
static pid_t clone_sibling(void)
{
	long flags = CLONE_PARENT | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID |
		     SIGCHLD;
	int own;
	int *cleared;
	int *id;
	long pid;

	cleared = find_cleared();
	errno = ENOSYS;
	if (!cleared)
		return -1;
	id = thread_id(cleared);
	own = *id;
	if (own != (int)syscall(SYS_gettid))
		return -1;
#ifdef __s390__
	pid = CALL(clone, NULL, flags, NULL, id, id);
#else
	pid = CALL(clone, flags, NULL, NULL, id, id);
#endif
	/* What the child is returned depends on the machine, too (SPARC). */
	if (*id != own)
		pid = 0;
	if (pid == 0 && id != cleared)
		CALL(set_tid_address, cleared);
	return (pid_t)pid;
}

pid_t sibling_fork(void)
{
	pid_t pid;

	atfork_prepare();
	pid = clone_sibling();
	if (pid == 0)
		atfork_child();
	else
		atfork_parent();
	return pid;
}
