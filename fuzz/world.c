/*
 * world: the calls of the C library and of the product that the linker brings
 * here (fuzz/wraps).
 */
#include "world.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../wrapper/spawn.h"
#include "fuzz.h"

int64_t world_ms = 1000;
int world_wait;
bool world_inside;
unsigned world_interrupted;
unsigned world_short;
struct running programs[PROGRAMS_MAX];
int program_count;
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

ssize_t __wrap_read(int fd, void *bytes, size_t n);
ssize_t __wrap_write(int fd, const void *bytes, size_t n);
ssize_t __wrap_send(int fd, const void *bytes, size_t n, int flags);
ssize_t __wrap_splice(int from, off_t *from_at, int to, off_t *to_at, size_t n,
		      unsigned flags);
int __wrap_epoll_wait(int fd, struct epoll_event *events, int count, int ms);
int __wrap_clock_gettime(clockid_t clock, struct timespec *time);
int __wrap_kill(pid_t pid, int number);
pid_t __wrap_waitpid(pid_t pid, int *status, int options);
pid_t __wrap_spawn_start(struct spawn *spawn);

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
	if (world_inside && world_short > 0 && world_short < n)
		n = world_short;
	world_short = 0;
	return n;
}

ssize_t __wrap_read(int fd, void *bytes, size_t n)
{
	return interrupts() ? -1 : __real_read(fd, bytes, n);
}

ssize_t __wrap_write(int fd, const void *bytes, size_t n)
{
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
	return interrupts() ? -1 : __real_send(fd, bytes, shortened(n), flags);
}

ssize_t __wrap_splice(int from, off_t *from_at, int to, off_t *to_at, size_t n,
		      unsigned flags)
{
	if (interrupts())
		return -1;
	return __real_splice(from, from_at, to, to_at, shortened(n), flags);
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

pid_t __wrap_spawn_start(struct spawn *spawn)
{
	struct running *program = &programs[program_count];
	int i;

	spawn->step = SPAWN_FORK;
	spawn->error = EAGAIN;
	if (world_spawn_error) {
		spawn->step = (enum spawn_step)world_spawn_step;
		spawn->error = world_spawn_error;
		world_spawn_error = 0;
		return -1;
	}
	if (program_count == PROGRAMS_MAX)
		return -1;
	memset(program, 0, sizeof(*program));
	program->pid = 100000 + program_count++;
	program->said = &said[program_count - 1];
	read_environment(program, spawn->envp);
	for (i = 0; i < 3; i++) {
		CHECK(spawn->files[i] > 2);
		program->fds[i] = fcntl(spawn->files[i], F_DUPFD_CLOEXEC, 3);
		fcntl(program->fds[i], F_SETFL, O_NONBLOCK);
	}
	return program->pid;
}
