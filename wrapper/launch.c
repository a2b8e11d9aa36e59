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

#include "clock.h"
#include "explain.h"
#include "log.h"
#include "preload.h"
#include "record.h"
#include "settings.h"
#include "shared.h"
#include "spawn.h"

#define DEFAULT_PATH "/usr/local/bin:/usr/bin:/bin"

extern char **environ;

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

/* fcgiwrap's way to choose another working directory than the program's; one
 * that is opened here the caller closes. */
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

static int start(struct launch *launch, struct program *program,
		 struct spawn *spawn)
{
	int64_t begun = clock_us();

	launch->pid = preload_start(program, spawn);
	if (launch->pid == 0)
		launch->pid = spawn_start(spawn);
	if (launch->pid < 0) {
		launch->status = explain_start(program, spawn);
		return -1;
	}
	histogram_add(&shared->spawn_time, clock_us() - begun);
	return 0;
}

static int prepare(struct launch *launch, struct program *program,
		   struct env *env, struct pipes *pipes)
{
	struct spawn spawn = {.path = program->exec,
			      .argv = program->argv,
			      .change_owner = set.as_owner > 0,
			      .uid = program->uid,
			      .gid = program->gid};
	int result;

	spawn.envp = env_list(env);
	if (!spawn.envp)
		return fail(launch, 503, program->path);
	memcpy(spawn.files, pipes->theirs, sizeof(spawn.files));
	if (spawn.files[0] < 0)
		spawn.files[0] = no_body;
	if (give_pipes(&spawn) < 0)
		return fail(launch, 500,
			    "cannot give the pipes to the program's owner");
	spawn.folder = choose_folder(program, env);
	result = start(launch, program, &spawn);
	if (spawn.folder >= 0 && spawn.folder != program->folder)
		close(spawn.folder);
	return result;
}

static int launch_program(struct launch *launch, struct program *program,
			  struct env *env, bool has_body)
{
	struct pipes pipes;
	int result;

	if (!has_body)
		mind_no_body();
	if (open_pipes(&pipes, has_body || no_body < 0) < 0)
		return fail(launch, 503, program->path);
	result = prepare(launch, program, env, &pipes);
	close_all(pipes.theirs);
	if (result < 0) {
		close_all(pipes.ours);
		return -1;
	}
	launch->in = pipes.ours[0];
	launch->out = pipes.ours[1];
	launch->err = pipes.ours[2];
	launch->name = program->path;
	program->path = NULL;
	return 0;
}

int launch(struct launch *launch, struct env *env, uint16_t role, bool has_body)
{
	struct program program = {.folder = -1, .why = launch->why};
	int result = -1;

	launch->name = NULL;
	launch->status = program_find(&program, env);
	if (!launch->status && complete_env(env, role) < 0)
		result = fail(launch, 503, program.path);
	else if (!launch->status)
		result = launch_program(launch, &program, env, has_body);
	program_free(&program);
	env_free(env);
	return result;
}
