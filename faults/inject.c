/*
 * inject: a library that is loaded before the C library (LD_PRELOAD) and makes
 * one call of the program fail, as the shared memory says. Programs that it
 * starts are left alone, those that it forks are not.
 *
 * What is said of a call is what the kernel could have said: an error that
 * only files have is not given for a pipe, EAGAIN only where nothing would
 * block. After EAGAIN, or where only a part was moved, the descriptor becomes
 * ready anew: the rest has just come, or there is room again.
 */
#include "inject.h"

#include <dlfcn.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netdb.h>
#include <poll.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#define FDS_MAX 4096

static struct inject *control;

/* glibc 2.36 crashes if it has no memory while it looks a name up (an assert in
 * nss_database.c): there the call as a whole fails, and nothing within it. */
static bool looks_up;

/* How descriptors are watched: by which epoll, and for what. */
static struct {
	int epoll;
	struct epoll_event event;
} watched[FDS_MAX];

/* Where a long has 32 bits glibc has functions by names of their own for who
 * has times of 64. */
static const char *name_of(const char *name)
{
	static const char *const others[][2] = {
		{"fcntl64", "__fcntl_time64"},
		{"fstat64", "__fstat64_time64"},
		{"fstatat64", "__fstatat64_time64"},
		{"getsockopt", "__getsockopt64"},
		{"ioctl", "__ioctl_time64"},
		{"lstat64", "__lstat64_time64"},
		{"prctl", "__prctl_time64"},
		{"recvmsg", "__recvmsg64"},
		{"sendmsg", "__sendmsg64"},
		{"setsockopt", "__setsockopt64"},
		{"sigtimedwait", "__sigtimedwait64"},
		{"stat64", "__stat64_time64"},
	};
	size_t i;

	if (sizeof(time_t) > sizeof(long))
		for (i = 0; i < sizeof(others) / sizeof(others[0]); i++)
			if (strcmp(name, others[i][0]) == 0)
				return others[i][1];
	return name;
}

static void find(void *function, const char *name)
{
	void *address = dlsym(RTLD_NEXT, name_of(name));

	memcpy(function, &address, sizeof(address));
}

#define REAL(name, ret, params)                                                \
	static ret(*real_##name) params;                                       \
	if (!real_##name)                                                      \
	find(&real_##name, #name)

__attribute__((constructor)) static void take_control(void)
{
	const char *fd = getenv(INJECT_VARIABLE);
	struct inject *memory;
	REAL(mmap64, void *, (void *, size_t, int, int, int, off64_t));

	if (!fd)
		return;
	memory = real_mmap64(NULL, sizeof(*memory), PROT_READ | PROT_WRITE,
			     MAP_SHARED, (int)strtol(fd, NULL, 10), 0);
	/* It is closed in what others start. */
	if (memory != MAP_FAILED && !atomic_exchange(&memory->taken, true))
		control = memory;
}

static mode_t kind_of(int fd)
{
	struct stat64 st;
	REAL(fstat64, int, (int, struct stat64 *));

	return real_fstat64(fd, &st) < 0 ? 0 : st.st_mode & S_IFMT;
}

static bool never_blocks(int fd, int flags)
{
	REAL(fcntl64, int, (int, int, ...));

	return flags & MSG_DONTWAIT || real_fcntl64(fd, F_GETFL) & O_NONBLOCK;
}

/* Whether the kernel could say this of this descriptor. */
static bool is_possible(int error, int fd, int flags)
{
	mode_t kind = fd < 0 ? 0 : kind_of(fd);

	switch (fd < 0 ? 0 : error) {
	case EAGAIN:
		return never_blocks(fd, flags);
	case ECONNRESET:
	case ENOBUFS:
	case ETIMEDOUT:
		return kind == S_IFSOCK;
	case ENOMEM:
		return kind == S_IFSOCK || kind == S_IFIFO;
	case EPIPE: /* a pipe says so when nobody reads it, and not before */
		return kind == S_IFSOCK;
	case EDQUOT:
	case EFBIG:
	case EIO:
	case ENOSPC:
		return kind == S_IFREG;
	case SHORT:
		return kind == S_IFSOCK || kind == S_IFIFO || kind == S_IFREG;
	default:
		return true;
	}
}

/* What was not ready a moment ago is so now: that is an edge. */
static void rearm(int fd)
{
	REAL(epoll_ctl, int, (int, int, int, struct epoll_event *));

	if (fd >= 0 && fd < FDS_MAX && watched[fd].event.events & EPOLLET)
		real_epoll_ctl(watched[fd].epoll, EPOLL_CTL_MOD, fd,
			       &watched[fd].event);
}

/* Of a connection that was reset nothing is left. */
static void break_off(int fd)
{
	REAL(shutdown, int, (int, int));

	real_shutdown(fd, SHUT_RDWR);
}

/* Whether it is this call's turn to fail with this error. */
static bool is_due(int call, int error)
{
	long seen;

	if (!control || control->call != call || control->error != error)
		return false;
	seen = atomic_fetch_add(&control->seen, 1) + 1;
	if (control->lasts ? seen < control->nth : seen != control->nth)
		return false;
	atomic_fetch_add(&control->fired, 1);
	return true;
}

static bool strike_fd(int call, int fd, int flags)
{
	int error;

	if (!control || looks_up)
		return false;
	atomic_fetch_add(&control->calls[call], 1);
	error = control->error;
	if (control->call != call || error == SHORT ||
	    !is_possible(error, fd, flags) || !is_due(call, error))
		return false;
	if (error == EAGAIN)
		rearm(fd);
	if (fd >= 0 &&
	    (error == ECONNRESET || error == EPIPE || error == ETIMEDOUT))
		break_off(fd);
	errno = error;
	return true;
}

static bool strike(int call)
{
	return strike_fd(call, -1, 0);
}

static size_t shorten(int call, int fd, size_t n)
{
	bool fits = control && n > 1 && control->call == call &&
		    is_possible(SHORT, fd, 0) && is_due(call, SHORT);

	if (!fits)
		return n;
	rearm(fd);
	return 1;
}

#define CALL(ret, id, name, params, args, bad)                                 \
	ret name params                                                        \
	{                                                                      \
		REAL(name, ret, params);                                       \
		return strike(CALL_##id) ? bad : real_##name args;             \
	}

/* Those that move n bytes to or from fd. */
#define MOVES(ret, id, name, params, args, fd, flags, n)                       \
	ret name params                                                        \
	{                                                                      \
		REAL(name, ret, params);                                       \
		if (strike_fd(CALL_##id, fd, flags))                           \
			return -1;                                             \
		n = shorten(CALL_##id, fd, n);                                 \
		return real_##name args;                                       \
	}

MOVES(ssize_t, read, read, (int fd, void *to, size_t n), (fd, to, n), fd, 0, n)
MOVES(ssize_t, write, write, (int fd, const void *from, size_t n),
      (fd, from, n), fd, 0, n)
MOVES(ssize_t, pread, pread64, (int fd, void *to, size_t n, off64_t at),
      (fd, to, n, at), fd, 0, n)
MOVES(ssize_t, pwrite, pwrite64,
      (int fd, const void *from, size_t n, off64_t at), (fd, from, n, at), fd,
      0, n)
MOVES(ssize_t, recv, recv, (int fd, void *to, size_t n, int flags),
      (fd, to, n, flags), fd, flags, n)
MOVES(ssize_t, send, send, (int fd, const void *from, size_t n, int flags),
      (fd, from, n, flags), fd, flags, n)
MOVES(ssize_t, getrandom, getrandom, (void *to, size_t n, unsigned flags),
      (to, n, flags), -1, 0, n)
MOVES(ssize_t, sendfile, sendfile64, (int to, int from, off64_t *at, size_t n),
      (to, from, at, n), control && control->error == EIO ? from : to, 0, n)

ssize_t splice(int from, off64_t *from_at, int to, off64_t *to_at, size_t n,
	       unsigned flags)
{
	int dontwait = flags & SPLICE_F_NONBLOCK ? MSG_DONTWAIT : 0;
	int other = control && kind_of(from) == S_IFSOCK ? from : to;
	REAL(splice, ssize_t,
	     (int, off64_t *, int, off64_t *, size_t, unsigned));

	if (strike_fd(CALL_splice, other, dontwait)) {
		if (control->error == EAGAIN) {
			rearm(from);
			rearm(to);
			errno = EAGAIN;
		}
		return -1;
	}
	return real_splice(from, from_at, to, to_at,
			   shorten(CALL_splice, from, n), flags);
}

static struct iovec *first_part(const struct msghdr *message)
{
	size_t i;

	for (i = 0; i < message->msg_iovlen; i++)
		if (message->msg_iov[i].iov_len > 0)
			return &message->msg_iov[i];
	return NULL;
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
	struct msghdr one = *message;
	struct iovec part;
	REAL(sendmsg, ssize_t, (int, const struct msghdr *, int));

	if (strike_fd(CALL_sendmsg, fd, flags))
		return -1;
	if (first_part(message) && !message->msg_control) {
		part = *first_part(message);
		if (shorten(CALL_sendmsg, fd, part.iov_len) < part.iov_len) {
			part.iov_len = 1;
			one.msg_iov = &part;
			one.msg_iovlen = 1;
		}
	}
	return real_sendmsg(fd, &one, flags);
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
	REAL(recvmsg, ssize_t, (int, struct msghdr *, int));

	return strike_fd(CALL_recvmsg, fd, flags)
		       ? -1
		       : real_recvmsg(fd, message, flags);
}

int accept4(int fd, __SOCKADDR_ARG name, socklen_t *length, int flags)
{
	REAL(accept4, int, (int, __SOCKADDR_ARG, socklen_t *, int));

	return strike(CALL_accept4) ? -1
				    : real_accept4(fd, name, length, flags);
}

/* Interrupted, it goes on in the background. */
int connect(int fd, __CONST_SOCKADDR_ARG name, socklen_t length)
{
	bool fails = control && strike(CALL_connect);
	REAL(connect, int, (int, __CONST_SOCKADDR_ARG, socklen_t));

	if (!fails)
		return real_connect(fd, name, length);
	if (control->error == EINTR)
		real_connect(fd, name, length);
	errno = control->error;
	return -1;
}

/* The descriptor is closed whatever is said. */
int close(int fd)
{
	int result;
	REAL(close, int, (int));

	if (fd >= 0 && fd < FDS_MAX)
		watched[fd].event.events = 0;
	result = real_close(fd);
	return strike(CALL_close) ? -1 : result;
}

int epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event)
{
	int result;
	REAL(epoll_ctl, int, (int, int, int, struct epoll_event *));

	/* To change what is there costs nothing. */
	if (operation == EPOLL_CTL_ADD && strike(CALL_epoll_ctl))
		return -1;
	result = real_epoll_ctl(epoll, operation, fd, event);
	if (result == 0 && fd < FDS_MAX) {
		watched[fd].epoll = epoll;
		if (operation == EPOLL_CTL_DEL)
			watched[fd].event.events = 0;
		else
			watched[fd].event = *event;
	}
	return result;
}

CALL(int, epoll_wait, epoll_wait,
     (int epoll, struct epoll_event *events, int n, int ms),
     (epoll, events, n, ms), -1)
CALL(int, bind, bind, (int fd, __CONST_SOCKADDR_ARG name, socklen_t length),
     (fd, name, length), -1)
CALL(int, chdir, chdir, (const char *path), (path), -1)
CALL(int, chroot, chroot, (const char *path), (path), -1)
CALL(int, epoll_create1, epoll_create1, (int flags), (flags), -1)
CALL(int, eventfd, eventfd, (unsigned n, int flags), (n, flags), -1)
CALL(int, execve, execve,
     (const char *path, char *const argv[], char *const envp[]),
     (path, argv, envp), -1)
CALL(int, execvpe, execvpe,
     (const char *path, char *const argv[], char *const envp[]),
     (path, argv, envp), -1)
CALL(int, faccessat, faccessat,
     (int dir, const char *path, int mode, int flags), (dir, path, mode, flags),
     -1)
CALL(int, fchdir, fchdir, (int fd), (fd), -1)
CALL(int, fchmod, fchmod, (int fd, mode_t mode), (fd, mode), -1)
CALL(int, fchown, fchown, (int fd, uid_t uid, gid_t gid), (fd, uid, gid), -1)
CALL(ssize_t, fgetxattr, fgetxattr,
     (int fd, const char *name, void *value, size_t size),
     (fd, name, value, size), -1)
CALL(int, flock, flock, (int fd, int how), (fd, how), -1)
CALL(pid_t, fork, fork, (void), (), -1)
CALL(int, fstat, fstat64, (int fd, struct stat64 *st), (fd, st), -1)
CALL(int, fstatat, fstatat64,
     (int dir, const char *path, struct stat64 *st, int flags),
     (dir, path, st, flags), -1)
CALL(int, ftruncate, ftruncate64, (int fd, off64_t size), (fd, size), -1)
CALL(char *, getcwd, getcwd, (char *to, size_t size), (to, size), NULL)
CALL(int, getpeername, getpeername,
     (int fd, __SOCKADDR_ARG name, socklen_t *length), (fd, name, length), -1)
CALL(pid_t, getsid, getsid, (pid_t pid), (pid), -1)
CALL(int, getsockname, getsockname,
     (int fd, __SOCKADDR_ARG name, socklen_t *length), (fd, name, length), -1)
CALL(int, getsockopt, getsockopt,
     (int fd, int level, int option, void *value, socklen_t *length),
     (fd, level, option, value, length), -1)
CALL(int, lchown, lchown, (const char *path, uid_t uid, gid_t gid),
     (path, uid, gid), -1)
CALL(int, listen, listen, (int fd, int backlog), (fd, backlog), -1)
CALL(int, lstat, lstat64, (const char *path, struct stat64 *st), (path, st), -1)
CALL(char *, mkdtemp, mkdtemp, (char *template), (template), NULL)
CALL(int, mkostemp, mkostemp64, (char *template, int flags), (template, flags),
     -1)
CALL(void *, mmap, mmap64,
     (void *at, size_t size, int protection, int flags, int fd, off64_t from),
     (at, size, protection, flags, fd, from), MAP_FAILED)
CALL(int, pipe2, pipe2, (int fds[2], int flags), (fds, flags), -1)
CALL(int, poll, poll, (struct pollfd * fds, nfds_t n, int ms), (fds, n, ms), -1)
CALL(DIR *, opendir, opendir, (const char *path), (path), NULL)
CALL(struct dirent64 *, readdir, readdir64, (DIR * folder), (folder), NULL)
CALL(ssize_t, readlink, readlink, (const char *path, char *to, size_t size),
     (path, to, size), -1)
CALL(char *, realpath, realpath, (const char *path, char *to), (path, to), NULL)
CALL(int, rmdir, rmdir, (const char *path), (path), -1)
CALL(int, setsockopt, setsockopt,
     (int fd, int level, int option, const void *value, socklen_t length),
     (fd, level, option, value, length), -1)
CALL(int, shutdown, shutdown, (int fd, int how), (fd, how), -1)
CALL(int, signalfd, signalfd, (int fd, const sigset_t *set, int flags),
     (fd, set, flags), -1)
CALL(int, sigtimedwait, sigtimedwait,
     (const sigset_t *set, siginfo_t *info, const struct timespec *time),
     (set, info, time), -1)
CALL(int, socket, socket, (int family, int type, int protocol),
     (family, type, protocol), -1)
CALL(int, socketpair, socketpair,
     (int family, int type, int protocol, int fds[2]),
     (family, type, protocol, fds), -1)
CALL(int, unlink, unlink, (const char *path), (path), -1)

#define LOOKS_UP(ret, name, type, key)                                         \
	ret name(type key)                                                     \
	{                                                                      \
		ret found;                                                     \
		REAL(name, ret, (type));                                       \
		if (strike(CALL_##name))                                       \
			return NULL;                                           \
		looks_up = true;                                               \
		found = real_##name(key);                                      \
		looks_up = false;                                              \
		return found;                                                  \
	}

LOOKS_UP(struct group *, getgrnam, const char *, name)
LOOKS_UP(struct passwd *, getpwnam, const char *, name)
LOOKS_UP(struct passwd *, getpwuid, uid_t, uid)

int getaddrinfo(const char *host, const char *service,
		const struct addrinfo *hints, struct addrinfo **list)
{
	int result;
	REAL(getaddrinfo, int,
	     (const char *, const char *, const struct addrinfo *,
	      struct addrinfo **));

	if (strike(CALL_getaddrinfo))
		return control->error == ENOMEM ? EAI_MEMORY : EAI_AGAIN;
	looks_up = true;
	result = real_getaddrinfo(host, service, hints, list);
	looks_up = false;
	return result;
}

/* A child of ours is there until we reap it; its group may be others'. */
int kill(pid_t pid, int number)
{
	REAL(kill, int, (pid_t, int));

	return pid < 0 && strike(CALL_kill) ? -1 : real_kill(pid, number);
}

pid_t waitpid(pid_t pid, int *status, int options)
{
	REAL(waitpid, pid_t, (pid_t, int *, int));

	if (!(options & WNOHANG) && strike(CALL_waitpid))
		return -1;
	return real_waitpid(pid, status, options);
}

/* --- Those with arguments that may be left out */

#define LAST_ARGUMENT(type, after, value)                                      \
	do {                                                                   \
		va_list args;                                                  \
		va_start(args, after);                                         \
		value = va_arg(args, type);                                    \
		va_end(args);                                                  \
	} while (0)

int open64(const char *path, int flags, ...)
{
	mode_t mode = 0;
	REAL(open64, int, (const char *, int, ...));

	if (flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE)
		LAST_ARGUMENT(mode_t, flags, mode);
	return strike(CALL_open) ? -1 : real_open64(path, flags, mode);
}

int openat64(int dir, const char *path, int flags, ...)
{
	mode_t mode = 0;
	REAL(openat64, int, (int, const char *, int, ...));

	if (flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE)
		LAST_ARGUMENT(mode_t, flags, mode);
	return strike(CALL_openat) ? -1 : real_openat64(dir, path, flags, mode);
}

/* It fails where it makes or enlarges something. */
int fcntl64(int fd, int command, ...)
{
	bool makes = command == F_DUPFD || command == F_DUPFD_CLOEXEC;
	long value;
	REAL(fcntl64, int, (int, int, ...));

	LAST_ARGUMENT(long, command, value);
	if (makes || command == F_SETPIPE_SZ)
		if (strike(CALL_fcntl))
			return -1;
	return real_fcntl64(fd, command, value);
}

int ioctl(int fd, unsigned long request, ...)
{
	void *value;
	REAL(ioctl, int, (int, unsigned long, ...));

	LAST_ARGUMENT(void *, request, value);
	return strike(CALL_ioctl) ? -1 : real_ioctl(fd, request, value);
}

int prctl(int option, ...)
{
	unsigned long value;
	REAL(prctl, int, (int, ...));

	LAST_ARGUMENT(unsigned long, option, value);
	return strike(CALL_prctl) ? -1 : real_prctl(option, value, 0L, 0L, 0L);
}

int clone(int (*function)(void *), void *stack, int flags, void *argument, ...)
{
	void *a[3];
	va_list args;
	int i;
	REAL(clone, int, (int (*)(void *), void *, int, void *, ...));

	va_start(args, argument);
	for (i = 0; i < 3; i++)
		a[i] = va_arg(args, void *);
	va_end(args);
	return strike(CALL_clone) ? -1
				  : real_clone(function, stack, flags, argument,
					       a[0], a[1], a[2]);
}

static int call_of(long number)
{
	switch (number) {
	case SYS_close_range:
		return CALL_close_range;
	case SYS_execve:
		return CALL_execve;
	case SYS_faccessat:
		return CALL_faccessat;
	case SYS_fchdir:
		return CALL_fchdir;
	case SYS_openat2:
		return CALL_openat2;
	case SYS_prctl:
		return CALL_prctl;
	case SYS_prlimit64:
		return CALL_prlimit;
	case SYS_pwritev2:
		return CALL_pwritev2;
	case SYS_setgroups:
		return CALL_setgroups;
	case SYS_setresgid:
		return CALL_setresgid;
	case SYS_setresuid:
		return CALL_setresuid;
	default:
		return -1;
	}
}

long syscall(long number, ...)
{
	int call = call_of(number);
	long a[6];
	va_list args;
	int i;
	REAL(syscall, long, (long, ...));

	va_start(args, number);
	for (i = 0; i < 6; i++)
		a[i] = va_arg(args, long);
	va_end(args);
	if (number == SYS_clone3 && getenv(INJECT_OLD)) {
		errno = ENOSYS;
		return -1;
	}
	if (call >= 0 && strike(call))
		return -1;
	return real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

/* --- Memory: the C library's own needs come through here too */

static void *counted(void *block)
{
	if (block && control)
		atomic_fetch_add(&control->blocks, 1);
	return block;
}

void *malloc(size_t size)
{
	REAL(malloc, void *, (size_t));

	return strike(CALL_malloc) ? NULL : counted(real_malloc(size));
}

void *calloc(size_t n, size_t size)
{
	REAL(calloc, void *, (size_t, size_t));

	return strike(CALL_calloc) ? NULL : counted(real_calloc(n, size));
}

void *realloc(void *block, size_t size)
{
	void *moved;
	REAL(realloc, void *, (void *, size_t));

	if (strike(CALL_realloc))
		return NULL;
	moved = real_realloc(block, size);
	return block ? moved : counted(moved);
}

void free(void *block)
{
	REAL(free, void, (void *));

	if (block && control)
		atomic_fetch_sub(&control->blocks, 1);
	real_free(block);
}
