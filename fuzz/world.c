/*
 * world: the calls of the C library and of the product that the linker brings
 * here (fuzz/wraps).
 */
#include "world.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../bridge/connect.h"
#include "../wrapper/spawn.h"
#include "fuzz.h"

#define PLACES_MAX 8 /* of one poll(2) */

int64_t world_ms = 1000;
int world_wait;
bool world_inside;
unsigned world_interrupted;
unsigned world_short;
struct running programs[PROGRAMS_MAX];
int program_count;
int world_fds[3] = {-1, -1, -1};
bool world_careful;
static struct told said[PROGRAMS_MAX];
int world_spawn_step;
int world_spawn_error;

ssize_t __real_read(int fd, void *bytes, size_t n);
ssize_t __real_write(int fd, const void *bytes, size_t n);
ssize_t __real_send(int fd, const void *bytes, size_t n, int flags);
ssize_t __real_splice(int from, off_t *from_at, int to, off_t *to_at, size_t n,
		      unsigned flags);
int __real_epoll_wait(int fd, struct epoll_event *events, int count, int ms);
int __real_clock_gettime(clockid_t clock, struct timespec *time);

int __real_fstat64(int fd, struct stat *st);
off_t __real_lseek64(int fd, off_t at, int whence);
long __real_syscall(long number, ...);
int __real_poll(struct pollfd *fds, nfds_t count, int ms);

ssize_t __wrap_read(int fd, void *bytes, size_t n);
int __wrap_fstat64(int fd, struct stat *st);
off_t __wrap_lseek64(int fd, off_t at, int whence);
long __wrap_syscall(long number, ...);
int __wrap_poll(struct pollfd *fds, nfds_t count, int ms);
int __wrap_connect_open(const struct addr *addr, long attempt_ms, long retry_ms,
			int64_t end, struct outcome *outcome);
ssize_t __wrap_write(int fd, const void *bytes, size_t n);
ssize_t __wrap_send(int fd, const void *bytes, size_t n, int flags);
ssize_t __wrap_splice(int from, off_t *from_at, int to, off_t *to_at, size_t n,
		      unsigned flags);
int __wrap_epoll_wait(int fd, struct epoll_event *events, int count, int ms);
int __wrap_clock_gettime(clockid_t clock, struct timespec *time);
pid_t __wrap_getpgid(pid_t pid);
int __wrap_kill(pid_t pid, int number);
pid_t __wrap_waitpid(pid_t pid, int *status, int options);
pid_t __wrap_spawn_begin(struct spawn *spawn);
bool __wrap_spawn_is_over(struct spawn *spawn, bool reaped);

static bool interrupts(void)
{
	if (!world_inside || world_interrupted == 0)
		return false;
	world_interrupted--;
	errno = EINTR;
	return true;
}

static size_t shortened(size_t n)
{
	if ((world_inside || world_fds[0] >= 0) && world_short > 0 &&
	    world_short < n)
		n = world_short;
	world_short = 0;
	return n;
}

static bool stands_in(int fd)
{
	return fuzz_on && fd >= 0 && fd <= STDERR_FILENO && world_fds[fd] >= 0;
}

static int standing_in(int fd)
{
	return stands_in(fd) ? world_fds[fd] : fd;
}

ssize_t __wrap_read(int fd, void *bytes, size_t n)
{
	ssize_t got;

	if (interrupts())
		return -1;
	got = __real_read(standing_in(fd), bytes, n);
	CHECK(!stands_in(fd) || got >= 0 || errno != EAGAIN);
	return got;
}

static ssize_t write_in_place(int fd, const void *bytes, size_t n)
{
	ssize_t written = __real_write(world_fds[fd], bytes, shortened(n));

	/* stderr may wait for whoever wants a trace. */
	CHECK(fd != STDOUT_FILENO || written >= 0 || errno != EAGAIN);
	return written;
}

ssize_t __wrap_write(int fd, const void *bytes, size_t n)
{
	if (stands_in(fd))
		return write_in_place(fd, bytes, n);
	if (fuzz_on && (fd == STDOUT_FILENO || fd == STDERR_FILENO)) {
		if (fuzz_said.room - fuzz_said.used < n)
			fuzz_said.used = 0;
		told_add(&fuzz_said, bytes, n);
		return (ssize_t)n;
	}
	return interrupts() ? -1 : __real_write(fd, bytes, shortened(n));
}

ssize_t __wrap_send(int fd, const void *bytes, size_t n, int flags)
{
	if (interrupts())
		return -1;
	return __real_send(standing_in(fd), bytes, shortened(n), flags);
}

int __wrap_fstat64(int fd, struct stat *st)
{
	return __real_fstat64(standing_in(fd), st);
}

off_t __wrap_lseek64(int fd, off_t at, int whence)
{
	return __real_lseek64(standing_in(fd), at, whence);
}

/* pwritev2(2) is the one that the bridge makes by number. */
long __wrap_syscall(long number, ...)
{
	long word[6] = {0};
	/* No other one has more than five. */
	int count = number == SYS_pwritev2 ? 6 : 5;
	va_list args;
	int i;

	va_start(args, number);
	for (i = 0; i < count; i++)
		word[i] = va_arg(args, long);
	va_end(args);
	if (fuzz_on && number == SYS_pwritev2) {
		if (world_careful) {
			errno = EOPNOTSUPP;
			return -1;
		}
		word[0] = standing_in((int)word[0]);
	}
	return __real_syscall(number, word[0], word[1], word[2], word[3],
			      word[4], word[5]);
}

int world_real_poll(struct pollfd *fds, nfds_t count, int ms)
{
	struct pollfd real[PLACES_MAX];
	int ready;
	nfds_t i;

	CHECK(count <= PLACES_MAX);
	for (i = 0; i < count; i++) {
		real[i] = fds[i];
		real[i].fd = standing_in(fds[i].fd);
	}
	ready = __real_poll(real, count, ms);
	for (i = 0; i < count; i++)
		fds[i].revents = real[i].revents;
	return ready;
}

int __wrap_poll(struct pollfd *fds, nfds_t count, int ms)
{
	if (!fuzz_on || world_fds[0] < 0)
		return __real_poll(fds, count, ms);
	return bridge_poll(fds, count, ms);
}

int __wrap_connect_open(const struct addr *addr, long attempt_ms, long retry_ms,
			int64_t end, struct outcome *outcome)
{
	(void)addr;
	(void)attempt_ms;
	(void)retry_ms;
	(void)end;
	(void)outcome;
	return bridge_connect();
}

/* For the targets that have no bridge. */
__attribute__((weak)) int bridge_connect(void)
{
	return -1;
}

__attribute__((weak)) int bridge_poll(struct pollfd *fds, nfds_t count, int ms)
{
	return __real_poll(fds, count, ms);
}

ssize_t __wrap_splice(int from, off_t *from_at, int to, off_t *to_at, size_t n,
		      unsigned flags)
{
	if (interrupts())
		return -1;
	return __real_splice(standing_in(from), from_at, standing_in(to), to_at,
			     shortened(n), flags);
}

int __wrap_epoll_wait(int fd, struct epoll_event *events, int count, int ms)
{
	if (!fuzz_on)
		return __real_epoll_wait(fd, events, count, ms);
	world_wait = ms;
	return __real_epoll_wait(fd, events, count, 0);
}

int __wrap_clock_gettime(clockid_t clock, struct timespec *time)
{
	if (!fuzz_on)
		return __real_clock_gettime(clock, time);
	time->tv_sec = world_ms / 1000;
	time->tv_nsec = world_ms % 1000 * 1000000;
	return 0;
}

void program_clear(struct running *program)
{
	int i;

	for (i = 0; i < 3; i++) {
		if (program->fds[i] >= 0)
			close(program->fds[i]);
		program->fds[i] = -1;
	}
	program->left = false;
}

void program_end(struct running *program, int status, bool left)
{
	CHECK(!program->dead);
	program->dead = true;
	program->status = status;
	program->left = program->was_left = left;
	if (!left)
		program_clear(program);
}

bool programs_to_reap(void)
{
	int i;

	for (i = 0; i < program_count; i++)
		if (programs[i].dead && !programs[i].reaped)
			return true;
	return false;
}

/* Each leads its own. */
pid_t __wrap_getpgid(pid_t pid)
{
	return pid;
}

/* Groups alone are signalled, and only those of our programs. */
int __wrap_kill(pid_t pid, int number)
{
	struct running *program = programs;

	while (program < programs + program_count && program->pid != -pid)
		program++;
	CHECK(program < programs + program_count);
	if (program->reaped && !program->left) {
		errno = ESRCH;
		return -1;
	}
	if (number == SIGTERM) {
		program->term = true;
		if (!program->dead && !program->ignores_term)
			program_end(program, SIGTERM, false);
	} else if (number == SIGKILL) {
		program->term = true;
		if (!program->dead)
			program_end(program, SIGKILL, false);
		program_clear(program);
	}
	return 0;
}

pid_t __wrap_waitpid(pid_t pid, int *status, int options)
{
	int i;

	CHECK(pid == -1 && options == WNOHANG);
	for (i = 0; i < program_count; i++)
		if (programs[i].dead && !programs[i].reaped) {
			programs[i].reaped = true;
			*status = programs[i].status;
			return programs[i].pid;
		}
	return 0;
}

static void read_environment(struct running *program, char *const *envp)
{
	for (; *envp; envp++)
		if (strncmp(*envp, "R=", 2) == 0)
			program->serial =
				(uint32_t)strtoul(*envp + 2, NULL, 16);
		else if (strcmp(*envp, "CONTENT_LENGTH=0") == 0)
			program->no_body = true;
}

static void take_files(struct running *program, const struct spawn *spawn)
{
	int i;

	for (i = 0; i < 3; i++) {
		CHECK(spawn->files[i] > 2);
		program->fds[i] = fcntl(spawn->files[i], F_DUPFD_CLOEXEC, 3);
		fcntl(program->fds[i], F_SETFL, O_NONBLOCK);
	}
}

/* What fails does so when it is under way, but for the fork. */
pid_t __wrap_spawn_begin(struct spawn *spawn)
{
	struct running *program = &programs[program_count];

	spawn->step = (enum spawn_step)world_spawn_step;
	spawn->error = world_spawn_error;
	world_spawn_error = 0;
	if (program_count == PROGRAMS_MAX ||
	    (spawn->error && spawn->step == SPAWN_FORK)) {
		spawn->step = SPAWN_FORK;
		spawn->error = EAGAIN;
		return -1;
	}
	memset(program, 0, sizeof(*program));
	program->pid = 100000 + program_count++;
	program->said = &said[program_count - 1];
	program->fds[0] = program->fds[1] = program->fds[2] = -1;
	read_environment(program, spawn->envp);
	spawn->loan = (struct loan *)(void *)program;
	if (spawn->error) {
		program->dead = true;
		program->status = 127 << 8;
	} else {
		take_files(program, spawn);
	}
	return program->pid;
}

/* At the second look, or at its end. */
bool __wrap_spawn_is_over(struct spawn *spawn, bool reaped)
{
	struct running *program = (struct running *)(void *)spawn->loan;

	CHECK(program);
	if (!reaped && !program->looked_at) {
		program->looked_at = true;
		return false;
	}
	spawn->loan = NULL;
	return true;
}
