/*
 * serving: faults in a wrapper that serves. It is the same process for all of
 * them: what one fault leaves behind shows.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "faults.h"
#include "record.h"

#define SETTLE_MS 10000

/* The wrapper keeps a few for the next request. */
#define BLOCKS_SPARE 4

static struct endpoint local;
static struct endpoint tcp;
static pid_t wrapper;

/* When nothing goes on. */
static long fds;
static long blocks;

static const struct visit get = {
	.to = &local, .exchange = {{.id = 1, .bytes = 2000}}, .count = 1};
static const struct visit over_tcp = {
	.to = &tcp, .exchange = {{.id = 1, .bytes = 2000}}, .count = 1};
static const struct visit keep = {.to = &local,
				  .keep = true,
				  .one_by_one = true,
				  .exchange = {{.id = 1, .bytes = 2000},
					       {.id = 1, .bytes = 20000},
					       {.id = 2, .bytes = 10}},
				  .count = 3};
static const struct visit post = {
	.to = &local,
	.exchange = {{.id = 1, .bytes = 2000, .body = 6000}},
	.count = 1};
static const struct visit large_post = {
	.to = &local,
	.exchange = {{.id = 1, .bytes = 2000, .body = 400000}},
	.count = 1};
static const struct visit large_post_tcp = {
	.to = &tcp,
	.exchange = {{.id = 1, .bytes = 300000, .body = 300000}},
	.count = 1};
static const struct visit spooled = {.to = &local,
				     .exchange = {{.id = 1,
						   .bytes = 2000,
						   .body = 200000,
						   .no_length = true}},
				     .count = 1};
static const struct visit behind_nginx = {
	.to = &local,
	.exchange = {{.id = 1, .bytes = 300000, .body = 300000, .nginx = true}},
	.count = 1};
static const struct visit filter = {.to = &local,
				    .exchange = {{.id = 1,
						  .role = FCGI_FILTER,
						  .bytes = 200,
						  .body = 3000,
						  .data = 70000}},
				    .count = 1};
static const struct visit early_filter = {.to = &local,
					  .exchange = {{.id = 1,
							.role = FCGI_FILTER,
							.bytes = 200,
							.body = 200000,
							.data = 70000,
							.early = true}},
					  .count = 1};
static const struct visit late_filter = {.to = &local,
					 .exchange = {{.id = 1,
						       .role = FCGI_FILTER,
						       .bytes = 200,
						       .body = 20000,
						       .data = 70000,
						       .early = true,
						       .no_length = true}},
					 .count = 1};
static const struct visit authorizer = {
	.to = &local,
	.exchange = {{.id = 1, .role = FCGI_AUTHORIZER, .bytes = 200}},
	.count = 1};
static const struct visit errors = {
	.to = &local,
	.exchange = {{.id = 1, .bytes = 2000, .how = 'e'}},
	.count = 1};
static const struct visit large = {.to = &local,
				   .slow = true,
				   .exchange = {{.id = 1, .bytes = 600000}},
				   .count = 1};
static const struct visit aborted = {
	.to = &local,
	.keep = true,
	.exchange = {{.id = 1, .bytes = 200, .how = 'a'}},
	.count = 1};
static const struct visit cut = {
	.to = &local,
	.cut = true,
	.exchange = {{.id = 1, .bytes = 200, .how = 's'}},
	.count = 1};
static const struct visit killed = {
	.to = &local,
	.exchange = {{.id = 1, .bytes = 200, .how = 'k'}},
	.count = 1};
static const struct visit missing = {
	.to = &local,
	.exchange = {{.id = 1, .program = "no-such-program", .page = 404}},
	.count = 1};
static const struct visit path_info = {
	.to = &local,
	.exchange = {{.id = 1, .bytes = 200, .program = "nonce/more/info"}},
	.count = 1};
static const struct visit document_root = {
	.to = &local,
	.exchange = {{.id = 1, .bytes = 200, .by_root = true}},
	.count = 1};
static const struct visit detour = {
	.to = &local,
	.exchange = {{.id = 1, .bytes = 200, .program = "../cgi/nonce"}},
	.count = 1};
static const struct visit status_page = {
	.to = &local,
	.exchange = {{.id = 1, .program = "status", .holds = "requests"}},
	.count = 1};
static const struct visit queued = {
	.to = &local,
	.keep = true,
	.exchange = {{.id = 1, .bytes = 200},
		     {.id = 2, .bytes = 2000},
		     {.id = 3, .bytes = 200, .body = 100},
		     {.id = 4, .bytes = 200, .how = 'e'},
		     {.id = 5, .bytes = 20000},
		     {.id = 6, .page = 503}},
	.count = 6};
static const struct visit shared_connection = {
	.to = &local,
	.keep = true,
	.exchange = {{.id = 1, .bytes = 200000, .body = 200000},
		     {.id = 2, .bytes = 200, .body = 200000},
		     {.id = 3, .bytes = 2000}},
	.count = 3};

static const char *go(const struct scenario *scenario, bool faulted)
{
	return visit(scenario->what, faulted);
}

static const struct scenario scenarios[] = {
	{"get", go, &get, false},
	{"get over TCP", go, &over_tcp, false},
	{"keep-alive", go, &keep, true},
	{"post", go, &post, true},
	{"large post", go, &large_post, true},
	{"large post over TCP", go, &large_post_tcp, true},
	{"spooled body", go, &spooled, true},
	{"held reply", go, &behind_nginx, true},
	{"filter", go, &filter, true},
	{"filter, data first", go, &early_filter, true},
	{"filter, data first, no length", go, &late_filter, true},
	{"authorizer", go, &authorizer, true},
	{"stderr", go, &errors, true},
	{"large reply", go, &large, true},
	{"abort", go, &aborted, true},
	{"cut", go, &cut, true},
	{"killed", go, &killed, true},
	{"missing", go, &missing, true},
	{"path info", go, &path_info, true},
	{"document root", go, &document_root, true},
	{"detour", go, &detour, true},
	{"status page", go, &status_page, true},
	{"queue", go, &queued, true},
	{"multiplexed", go, &shared_connection, true},
	{0},
};

static void listen_on(struct endpoint *endpoint, int place)
{
	int fd = socket(endpoint->name.ss_family, SOCK_STREAM, 0);

	if (fd < 0 ||
	    bind(fd, (struct sockaddr *)&endpoint->name, endpoint->length) <
		    0 ||
	    listen(fd, 100) < 0 ||
	    getsockname(fd, (struct sockaddr *)&endpoint->name,
			&endpoint->length) < 0)
		give_up("listen");
	if (fd != place && dup2(fd, place) < 0)
		give_up("dup2");
	if (fd != place)
		close(fd);
}

/* The descriptors 3 and 4, as systemd passes them. */
static void open_sockets(void)
{
	struct sockaddr_un *un = (struct sockaddr_un *)&local.name;
	struct sockaddr_in *in = (struct sockaddr_in *)&tcp.name;

	un->sun_family = AF_UNIX;
	snprintf(un->sun_path, sizeof(un->sun_path), "%s/sock", folder);
	local.length = sizeof(*un);
	in->sin_family = AF_INET;
	in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	tcp.length = sizeof(*in);
	listen_on(&local, 3);
	listen_on(&tcp, 4);
}

static void start_wrapper(void)
{
	char *argv[] = {(char *)(size_t)binary,
			"-root",
			(char *)(size_t)programs,
			"-max",
			"2",
			"-queue",
			"3",
			"-grace",
			"0.3",
			"-stderr",
			"both",
			"-spool",
			folder,
			"-status",
			"/status",
			"-timeout",
			"20",
			"-limit",
			"core=0",
			"-env",
			"COLOUR=red",
			"-max-time",
			"30",
			"-verbose",
			NULL};
	char *envp[] = {"LISTEN_FDS=2", NULL};
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	wrapper = start(argv, envp, null, true);
	close(null);
}

static long count_fds(void)
{
	DIR *dir = opendir(text("/proc/%ld/fd", (long)wrapper));
	struct dirent *entry;
	long n = 0;

	while (dir && (entry = readdir(dir)))
		n += entry->d_name[0] != '.';
	if (dir)
		closedir(dir);
	return n;
}

static bool has_children(void)
{
	char byte;
	int fd = open(text("/proc/%ld/task/%ld/children", (long)wrapper,
			   (long)wrapper),
		      O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, &byte, 1);

	close(fd);
	return n > 0;
}

/* How it has ended, or NULL. */
static const char *death(void)
{
	int status;

	if (waitpid(wrapper, &status, WNOHANG) == 0)
		return NULL;
	wrapper = 0;
	if (WIFSIGNALED(status))
		return text("the wrapper was killed by signal %d",
			    WTERMSIG(status));
	return text("the wrapper ended with exit status %d",
		    WEXITSTATUS(status));
}

/* Whether what is in use is no more than before. */
static bool is_settled(void)
{
	return !has_children() && count_fds() <= fds &&
	       atomic_load(&control->blocks) <= blocks;
}

static const char *settle(void)
{
	int64_t end = clock_ms() + SETTLE_MS;

	while (!is_settled() && clock_ms() < end)
		sleep_ms(1);
	if (has_children())
		return "a program is left";
	if (count_fds() > fds)
		return text("%ld descriptors are left", count_fds() - fds);
	if (atomic_load(&control->blocks) > blocks)
		return text("%ld blocks of memory are left",
			    atomic_load(&control->blocks) - blocks);
	return NULL;
}

/* What is in use when everything has been done a few times. */
static void measure(void)
{
	const struct scenario *scenario;
	int round;

	fds = blocks = LONG_MAX;
	atomic_store(&control->blocks, 0);
	for (round = 0; round < 3; round++)
		for (scenario = scenarios; scenario->name; scenario++) {
			const char *wrong = go(scenario, false);

			if (wrong)
				printf("untouched: %s: %s\n", scenario->name,
				       wrong);
			settle();
		}
	sleep_ms(100);
	fds = count_fds();
	blocks = atomic_load(&control->blocks) + BLOCKS_SPARE;
}

static const char *after(void)
{
	const char *wrong = death();

	if (!wrong)
		wrong = settle();
	if (!wrong)
		wrong = visit(&get, false);
	if (!wrong)
		return NULL;
	/* What is wrong with it must be told once. */
	if (wrapper) {
		kill(wrapper, SIGKILL);
		waitpid(wrapper, NULL, 0);
	}
	start_wrapper();
	measure();
	return wrong;
}

int faults_serving(void)
{
	int bad;

	open_sockets();
	start_wrapper();
	measure();
	bad = campaign("serving", scenarios, after);
	kill(wrapper, SIGTERM);
	if (wait_end(wrapper, SETTLE_MS) != 0)
		bad++;
	return bad;
}
