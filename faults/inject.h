#ifndef INJECT_H
#define INJECT_H

#include <stdatomic.h>
#include <stdbool.h>

/*
 * What the library that makes calls fail (inject.c) and the program that tells
 * it which (faults.c) have in common: the list of calls with the errors that
 * the kernel can give for each, and a piece of shared memory. A call that
 * fails only by a mistake of ours (EBADF, EFAULT, EINVAL, a wrong state) is in
 * faults/cannot-fail instead.
 */

#define SHORT (-1) /* no error: one byte is moved instead of all */

#define SHORTAGE EMFILE, ENFILE, ENOMEM

#define CALLS(X)                                                               \
	X(accept4, EINTR, EAGAIN, ECONNABORTED, EPERM, ENOBUFS, SHORTAGE)      \
	X(bind, EADDRINUSE, EACCES, ENOSPC, ENOMEM)                            \
	X(calloc, ENOMEM)                                                      \
	X(chdir, EACCES, ENOENT, ENOMEM)                                       \
	X(chroot, EPERM, ENOMEM)                                               \
	X(clone, EAGAIN, EINVAL, ENOMEM)                                       \
	X(close, EINTR, EIO)                                                   \
	X(close_range, SHORTAGE)                                               \
	X(connect, EINTR, EAGAIN, EACCES, ECONNREFUSED, ENOENT, ENOBUFS,       \
	  ETIMEDOUT)                                                           \
	X(epoll_create1, SHORTAGE)                                             \
	X(epoll_ctl, ENOMEM, ENOSPC)                                           \
	X(epoll_wait, EINTR)                                                   \
	X(eventfd, SHORTAGE)                                                   \
	X(execve, EACCES, ENOENT, ENOEXEC, ETXTBSY, E2BIG, EIO, SHORTAGE)      \
	X(execvpe, EACCES, ENOENT, ENOEXEC, ETXTBSY, ENOMEM)                   \
	X(faccessat, EACCES, EIO, ENOMEM)                                      \
	X(fchdir, EACCES, EIO)                                                 \
	X(fchmod, EIO, EPERM)                                                  \
	X(fchown, EIO, EPERM)                                                  \
	X(fcntl, EMFILE, ENOMEM)                                               \
	X(fgetxattr, EIO, ENODATA, ENOMEM, ENOTSUP)                            \
	X(flock, EINTR, ENOLCK, ENOMEM)                                        \
	X(fork, EAGAIN, ENOMEM)                                                \
	X(fstat, EIO, ENOMEM)                                                  \
	X(fstatat, EACCES, EIO, ENOENT, ENOMEM)                                \
	X(ftruncate, EINTR, EIO)                                               \
	X(getaddrinfo, EAGAIN, ENOMEM)                                         \
	X(getcwd, EACCES, ENOENT, ENOMEM)                                      \
	X(getgrnam, EIO, SHORTAGE)                                             \
	X(getpeername, ENOBUFS, ENOTCONN)                                      \
	X(getpwnam, EIO, SHORTAGE)                                             \
	X(getpwuid, EIO, SHORTAGE)                                             \
	X(getrandom, EAGAIN, EINTR, ENOSYS, SHORT)                             \
	X(getsid, ESRCH)                                                       \
	X(getsockname, ENOBUFS)                                                \
	X(getsockopt, ENOBUFS, ENOMEM)                                         \
	X(ioctl, EIO, ENOTTY)                                                  \
	X(kill, EPERM, ESRCH)                                                  \
	X(lchown, EIO, EPERM)                                                  \
	X(listen, EADDRINUSE, ENOMEM)                                          \
	X(lstat, EACCES, EIO, ENOMEM)                                          \
	X(malloc, ENOMEM)                                                      \
	X(mkdtemp, EACCES, ENOSPC, EMFILE, ENOMEM)                             \
	X(mkostemp, EACCES, ENOSPC, EIO, SHORTAGE)                             \
	X(mmap, ENOMEM)                                                        \
	X(open, EINTR, EACCES, EIO, ENOSPC, EOPNOTSUPP, SHORTAGE)              \
	X(openat, EINTR, EACCES, EIO, ENOENT, SHORTAGE)                        \
	X(openat2, EINTR, EACCES, EAGAIN, ENOSYS, SHORTAGE)                    \
	X(opendir, EACCES, SHORTAGE)                                           \
	X(pipe2, SHORTAGE)                                                     \
	X(poll, EINTR, ENOMEM)                                                 \
	X(prctl, EPERM)                                                        \
	X(pread, EINTR, EIO, SHORT)                                            \
	X(prlimit, EPERM)                                                      \
	X(pwrite, EINTR, EDQUOT, EFBIG, EIO, ENOSPC, SHORT)                    \
	X(pwritev2, EINTR, EOPNOTSUPP, EIO, ENOSPC)                            \
	X(read, EINTR, EAGAIN, ECONNRESET, EIO, SHORT)                         \
	X(readdir, EIO)                                                        \
	X(readlink, EACCES, EIO, ENOENT, ENOMEM)                               \
	X(realloc, ENOMEM)                                                     \
	X(realpath, EACCES, EIO, ENOENT, ENOMEM)                               \
	X(recv, EINTR, EAGAIN, ECONNRESET, ETIMEDOUT, SHORT)                   \
	X(recvmsg, EINTR, EAGAIN, ECONNRESET)                                  \
	X(rmdir, EACCES, EBUSY, EIO)                                           \
	X(send, EINTR, EAGAIN, ECONNRESET, ENOBUFS, ENOMEM, EPIPE, SHORT)      \
	X(sendfile, EINTR, EAGAIN, EIO, ENOMEM, EPIPE, SHORT)                  \
	X(sendmsg, EINTR, EAGAIN, ECONNRESET, ENOBUFS, ENOMEM, EPIPE, SHORT)   \
	X(setgroups, EPERM, ENOMEM)                                            \
	X(setresgid, EAGAIN, EPERM)                                            \
	X(setresuid, EAGAIN, EPERM)                                            \
	X(setsockopt, ENOBUFS, ENOMEM)                                         \
	X(shutdown, ENOTCONN)                                                  \
	X(signalfd, SHORTAGE)                                                  \
	X(sigtimedwait, EINTR, EAGAIN)                                         \
	X(socket, EACCES, ENOBUFS, SHORTAGE)                                   \
	X(socketpair, SHORTAGE)                                                \
	X(splice, EINTR, EAGAIN, ECONNRESET, EINVAL, ENOMEM, EPIPE, SHORT)     \
	X(unlink, EACCES, EBUSY, EIO)                                          \
	X(waitpid, EINTR)                                                      \
	X(write, EINTR, EAGAIN, ECONNRESET, EDQUOT, EIO, ENOMEM, ENOSPC,       \
	  EPIPE, SHORT)

enum call {
#define X(name, ...) CALL_##name,
	CALLS(X)
#undef X
		CALL_COUNT
};

/* Where the library finds it: the number of a descriptor. */
#define INJECT_VARIABLE "CGI_FCGI_INJECT"

/* If that is set the kernel seems an old one: then new processes make their
 * calls by the C library, and can be made to fail. */
#define INJECT_OLD "CGI_FCGI_OLD"

struct inject {
	atomic_bool taken; /* by the first program that was loaded with it */
	atomic_int call;   /* what fails now; -1: nothing */
	atomic_int error;
	atomic_long nth;   /* at which call of those that can fail so */
	atomic_bool lasts; /* and at all that follow */
	atomic_long seen;  /* of them */
	atomic_long fired; /* faults */
	atomic_long calls[CALL_COUNT];
	atomic_long blocks; /* of memory that are in use */
};

#endif
