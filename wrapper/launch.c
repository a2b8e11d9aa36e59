/*
 * launch: the program's world, made ready and entered.
 */
#include "launch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "child.h"
#include "clock.h"
#include "explain.h"
#include "log.h"
#include "loop.h"
#include "preload.h"
#include "record.h"
#include "settings.h"
#include "shared.h"
#include "spawn.h"

#define DEFAULT_PATH "/usr/local/bin:/usr/bin:/bin"
#define SETTLE_MS    1 /* most have been executed by then */
#define SETTLE_MAX   1000

/* What a start needs until the program is there. */
struct start {
	struct program program;
	struct env env;
	struct spawn spawn;
	pid_t pid;
	bool taken;
};

static struct start starts[SPAWN_BESIDE];
static struct timers settle_timers;
static struct timer settle_timer;
static void (*start_failed)(void *owner, int status, const char *why);

/* The stdin of programs that get no body: a pipe that nobody writes to, and
 * that none of them can open for writing, unless it is root's. */
static int no_body = -1;
static bool is_root;

static int open_no_body(void)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	no_body = ends[0];
	close(ends[1]);
	return fchmod(no_body, 0400);
}

/* A pipe that root's program has opened for writing is its own from then on:
 * the next one gets another. */
static void mind_no_body(void)
{
	struct pollfd one = {.fd = no_body, .events = POLLIN};

	if (no_body < 0 || !is_root ||
	    (poll(&one, 1, 0) == 1 && one.revents == POLLHUP))
		return;
	close(no_body);
	no_body = -1;
	open_no_body();
}

/* The last one that -env says, or else the wrapper's. */
static const char *own_path(void)
{
	const char *path = getenv("PATH");
	int i;

	for (i = 0; i < set.env.count; i++)
		if (strncmp(set.env.word[i], "PATH=", 5) == 0)
			path = set.env.word[i] + 5;
	return path ? path : DEFAULT_PATH;
}

int launch_init(void)
{
	set.path = own_path();
	is_root = geteuid() == 0;
	/* Owners are given pipes of their own. */
	return set.as_owner ? 0 : open_no_body();
}

static int fail(struct launch *launch, int status, const char *what)
{
	launch->status = refusal(launch->why, status, what, strerror(errno));
	return -1;
}

/* fcgiwrap gives programs its own environment too; a request's variables
 * come before it. */
static int add_whole_env(struct env *env)
{
	char name[256];
	char **pair;

	for (pair = environ; *pair; pair++) {
		size_t length = strcspn(*pair, "=");

		if (!(*pair)[length] || length >= sizeof(name))
			continue;
		memcpy(name, *pair, length);
		name[length] = '\0';
		if (!env_get(env, name) && env_put(env, *pair) < 0)
			return -1;
	}
	return 0;
}

static int complete_env(struct env *env, uint16_t role)
{
	int i;

	if (!env_get(env, "GATEWAY_INTERFACE") &&
	    env_set(env, "GATEWAY_INTERFACE", "CGI/1.1") < 0)
		return -1;
	/* A program of a web server may count on it (RFC 3875, 4.1.7); HAProxy
	 * leaves out an empty one. */
	if (env_get(env, "REQUEST_METHOD") && !env_get(env, "QUERY_STRING") &&
	    env_set(env, "QUERY_STRING", "") < 0)
		return -1;
	if (!env_get(env, "PATH") && env_set(env, "PATH", set.path) < 0)
		return -1;
	if (env_set(env, "FCGI_ROLE", record_role_name(role)) < 0)
		return -1;
	if (set.fcgiwrap && add_whole_env(env) < 0)
		return -1;
	for (i = 0; i < set.env.count; i++)
		if (env_put(env, set.env.word[i]) < 0)
			return -1;
	return 0;
}

/* The three pipes: ours[i] is our end of what becomes fd i of the program. */
struct pipes {
	int ours[3];
	int theirs[3];
};

static void close_all(int fds[3])
{
	int i;

	for (i = 0; i < 3; i++) {
		if (fds[i] >= 0)
			close(fds[i]);
		fds[i] = -1;
	}
}

static int open_pipes(struct pipes *pipes, bool has_body)
{
	int i;

	for (i = 0; i < 3; i++)
		pipes->ours[i] = pipes->theirs[i] = -1;
	for (i = has_body ? 0 : 1; i < 3; i++) {
		int ends[2];
		int ours = i == 0 ? 1 : 0;

		if (pipe2(ends, O_CLOEXEC) < 0)
			break;
		pipes->ours[i] = ends[ours];
		pipes->theirs[i] = ends[1 - ours];
		if (fcntl(ends[ours], F_SETFL, O_NONBLOCK) < 0)
			break;
	}
	if (i == 3)
		return 0;
	close_all(pipes->ours);
	close_all(pipes->theirs);
	return -1;
}

/* fcgiwrap's way to choose another working directory than the program's. */
static int choose_folder(const struct program *program, const struct env *env)
{
	const char *wish = set.fcgiwrap ? env_get(env, "FCGI_CHDIR") : NULL;
	int fd;

	if (!wish)
		return program->folder;
	if (strcmp(wish, "-") == 0)
		return -1;
	fd = open(wish, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		note("FCGI_CHDIR %s: %s", wish, strerror(errno));
		return program->folder;
	}
	return fd;
}

/* The pipes are its owner's too: it may open /dev/stderr by name. */
static int give_pipes(const struct spawn *spawn)
{
	int i;

	for (i = 0; spawn->change_owner && i < 3; i++)
		if (fchown(spawn->files[i], spawn->uid, spawn->gid) < 0)
			return -1;
	return 0;
}

static int start_program(struct launch *launch, struct start *start)
{
	int64_t begun = clock_us();

	start->pid = preload_start(&start->program, &start->spawn);
	if (start->pid == 0)
		start->pid = spawn_begin(&start->spawn);
	launch->pid = start->pid;
	if (launch->pid < 0) {
		launch->status = explain_start(&start->program, &start->spawn);
		return -1;
	}
	histogram_add(&shared->spawn_time, clock_us() - begun);
	return 0;
}

static int prepare(struct launch *launch, struct start *start,
		   const struct pipes *pipes)
{
	struct program *program = &start->program;
	struct spawn *spawn = &start->spawn;

	spawn->path = program->exec;
	spawn->argv = program->argv;
	spawn->change_owner = set.as_owner > 0;
	spawn->uid = program->uid;
	spawn->gid = program->gid;
	spawn->envp = env_list(&start->env);
	launch->name = strdup(program->path);
	if (!spawn->envp || !launch->name)
		return fail(launch, 503, program->path);
	memcpy(spawn->files, pipes->theirs, sizeof(spawn->files));
	if (spawn->files[0] < 0)
		spawn->files[0] = no_body;
	if (give_pipes(spawn) < 0)
		return fail(launch, 500,
			    "cannot give the pipes to the program's owner");
	spawn->folder = choose_folder(program, &start->env);
	return start_program(launch, start);
}

static int launch_program(struct launch *launch, struct start *start,
			  bool has_body)
{
	struct pipes pipes;
	int result;

	if (!has_body)
		mind_no_body();
	if (open_pipes(&pipes, has_body || no_body < 0) < 0)
		return fail(launch, 503, start->program.path);
	result = prepare(launch, start, &pipes);
	close_all(pipes.theirs);
	if (result < 0) {
		close_all(pipes.ours);
		free(launch->name);
		return -1;
	}
	launch->in = pipes.ours[0];
	launch->out = pipes.ours[1];
	launch->err = pipes.ours[2];
	return 0;
}

static void release(struct start *start)
{
	if (start->spawn.folder >= 0 &&
	    start->spawn.folder != start->program.folder)
		close(start->spawn.folder);
	program_free(&start->program);
	env_free(&start->env);
	start->taken = false;
}

/* Its process has ended, or is about to. */
static void tell_failure(struct start *start)
{
	char why[REFUSAL_MAX];
	void *owner = child_owner(start->pid);
	int status;

	if (!owner)
		return;
	start->program.why = why;
	status = explain_start(&start->program, &start->spawn);
	start_failed(owner, status, why);
}

void launch_settle(void)
{
	struct start *start;
	bool under_way = false;

	for (start = starts; start < starts + SPAWN_BESIDE; start++) {
		if (!start->taken)
			continue;
		if (!spawn_is_over(&start->spawn,
				   child_is_reaped(start->pid))) {
			under_way = true;
			continue;
		}
		if (start->spawn.error)
			tell_failure(start);
		release(start);
	}
	if (!under_way)
		timer_stop(&settle_timer);
}

/* What holds one up may do so for long: it is looked at ever less often. */
static void settle_is_due(struct timer *timer)
{
	if (settle_timers.ms < SETTLE_MAX)
		settle_timers.ms *= 2;
	timer_start(&settle_timers, timer);
	launch_settle();
	/* There may be room now. */
	shared_wake();
}

static void settle_soon(void)
{
	settle_timers.ms = SETTLE_MS;
	timer_start(&settle_timers, &settle_timer);
}

void launch_follow(void (*failed)(void *owner, int status, const char *why))
{
	start_failed = failed;
	settle_timer.expired = settle_is_due;
	timers_init(&settle_timers, SETTLE_MS);
}

static struct start *free_start(void)
{
	struct start *start = starts;

	while (start->taken)
		start++;
	return start;
}

int launch(struct launch *launch, struct env *env, uint16_t role, bool has_body)
{
	struct start *start;
	int result = -1;

	start = free_start();
	start->program = (struct program){.folder = -1, .why = launch->why};
	start->env = *env;
	*env = (struct env){.text = NULL};
	start->spawn = (struct spawn){.folder = -1};
	launch->status = program_find(&start->program, &start->env);
	if (!launch->status && complete_env(&start->env, role) < 0)
		result = fail(launch, 503, start->program.path);
	else if (!launch->status)
		result = launch_program(launch, start, has_body);
	start->taken = spawn_is_under_way(&start->spawn);
	if (start->taken)
		settle_soon();
	else
		release(start);
	return result;
}
