/*
 * listen: makes listening sockets, or takes over those that are passed.
 * Whoever starts us may start another of us at the same moment: a lock on the
 * socket's folder keeps the question "is it stale?" and its answer together.
 */
#include "listen.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <poll.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "opt.h"
#include "record.h"
#include "text.h"

/* A folder that a stranger locks is not waited for longer. */
#define LOCK_TRIES    100
#define LOCK_PAUSE_MS 20

static int fail(char why[LISTEN_WHY_MAX], const char *what)
{
	int saved = errno;

	if (errno == EADDRINUSE)
		text_format(why, LISTEN_WHY_MAX,
			    "someone is already listening there");
	else
		text_format(why, LISTEN_WHY_MAX, "%s: %s", what,
			    strerror(errno));
	errno = saved;
	return -1;
}

/* What is wrong is most often the folder. */
static int fail_to_make(char why[LISTEN_WHY_MAX], const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *folder = slash ? path : ".";
	int length = slash && slash > path ? (int)(slash - path) : 1;

	if (errno != ENOENT && errno != EACCES)
		return fail(why, "cannot make the socket");
	text_format(why, LISTEN_WHY_MAX,
		    errno == ENOENT ? "there is no folder %.*s: make it first"
				    : "no permission to write to %.*s: start "
				      "as root, or take another folder",
		    length, folder);
	return -1;
}

bool listen_is_socket(int fd)
{
	int on = 0;
	socklen_t size = sizeof(on);

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &size) == 0 && on;
}

/* Locks the folder of path, or goes on without its lock after LOCK_TRIES.
 * Returns a descriptor to be closed, or -1. */
static int lock_folder(const char *path)
{
	char folder[sizeof(((struct listener *)0)->path)];
	char *slash;
	int fd;
	int tries;

	text_format(folder, sizeof(folder), "%s", path);
	slash = strrchr(folder, '/');
	if (!slash)
		text_format(folder, sizeof(folder), ".");
	else
		slash[slash == folder] = '\0';
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	for (tries = 0; tries < LOCK_TRIES; tries++) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			break;
		poll(NULL, 0, LOCK_PAUSE_MS);
	}
	return fd;
}

/* What connecting to a unix socket says: 0 or errno, ECONNREFUSED if nobody
 * accepts connections there. */
static int try_connecting(const struct endpoint *endpoint)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int error = 0;

	if (fd < 0)
		return errno;
	if (connect(fd, (const struct sockaddr *)&endpoint->name,
		    endpoint->length) < 0)
		error = errno;
	close(fd);
	return error;
}

/* Removes what is left of a listener that has gone; anything else stays. */
static int clear_stale(const char *path, const struct endpoint *endpoint,
		       char why[LISTEN_WHY_MAX])
{
	struct stat st;
	int error;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : fail_to_make(why, path);
	if (!S_ISSOCK(st.st_mode)) {
		errno = EEXIST;
		text_format(why, LISTEN_WHY_MAX,
			    "there is something that is not a socket; "
			    "move it away or choose another path");
		return -1;
	}
	error = try_connecting(endpoint);
	if (error != ECONNREFUSED) {
		errno = error == EACCES ? EACCES : EADDRINUSE;
		return fail(why, "somebody may be listening there already");
	}
	if (unlink(path) < 0 && errno != ENOENT)
		return fail(why, "cannot remove the stale socket");
	return 0;
}

/* The file exists from bind on, but nobody can connect before listen: mode
 * and owner are right by then. */
static int bind_file(int fd, const struct listen_wish *wish,
		     struct listener *listener, char why[LISTEN_WHY_MAX])
{
	const char *path = listener->path;
	struct stat st;
	mode_t umask_before;
	int result;

	if (clear_stale(path, &listener->endpoint, why) < 0)
		return -1;
	umask_before = umask(~wish->mode & 0777);
	result = bind(fd, (struct sockaddr *)&listener->endpoint.name,
		      listener->endpoint.length);
	umask(umask_before);
	if (result < 0)
		return fail_to_make(why, path);
	if (lstat(path, &st) < 0) {
		fail(why, "cannot look at the socket");
		unlink(path);
		return -1;
	}
	listener->device = st.st_dev;
	listener->inode = st.st_ino;
	if (wish->user == (uid_t)-1 && wish->group == (gid_t)-1)
		return 0;
	if (lchown(path, wish->user, wish->group) < 0)
		return fail(why, "cannot give the socket to its owner");
	return 0;
}

static int bind_here(int fd, const struct listen_wish *wish,
		     struct listener *listener, char why[LISTEN_WHY_MAX])
{
	int on = 1;
	int family = listener->endpoint.name.ss_family;

	if (listener->path[0])
		return bind_file(fd, wish, listener, why);
	if (family != AF_UNIX)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&listener->endpoint.name,
		 listener->endpoint.length) < 0)
		return fail(why, "cannot use this address");
	return 0;
}

static int listen_here(int fd, const struct listen_wish *wish,
		       struct listener *listener, char why[LISTEN_WHY_MAX])
{
	if (bind_here(fd, wish, listener, why) < 0)
		return -1;
	return listen(fd, (int)wish->backlog) < 0 ? fail(why, "listen") : 0;
}

/* Returns 0, or -1 and errno with why. */
static int open_one(const struct listen_wish *wish, struct listener *listener,
		    char why[LISTEN_WHY_MAX])
{
	int family = listener->endpoint.name.ss_family;
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int lock = -1;
	int result;
	int saved;

	if (fd < 0)
		return fail(why, "cannot make a socket");
	listener->fd = fd;
	if (listener->path[0])
		lock = lock_folder(listener->path);
	result = listen_here(fd, wish, listener, why);
	saved = errno;
	if (result < 0) {
		close(fd);
		listen_remove(listener);
	}
	if (lock >= 0)
		close(lock);
	errno = saved;
	/* Port 0 asks the system for one: say which it gave. */
	listener->endpoint.length = sizeof(listener->endpoint.name);
	if (result == 0 && family != AF_UNIX)
		getsockname(fd, (struct sockaddr *)&listener->endpoint.name,
			    &listener->endpoint.length);
	return result;
}

/* Keeps errno. */
static void close_all(const struct listener *list, int count)
{
	int saved = errno;

	while (count > 0) {
		close(list[--count].fd);
		listen_remove(&list[count]);
	}
	errno = saved;
}

/* A machine without IPv6 has a name or a loopback of that family all the
 * same: one family is enough then. */
static bool is_missing_family(int error)
{
	return error == EADDRNOTAVAIL || error == EAFNOSUPPORT;
}

int listen_open(const struct addr *addr, const struct listen_wish *wish,
		struct listener *list, char why[LISTEN_WHY_MAX])
{
	struct endpoint endpoints[ADDR_ENDPOINTS_MAX];
	const char *unknown = "no such host";
	int total = addr_resolve(addr, endpoints, &unknown);
	int count = 0;
	int i;

	if (total == 0) {
		text_format(why, LISTEN_WHY_MAX, "%s", unknown);
		errno = ENOENT;
		return -1;
	}
	for (i = 0; i < total; i++) {
		struct listener *one = &list[count];

		memset(one, 0, sizeof(*one));
		one->endpoint = endpoints[i];
		if (addr->kind == ADDR_UNIX)
			memcpy(one->path, addr->path, sizeof(one->path));
		if (open_one(wish, one, why) == 0) {
			count++;
		} else if (!is_missing_family(errno)) {
			close_all(list, count);
			return -1;
		}
	}
	return count > 0 ? count : -1;
}

void listen_remove(const struct listener *listener)
{
	struct stat st;

	if (listener->path[0] && lstat(listener->path, &st) == 0 &&
	    S_ISSOCK(st.st_mode) && st.st_dev == listener->device &&
	    st.st_ino == listener->inode)
		unlink(listener->path);
}

static bool adopt(struct listener *listener, int fd)
{
	int flags;

	memset(listener, 0, sizeof(*listener));
	if (!listen_is_socket(fd))
		return false;
	flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return false;
	listener->fd = fd;
	listener->endpoint.length = sizeof(listener->endpoint.name);
	return getsockname(fd, (struct sockaddr *)&listener->endpoint.name,
			   &listener->endpoint.length) == 0;
}

static int adopt_systemd(struct listener *list)
{
	const char *pid = getenv("LISTEN_PID");
	const char *fds = getenv("LISTEN_FDS");
	long number = 0;
	long total = 0;
	int count = 0;
	int i;

	if (!pid || !fds || opt_number(pid, 1, 0x7fffffff, &number) < 0 ||
	    number != getpid() || opt_number(fds, 0, LISTENERS_MAX, &total) < 0)
		return 0;
	for (i = 0; i < total; i++) {
		int fd = LISTEN_FDS_FIRST + i;

		if (adopt(&list[count], fd)) {
			fcntl(fd, F_SETFD, FD_CLOEXEC);
			count++;
		}
	}
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	return count;
}

/* Open there it would go on listening when the listener is closed. In an empty
 * root it has to. */
static int leave_standard_input(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int result;

	if (null < 0)
		return 0;
	result = dup2(null, FCGI_LISTENSOCK_FILENO);
	close(null);
	return result;
}

int listen_inherited(struct listener *list)
{
	int count = adopt_systemd(list);

	if (count == 0 && adopt(list, FCGI_LISTENSOCK_FILENO)) {
		/* fd 0 itself becomes every program's stdin: move it. */
		list->fd = fcntl(FCGI_LISTENSOCK_FILENO, F_DUPFD_CLOEXEC, 3);
		count = list->fd >= 0 && leave_standard_input() == 0;
	}
	return count;
}

static int find_user(const char *name, uid_t *user, gid_t *group)
{
	const struct passwd *entry;
	long number;

	if (opt_number(name, 0, 0x7fffffff, &number) == 0) {
		*user = (uid_t)number;
		entry = getpwuid(*user);
		*group = entry ? entry->pw_gid : (gid_t)number;
		return 0;
	}
	entry = getpwnam(name);
	if (!entry)
		return -1;
	*user = entry->pw_uid;
	*group = entry->pw_gid;
	return 0;
}

static int find_group(const char *name, gid_t *group)
{
	const struct group *entry;
	long number;

	if (opt_number(name, 0, 0x7fffffff, &number) == 0) {
		*group = (gid_t)number;
		return 0;
	}
	entry = getgrnam(name);
	if (!entry)
		return -1;
	*group = entry->gr_gid;
	return 0;
}

const char *listen_owner(const char *text, uid_t *user, gid_t *group)
{
	char name[128];
	char *colon;

	if (strlen(text) >= sizeof(name))
		return "the name is too long";
	memcpy(name, text, strlen(text) + 1);
	colon = strchr(name, ':');
	if (colon)
		*colon = '\0';
	if (find_user(name, user, group) < 0)
		return "there is no such user";
	if (colon && find_group(colon + 1, group) < 0)
		return "there is no such group";
	return NULL;
}

const char *listen_mode(const char *text, mode_t *mode)
{
	unsigned long value = 0;
	const char *p;

	for (p = text; *p >= '0' && *p <= '7' && value <= 0777; p++)
		value = value * 8 + (unsigned long)(*p - '0');
	if (p == text || *p || value > 0777)
		return "not an octal mode from 0 to 0777";
	*mode = (mode_t)value;
	return NULL;
}
