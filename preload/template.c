/*
 * template: loaded into a CGI program by LD_PRELOAD, makes a template of it: a
 * process that has done all that comes before a request, and is forked for
 * each. The wrapper's side is wrapper/preload.c, and wrapper/channel.c.
 *
 * A template keeps one child ready. The child is the wrapper's own, as if the
 * wrapper had forked it (CLONE_PARENT), so that its end, its group and its
 * limits are what they always are. It waits on the channel, takes one request
 * and goes on into the program; then the template forks the next one.
 *
 *	template -> wrapper	the pid of the child that is ready; with the
 *				first: a descriptor that becomes readable when a
 *				file that was loaded changes (inotify)
 *	wrapper -> child	struct template_request; folder and fds 0, 1, 2
 *
 * Either side's end is the other's: nothing outlives the wrapper.
 */
#include "template.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

typedef int main_function(int argc, char **argv, char **envp);
#if defined(__GLIBC__) && defined(__powerpc__)
/* What glibc's crt1.o hands over there. */
struct start {
	void *small_data;
	main_function *called;
	void (*init)(void);
	void (*fini)(void);
};

typedef int start_function(int argc, char **argv, char **envp, void *auxiliary,
			   void (*rtld_fini)(void), const struct start *start,
			   char **stack_end);
#else
typedef int start_function(main_function *called, int argc, char **argv,
			   void (*init)(void), void (*fini)(void),
			   void (*rtld_fini)(void), void *stack_end);
#endif

typedef pid_t fork_function(void);

start_function __libc_start_main;

/* Out of the way of programs that count on low numbers. */
#define FIRST_FD 100
#define WATCHED                                                                \
	(IN_MODIFY | IN_ATTRIB | IN_CLOSE_WRITE | IN_MOVE_SELF | IN_DELETE_SELF)

#define HANDLERS_MAX 64
#define SIGNALS_SIZE (NSIG / 8) /* of a set, for the kernel */

extern char **environ;

/* For the preludes: see template.h. */
char *cgi_fcgi_env;
size_t cgi_fcgi_env_length;
int cgi_fcgi_files = -1;

/* Where programs name their dynamic loader, the wrapper reads which C library
 * this is for. */
__attribute__((section(".interp"), used)) static const char c_library[] =
#ifdef __GLIBC__
	TEMPLATE_GLIBC;
#else
	TEMPLATE_MUSL;
#endif

static int channel = -1;
static int taken = -1;	/* the child says so */
static int unread = -1; /* what is printed while the program is loaded */
static bool later;	/* a prelude is run, which says when to wait */
static main_function *real_main;
static fork_function *real_fork;
static struct timespec begun;

/* The system's calls are made by their number: where the program has a function
 * of that name, the C library's is not the one that is found, and the program's
 * may count on a main() that has not run. cgit's write(2) does. */
#define CALL(name, ...) syscall(SYS_##name, __VA_ARGS__)

static _Noreturn void give_up(const char *why)
{
	char line[512];

	snprintf(line, sizeof(line),
		 "cgi-fcgi: %s: cannot be preloaded: %s: %s\n",
		 program_invocation_name, why, strerror(errno));
	CALL(write, STDERR_FILENO, line, strlen(line));
	_exit(1);
}

/* --- Environments */

/* Room for a request and for the list of its variables, each of which has two
 * bytes at least. Pages that nobody has touched cost a fork nothing. */
static struct template_request *make_room(void)
{
	size_t list = (TEMPLATE_ENV_MAX / 2 + 2) * sizeof(char *);
	struct template_request *request = malloc(sizeof(*request) + list);

	if (!request)
		give_up("memory");
	return request;
}

/* The list of a text's variables stands behind it. */
static char **list_of(char *text, size_t length)
{
	size_t used = (size_t)(uintptr_t)text + length;
	size_t gap = -used % sizeof(char *);
	char **list = (char **)(void *)(text + length + gap);
	size_t count = 0;
	size_t i;

	for (i = 0; i < length; i += strlen(text + i) + 1)
		list[count++] = text + i;
	list[count] = NULL;
	return list;
}

/* --- What constructors do to the environment, which is another one for each
 * request */

static struct change {
	const char *name;
	const char *value; /* NULL: removed */
	bool had;	   /* there was one before */
} * changes_made;
static size_t changes_count;

static size_t length_of(char **list)
{
	size_t count = 0;

	while (list && list[count])
		count++;
	return count;
}

/* What the kernel gave: libraries' constructors, which glibc runs before
 * anything of ours is called, may have changed the list in place. Returns its
 * length; 0 without /proc: then nothing is known of changes. */
static size_t read_given(struct template_request *room)
{
	int fd = (int)CALL(openat, AT_FDCWD, "/proc/self/environ",
			   O_RDONLY | O_CLOEXEC);
	long n = fd < 0 ? 0 : CALL(read, fd, room->env, sizeof(room->env));

	if (fd >= 0)
		CALL(close, fd);
	/* A part would look as if the rest were new. */
	return n > 0 && n < (long)sizeof(room->env) ? (size_t)n : 0;
}

/* The variable of a list that has the name of this one, or NULL. */
static const char *same_name(char **list, const char *variable)
{
	size_t length = strcspn(variable, "=");

	for (; list && *list; list++)
		if (strncmp(*list, variable, length) == 0 &&
		    (*list)[length] == '=')
			return *list;
	return NULL;
}

static void note_change(const char *variable, bool removed, bool had)
{
	struct change *change = &changes_made[changes_count++];
	size_t length = strcspn(variable, "=");

	change->name = strndup(variable, length);
	if (!change->name)
		give_up("environment");
	change->value = removed ? NULL : variable + length + 1;
	change->had = had;
}

static void compare(char **given)
{
	char **at;

	changes_made = calloc(length_of(given) + length_of(environ) + 1,
			      sizeof(*changes_made));
	if (!changes_made)
		give_up("environment");
	for (at = given; *at; at++)
		if (!same_name(environ, *at))
			note_change(*at, true, true);
	for (at = environ; at && *at; at++) {
		const char *before = same_name(given, *at);

		if (!before || strcmp(before, *at) != 0)
			note_change(*at, false, before != NULL);
	}
}

static void note_changes(void)
{
	struct template_request *room = make_room();
	size_t length = read_given(room);

	if (length > 0)
		compare(list_of(room->env, length));
	free(room);
}

/* What was not there may have been set because it was not: a variable of the
 * request's own stays. */
static void repeat_changes(void)
{
	size_t i;

	for (i = 0; i < changes_count; i++) {
		const struct change *change = &changes_made[i];

		if (change->value)
			setenv(change->name, change->value, change->had);
		else
			unsetenv(change->name);
	}
}

/* --- What was loaded, and whether it changes */

static void watch_file(int changes, const char *path)
{
	struct stat st;

	if (CALL(inotify_add_watch, changes, path, WATCHED) < 0)
		return;
	/* Between its loading and this it may have changed already. */
	if (stat(path, &st) == 0 && (st.st_ctim.tv_sec > begun.tv_sec ||
				     (st.st_ctim.tv_sec == begun.tv_sec &&
				      st.st_ctim.tv_nsec > begun.tv_nsec))) {
		errno = 0;
		give_up("it changes just now");
	}
}

static void watch_maps(int changes)
{
	char line[PATH_MAX + 128];
	char last[sizeof(line)] = "";
	FILE *maps = fopen("/proc/self/maps", "re");

	if (!maps)
		return;
	while (fgets(line, sizeof(line), maps)) {
		char *path = strchr(line, '/');

		if (!path)
			continue;
		path[strcspn(path, "\n")] = '\0';
		if (strcmp(path, last) != 0)
			watch_file(changes, path);
		memcpy(last, path, strlen(path) + 1);
	}
	fclose(maps);
}

/* What a prelude has listed: paths, each on a line. */
static void watch_list(int changes)
{
	char line[PATH_MAX + 1];
	FILE *list;

	if (cgi_fcgi_files < 0 || CALL(lseek, cgi_fcgi_files, 0, SEEK_SET) < 0)
		return;
	list = fdopen(cgi_fcgi_files, "r");
	if (!list)
		return;
	while (fgets(line, sizeof(line), list)) {
		line[strcspn(line, "\n")] = '\0';
		watch_file(changes, line);
	}
	fclose(list);
	cgi_fcgi_files = -1;
}

static int watch_files(void)
{
	int changes = (int)CALL(inotify_init1, IN_CLOEXEC | IN_NONBLOCK);

	if (changes < 0)
		give_up("inotify");
	watch_maps(changes);
	watch_list(changes);
	return changes;
}

/* --- What libraries want done at a fork (pthread_atfork(3)): they take their
 * locks, and make new secrets. The C library itself does it in fork(3) alone.
 */

typedef void handler_function(void);

static struct handlers {
	handler_function *prepare, *parent, *child;
} handlers[HANDLERS_MAX];
static int handlers_count;

static void note_handlers(handler_function *prepare, handler_function *parent,
			  handler_function *child)
{
	if (handlers_count < HANDLERS_MAX)
		handlers[handlers_count] =
			(struct handlers){prepare, parent, child};
	handlers_count++;
}

#ifdef __GLIBC__
typedef int register_function(handler_function *prepare,
			      handler_function *parent, handler_function *child,
			      void *library);

register_function __register_atfork;

/* What pthread_atfork(3) calls. */
int __register_atfork(handler_function *prepare, handler_function *parent,
		      handler_function *child, void *library)
{
	register_function *real;
	void *symbol = dlsym(RTLD_NEXT, "__register_atfork");

	memcpy(&real, &symbol, sizeof(real));
	note_handlers(prepare, parent, child);
	return real ? real(prepare, parent, child, library) : ENOSYS;
}
#else
typedef int register_function(handler_function *prepare,
			      handler_function *parent,
			      handler_function *child);

register_function pthread_atfork;

int pthread_atfork(handler_function *prepare, handler_function *parent,
		   handler_function *child)
{
	register_function *real;
	void *symbol = dlsym(RTLD_NEXT, "pthread_atfork");

	memcpy(&real, &symbol, sizeof(real));
	note_handlers(prepare, parent, child);
	return real ? real(prepare, parent, child) : ENOSYS;
}
#endif

static void call(handler_function *handler)
{
	void *address;
	Dl_info info;

	memcpy(&address, &handler, sizeof(address));
	/* Its library may have been closed. */
	if (handler && dladdr(address, &info))
		handler();
}

static void refuse_many_handlers(void)
{
	if (handlers_count > HANDLERS_MAX) {
		errno = 0;
		give_up("too many handlers of forks");
	}
}

/* --- The template */

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

/* fork(2), but the child is a child of our parent; *ended becomes readable when
 * it has ended. The C library is to know the child's id, and the kernel what it
 * was told to clear at a thread's end. */
static pid_t clone_sibling(int *ended)
{
	long flags = CLONE_PARENT | CLONE_PIDFD | CLONE_CHILD_SETTID |
		     CLONE_CHILD_CLEARTID | SIGCHLD;
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
		/* The last but one and the last are where the id is written to
		 * and what a new thread calls its own, which nobody has asked
		 * for, or the other way round: that depends on the machine. */
#ifdef __s390__
	pid = CALL(clone, NULL, flags, ended, id, id);
#else
	pid = CALL(clone, flags, NULL, ended, id, id);
#endif
	/* What the child is returned depends on the machine, too (SPARC). */
	if (*id != own)
		pid = 0;
	if (pid == 0 && id != cleared)
		CALL(set_tid_address, cleared);
	return (pid_t)pid;
}

static pid_t fork_sibling(int *ended)
{
	pid_t pid;
	int i;

	for (i = handlers_count - 1; i >= 0; i--)
		call(handlers[i].prepare);
	pid = clone_sibling(ended);
	for (i = 0; i < handlers_count; i++)
		call(pid == 0 ? handlers[i].child : handlers[i].parent);
	return pid;
}

static int announce(pid_t pid, int changes)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {.bytes = {0}};
	struct iovec part = {&pid, sizeof(pid)};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};

	if (changes >= 0) {
		message.msg_control = &control;
		message.msg_controllen = sizeof(control);
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.header), &changes, sizeof(int));
	}
	return CALL(sendmsg, channel, &message, MSG_NOSIGNAL) < 0 ? -1 : 0;
}

/* --- The child. Each page that it writes costs a page fault, and so does each
 * 64 KiB of a library that it enters: unless there are changes to repeat it
 * asks for no memory, writes to no variable and calls few functions. */

static int open_files[FIRST_FD];
static int open_count;

static void note_files(void)
{
	struct stat st;
	int fd;

	for (fd = 3; fd < FIRST_FD; fd++)
		if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
			open_files[open_count++] = fd;
}

/* A file that the template has open has one offset for all of its children,
 * unless each opens it anew. */
static void own_file(int fd)
{
	char path[40];
	int flags = (int)CALL(fcntl, fd, F_GETFL);
	int own;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	own = flags < 0 ? -1
			: (int)CALL(openat, AT_FDCWD, path, flags | O_CLOEXEC);
	if (own < 0)
		return;
	CALL(lseek, own, CALL(lseek, fd, 0, SEEK_CUR), SEEK_SET);
	CALL(dup3, own, fd,
	     CALL(fcntl, fd, F_GETFD) & FD_CLOEXEC ? O_CLOEXEC : 0);
	CALL(close, own);
}

static void set_environment(char *text, size_t length)
{
	char **list = list_of(text, length);
	size_t count = 0;

	environ = list;
	if (!later) {
		repeat_changes();
		return;
	}
	cgi_fcgi_env = text;
	cgi_fcgi_env_length = length;
	while (list[count])
		count++;
	/* Interpreters that have begun may free all of it, one by one. */
	environ = calloc(count + 1, sizeof(*environ));
	if (!environ)
		give_up("environment");
	while (count-- > 0) {
		environ[count] = strdup(list[count]);
		if (!environ[count])
			give_up("environment");
	}
}

/* Returns the length of what came and fills fds, or returns 0: it was meant
 * for a child that has died before. The process ends if none can come. */
static size_t receive(struct template_request *request, int fds[TEMPLATE_FDS])
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(TEMPLATE_FDS * sizeof(int))];
	} control;
	struct iovec part = {request, sizeof(*request)};
	struct msghdr message = {.msg_iov = &part,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof(control)};
	ssize_t n;
	int i;

	do
		n = CALL(recvmsg, channel, &message, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < (ssize_t)offsetof(struct template_request, env) ||
	    !CMSG_FIRSTHDR(&message) ||
	    control.header.cmsg_len != CMSG_LEN(TEMPLATE_FDS * sizeof(int)))
		_exit(0);
	memcpy(fds, CMSG_DATA(&control.header), TEMPLATE_FDS * sizeof(int));
	if (request->pid == (pid_t)syscall(SYS_getpid))
		return (size_t)n;
	for (i = 0; i < TEMPLATE_FDS; i++)
		CALL(close, fds[i]);
	return 0;
}

static void enter_world(int fds[TEMPLATE_FDS])
{
	const sigset_t none = {{0}};
	int i;

	if (CALL(fchdir, fds[0]) < 0)
		give_up("folder");
	for (i = 1; i < TEMPLATE_FDS; i++)
		if (CALL(dup3, fds[i], i - 1, 0) < 0)
			give_up("descriptors");
	for (i = 0; i < TEMPLATE_FDS; i++)
		CALL(close, fds[i]);
	for (i = 0; i < open_count; i++)
		own_file(open_files[i]);
	CALL(prctl, PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
	CALL(rt_sigprocmask, SIG_SETMASK, &none, NULL, SIGNALS_SIZE);
}

static void take_request(struct template_request *request)
{
	const uint64_t one = 1;
	int fds[TEMPLATE_FDS];
	size_t length;

	do
		length = receive(request, fds);
	while (length == 0);
	/* From here on the template makes the next one. */
	if (CALL(write, taken, &one, sizeof(one)) != (long)sizeof(one))
		_exit(1);
	CALL(close, taken);
	CALL(close, channel);
	if (unread >= 0)
		CALL(close, unread);
	set_environment(request->env,
			length - offsetof(struct template_request, env));
	enter_world(fds);
}

static void refuse_threads(void)
{
	struct stat st;

	/* One link for each thread, and two more. */
	if (stat("/proc/self/task", &st) == 0 && st.st_nlink > 3) {
		errno = 0;
		give_up("it has started threads");
	}
}

/* Until the child has its request, or has been ended before that. */
static void wait_for_child(int ended)
{
	struct pollfd fds[] = {{.fd = taken, .events = POLLIN},
			       {.fd = ended, .events = POLLIN},
			       {.fd = channel, .events = 0}};
	uint64_t times;

	while (CALL(ppoll, fds, 3, NULL, NULL, 0) < 0 && errno == EINTR)
		;
	if (fds[2].revents ||
	    (fds[0].revents && CALL(read, taken, &times, sizeof(times)) < 0))
		_exit(0);
	CALL(close, ended);
}

void cgi_fcgi_wait(void)
{
	int changes = watch_files();
	struct template_request *request = make_room();

	refuse_threads();
	refuse_many_handlers();
	note_files();
	taken = (int)CALL(eventfd2, 0, EFD_CLOEXEC);
	if (taken < 0)
		give_up("eventfd");
	for (;;) {
		int ended = -1;
		pid_t pid = fork_sibling(&ended);

		if (pid < 0)
			give_up("fork");
		if (pid == 0) {
			if (changes >= 0)
				CALL(close, changes);
			take_request(request);
			errno = 0;
			return;
		}
		if (announce(pid, changes) < 0)
			_exit(0);
		if (changes >= 0)
			CALL(close, changes);
		changes = -1;
		wait_for_child(ended);
	}
}

/* Whether a prelude waits to be forked: see template.h. */
static bool is_listed(void)
{
	struct stat st;

	return taken < 0 && cgi_fcgi_files >= 0 &&
	       fstat(cgi_fcgi_files, &st) == 0 && st.st_size > 0;
}

static void find_fork(void)
{
	void *symbol = dlsym(RTLD_NEXT, "fork");

	memcpy(&real_fork, &symbol, sizeof(real_fork));
}

/* What the program itself calls. */
pid_t fork(void)
{
	if (is_listed()) {
		cgi_fcgi_wait();
		return 0;
	}
	/* Before main. */
	if (!real_fork)
		find_fork();
	return real_fork();
}

/* --- In between */

static int out_of_the_way(int fd)
{
	long high = CALL(fcntl, fd, F_DUPFD_CLOEXEC, FIRST_FD);

	/* There may not be so many. */
	return (int)(high >= 0 ? high : CALL(fcntl, fd, F_DUPFD_CLOEXEC, 3));
}

/* Interpreters remember what they have found their stdin and stdout to be: it
 * must be pipes as later on, in which nobody can seek. */
static void open_pipes(void)
{
	int in[2];
	int out[2];

	if (CALL(pipe2, in, O_CLOEXEC) < 0 ||
	    CALL(pipe2, out, O_CLOEXEC | O_NONBLOCK) < 0 ||
	    CALL(dup3, in[0], STDIN_FILENO, 0) < 0 ||
	    CALL(dup3, out[1], STDOUT_FILENO, 0) < 0)
		give_up("pipes");
	unread = out_of_the_way(out[0]);
	CALL(close, in[0]);
	CALL(close, in[1]);
	CALL(close, out[0]);
	CALL(close, out[1]);
}

static void open_channel(void)
{
	int null =
		(int)CALL(openat, AT_FDCWD, "/dev/null", O_RDONLY | O_CLOEXEC);

	channel = out_of_the_way(STDIN_FILENO);
	if (null < 0 || channel < 0 || CALL(dup3, null, STDIN_FILENO, 0) < 0)
		give_up("descriptors");
	CALL(close, null);
	clock_gettime(CLOCK_REALTIME, &begun);
}

static int template_main(int argc, char **argv, char **envp)
{
	const char *mode = getenv(TEMPLATE_VARIABLE);

	later = mode && strcmp(mode, TEMPLATE_LATER) == 0;
	if (!later)
		note_changes();
	/* What it starts itself is nothing of ours. */
	unsetenv("LD_PRELOAD");
	unsetenv("LD_BIND_NOW");
	unsetenv(TEMPLATE_VARIABLE);
	/* Later it may be called where nothing can be looked up (fork(2) is
	 * async-signal-safe). */
	find_fork();
	open_channel();
	if (later) {
		open_pipes();
		cgi_fcgi_files =
			(int)CALL(memfd_create, "cgi_fcgi_files", MFD_CLOEXEC);
		return real_main(argc, argv, envp);
	}
	cgi_fcgi_wait();
	return real_main(argc, argv, environ);
}

/* What the program's main is to be. */
static main_function *replace(main_function *called)
{
	real_main = called;
	return getenv(TEMPLATE_VARIABLE) ? template_main : called;
}

static start_function *find_start(void)
{
	start_function *real;
	void *symbol = dlsym(RTLD_NEXT, TEMPLATE_BEGIN);

	memcpy(&real, &symbol, sizeof(real));
	return real;
}

/* What every dynamically linked program calls first (crt1.o): the wrapper looks
 * for the name in its file. */
#if defined(__GLIBC__) && defined(__powerpc__)
int __libc_start_main(int argc, char **argv, char **envp, void *auxiliary,
		      void (*rtld_fini)(void), const struct start *start,
		      char **stack_end)
{
	struct start ours = *start;

	ours.called = replace(ours.called);
	return find_start()(argc, argv, envp, auxiliary, rtld_fini, &ours,
			    stack_end);
}
#else
int __libc_start_main(main_function *called, int argc, char **argv,
		      void (*init)(void), void (*fini)(void),
		      void (*rtld_fini)(void), void *stack_end)
{
	return find_start()(replace(called), argc, argv, init, fini, rtld_fini,
			    stack_end);
}
#endif
