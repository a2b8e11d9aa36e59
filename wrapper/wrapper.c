/*
 * wrapper: side 1 from its command line to its end. What options and paths mean
 * together, then start-up in order (listening sockets, daemon, chroot, user),
 * and then serve.
 */
#include "wrapper.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fds.h"
#include "launch.h"
#include "listen.h"
#include "log.h"
#include "notify.h"
#include "options.h"
#include "path.h"
#include "peers.h"
#include "privilege.h"
#include "serve.h"
#include "settings.h"
#include "shared.h"
#include "spawn.h"
#include "text.h"
#include "workers.h"

static struct listener listeners[LISTENERS_MAX];
static int listener_count;
static bool is_shared; /* workers use the sockets too */

/* Who can reach a TCP port must not choose freely what is run. */
static bool is_restricted(void)
{
	return set.program || set.root || set.allow.count || set.handlers ||
	       set.fcgiwrap;
}

static void restrict_tcp(const char *where)
{
	if (!is_restricted())
		opt_usage("%s: whoever reaches a TCP socket could run any "
			  "program of this machine: give PROGRAM, -root, "
			  "-allow or -handler",
			  where);
	/* -handler by itself says nothing of other names. */
	set.only_handled = set.handlers && !set.root && !set.allow.count;
}

static void check_settings(void)
{
	struct addr addr;
	int i;

	for (i = 0; i < set.listen.count; i++) {
		addr_parse(&addr, set.listen.word[i]);
		if (addr.kind == ADDR_TCP || addr.kind == ADDR_TCP6)
			restrict_tcp(set.listen.word[i]);
	}
	if (set.status && *set.status != '/')
		opt_usage("-status %s: a path begins with /", set.status);
	if (set.program && (set.root || set.allow.count || set.handlers))
		opt_usage("PROGRAM is run whatever the request names: -root, "
			  "-allow and -handler cannot go with it");
	if (set.as_owner && set.user)
		opt_usage("-as-owner needs root to become others: it cannot "
			  "go with -user");
	if (set.socket.mode & 0002)
		note("warning: -mode %04o: every user of this machine (the "
		     "world) may have programs run here",
		     (unsigned)set.socket.mode);
}

static void listen_all(void)
{
	char why[LISTEN_WHY_MAX];
	char text[ADDR_TEXT_MAX];
	struct addr addr;
	int i;

	for (i = 0; i < set.listen.count; i++) {
		int made;

		addr_parse(&addr, set.listen.word[i]);
		if (listener_count + ADDR_ENDPOINTS_MAX > LISTENERS_MAX)
			die(1, "%s: too many sockets", set.listen.word[i]);
		made = listen_open(&addr, &set.socket,
				   listeners + listener_count, why);
		if (made < 0)
			die(1, "%s: %s", set.listen.word[i], why);
		listener_count += made;
	}
	for (i = 0; i < listener_count; i++)
		note("listening on %s",
		     addr_format(&listeners[i].endpoint, text));
}

static void inherit_all(void)
{
	char text[ADDR_TEXT_MAX];
	int i;

	listener_count = listen_inherited(listeners);
	if (listener_count == 0)
		opt_usage("no -listen, and no listening socket was passed");
	for (i = 0; i < listener_count; i++)
		if (listeners[i].endpoint.name.ss_family != AF_UNIX)
			restrict_tcp(addr_format(&listeners[i].endpoint, text));
}

static const char *resolve(const char *option, const char *path)
{
	char *resolved = realpath(path, NULL);

	if (!resolved && set.fcgiwrap)
		return path;
	if (!resolved)
		die_errno("%s %s", option, path);
	return resolved;
}

/* PROGRAM as it is given, but seen from the root folder, in memory of its own:
 * requests are served in programs' folders. */
static char *absolute(const char *program)
{
	char cwd[PATH_MAX] = "";
	char *path;

	if (program[0] != '/' && !getcwd(cwd, sizeof(cwd)))
		die_errno("the working folder");
	path = text_join(cwd, *cwd ? "/" : "", program);
	if (!path)
		die(1, "no memory");
	return path;
}

/* A bare name is looked for as a shell would. */
static char *search(const char *program)
{
	char where[PATH_MAX];

	if (!path_search(getenv("PATH"), AT_FDCWD, program, where))
		die(1, "%s: no such program in PATH", program);
	return absolute(where);
}

static void settle_program(char **words)
{
	if (!words[0])
		return;
	words[0] =
		strchr(words[0], '/') ? absolute(words[0]) : search(words[0]);
	set.program = words;
}

/* As the user that the wrapper has become. */
static void settle_spool(void)
{
	if (!set.spool)
		set.spool = getenv("TMPDIR");
	if (!set.spool || !*set.spool)
		set.spool = "/tmp";
	if (faccessat(AT_FDCWD, set.spool, W_OK, 0) < 0)
		note("warning: -spool %s: %s: bodies that must wait will be "
		     "refused",
		     set.spool, strerror(errno));
}

static void check_kind(const char *path, mode_t kind, const char *name)
{
	struct stat st;

	if (fstatat(AT_FDCWD, path, &st, 0) == 0 &&
	    (st.st_mode & S_IFMT) != kind)
		die(1, "%s: not a %s", path, name);
}

static void check_program(const char *option, const char *path)
{
	if (faccessat(AT_FDCWD, path, X_OK, 0) < 0)
		die_errno("%s%s: cannot be run", option, path);
	check_kind(path, S_IFREG, "file");
}

/* As a request's program is called: resolved, but for the command line's. */
static void settle_preload(const char **word)
{
	if (strcmp(*word, "all") == 0 ||
	    (set.program && strcmp(*word, set.program[0]) == 0))
		return;
	check_program("-preload ", *word);
	*word = resolve("-preload", *word);
}

static void settle_paths(void)
{
	int i;

	if (set.program)
		check_program("", set.program[0]);
	if (set.root) {
		set.root = resolve("-root", set.root);
		check_kind(set.root, S_IFDIR, "folder");
	}
	if (set.root && strcmp(set.root, "/") == 0)
		set.root++; /* below it all paths begin with a slash */
	for (i = 0; i < set.allow.count; i++)
		set.allow.word[i] = resolve("-allow", set.allow.word[i]);
	for (i = 0; i < set.preload.count; i++)
		settle_preload(&set.preload.word[i]);
	for (i = 0; i < set.handlers; i++)
		check_program("-handler ", set.handler[i].program);
}

static void check_limits(void)
{
	const struct limit *limit = spawn_refused_limit();

	if (limit)
		die_errno("-limit %s: the hard limit is lower", limit->word);
}

/* A mistake that shows only behind -chroot or as -user is one before anything
 * is listened on all the same: another process finds it. */
static void rehearse(void)
{
	const struct sigaction usual = {.sa_handler = SIG_DFL};
	pid_t pid;
	int status;

	/* Ignored, as whoever started us may have it, nobody is waited for. */
	sigaction(SIGCHLD, &usual, NULL);
	pid = fork();
	if (pid == 0) {
		privilege_drop();
		settle_paths();
		check_limits();
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		die_errno("cannot start a process");
	if (status != 0)
		exit(1);
}

/* Whoever fails after listening leaves no socket's file. */
static void undo(void)
{
	int i;

	if (is_shared)
		return;
	for (i = 0; i < listener_count; i++)
		listen_remove(&listeners[i]);
	privilege_forget_pidfile();
}

static void start_up(void)
{
	const char *bad;

	fds_hide_inherited();
	set.web_server_addrs = getenv("FCGI_WEB_SERVER_ADDRS");
	bad = peers_init();
	if (bad)
		die(1, "FCGI_WEB_SERVER_ADDRS: %s: not an IP address", bad);
	atexit(undo);
	privilege_check();
	if (set.chroot || set.user)
		rehearse();
	else
		check_limits();
	if (!set.chroot)
		settle_paths();
	serve_take_signals();
	notify_open();
	if (set.listen.count > 0)
		listen_all();
	else
		inherit_all();
	privilege_background();
	/* Before -chroot, where there may be no /dev/null. */
	if (log_keep() < 0 || spawn_open() < 0)
		die_errno("no descriptors to start with");
	privilege_drop();
	if (set.chroot)
		settle_paths();
	settle_spool();
	if (shared_open((int)set.workers) < 0 || launch_init() < 0)
		die_errno("no memory for %ld workers", set.workers);
}

int wrapper_run(void)
{
	int status;

	start_up();
	is_shared = set.workers > 1;
	notify("READY=1");
	if (set.workers > 1)
		status = workers_run(listeners, listener_count);
	else
		status = serve(listeners, listener_count);
	/* The files are removed: what has such a name now is another's, though
	 * it may have the same inode. */
	listener_count = 0;
	privilege_forget_pidfile();
	return status;
}

int wrapper_main(int argc, char **argv)
{
	int first;

	wrapper_defaults();
	first = opt_parse(wrapper_options, &set, argc, argv);
	settle_program(argv + first);
	check_settings();
	return wrapper_run();
}
