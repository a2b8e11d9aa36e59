/*
 * preload: templates, and requests on their way into them.
 */
#include "preload.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "template.h"
#include "child.h"
#include "image.h"
#include "log.h"
#include "loop.h"
#include "settings.h"
#include "shared.h"
#include "text.h"

#define OFTEN	  3	/* `-preload all`: the request that makes a template */
#define START_MS  30000 /* to get ready; meanwhile it is started as always */
#define READY_MS  50	/* for the next child, when many ask at once */
#define ENV_WORDS (SETTINGS_LIST_MAX + 5)

struct template
{
	struct template *next;
	char *path;	     /* the program's, resolved; owned */
	const char *handler; /* what runs it, or NULL */
	struct stat file;
	struct watch channel; /* -1: there is none now */
	struct timer patience;
	pid_t pid;
	pid_t ready; /* its child that waits for a request */
	int changes; /* becomes readable when a file that it loaded changes */
	int64_t made_ms;
	long asked;
	long given;  /* requests, since it was made */
	bool ended;  /* its process */
	bool served; /* has been ready at least once */
	bool failed; /* not to be tried again before the program changes */
};

static struct template *templates; /* the last used first */
static int count;
static struct timers patience;
static int null_fd = -1;
static bool able;

static void put_status(struct template *template)
{
	int i;

	for (i = 0; i < TEMPLATES_MAX; i++)
		if (mine->template[i] == template->pid)
			mine->template[i] = 0;
	for (i = 0; i < TEMPLATES_MAX && template->channel.fd >= 0; i++)
		if (mine->template[i] == 0) {
			mine->template[i] = template->pid;
			return;
		}
}

/* Its end is the end of its child that waits, too. */
static void shut(struct template *template)
{
	if (template->channel.fd < 0)
		return;
	timer_stop(&template->patience);
	loop_shut(&template->channel);
	put_status(template);
	if (template->changes >= 0)
		close(template->changes);
	template->changes = -1;
	template->ready = 0;
	if (!template->ended && template->pid > 0)
		kill(-template->pid, SIGKILL);
}

static void fail(struct template *template, const char *why)
{
	note("%s: is not preloaded: %s", template->path, why);
	template->failed = true;
	shut(template);
}

/* Keeps the first descriptor of all, if the message is a good one. */
static void take_descriptors(struct template *template, struct msghdr *message,
			     bool good)
{
	struct cmsghdr *header = CMSG_FIRSTHDR(message);
	size_t n, i;
	int fd;

	if (!header || header->cmsg_level != SOL_SOCKET ||
	    header->cmsg_type != SCM_RIGHTS)
		return;
	n = (header->cmsg_len - CMSG_LEN(0)) / sizeof(fd);
	for (i = 0; i < n; i++) {
		memcpy(&fd, CMSG_DATA(header) + i * sizeof(fd), sizeof(fd));
		if (good && template->changes < 0)
			template->changes = fd;
		else
			close(fd);
	}
}

/*
 * The pid of a child that is ready; with the first a descriptor. Returns what
 * recvmsg(2) does, or 0. What is loaded into a template is its program's, and
 * may tell lies: a pid that is not of its group is none, and the descriptor is
 * never read.
 */
static ssize_t receive(struct template *template)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	pid_t pid = 0;
	struct iovec part = {&pid, sizeof(pid)};
	struct msghdr message = {.msg_iov = &part,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof(control)};
	ssize_t n = recvmsg(template->channel.fd, &message,
			    MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (n < 0)
		return n;
	if (n != (ssize_t)sizeof(pid) || getpgid(pid) != template->pid)
		n = 0;
	if (n > 0) {
		template->ready = pid;
		timer_stop(&template->patience);
	}
	take_descriptors(template, &message, n > 0);
	return n;
}

/* Of a template that does not work any more. */
static void close_channel(struct template *template)
{
	if (template->served)
		shut(template);
	else
		fail(template, "it ended before it was ready");
}

static bool is_no_failure(ssize_t n)
{
	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

/* It is ready for the first time. From now on who asks looks: to be told of
 * each child would cost a turn of the loop. */
static void channel_ready(struct watch *watch, unsigned events)
{
	struct template *template = LOOP_OWNER(watch, struct template, channel);
	ssize_t n = receive(template);

	(void)events;
	if (n > 0) {
		template->served = true;
		loop_remove(watch);
	} else if (!is_no_failure(n)) {
		close_channel(template);
	}
}

static void patience_is_over(struct timer *timer)
{
	struct template *template =
		LOOP_OWNER(timer, struct template, patience);

	if (receive(template) <= 0)
		fail(template, "it does not get ready");
}

/* A process that nobody has asked for has ended. */
static void stranger_ended(pid_t pid)
{
	struct template *template;

	for (template = templates; template; template = template->next) {
		if (template->channel.fd < 0)
			continue;
		template->ended = template->pid == pid;
		if (template->ended || template->ready == pid)
			close_channel(template);
	}
}

static bool is_wanted(const char *path)
{
	int i;

	for (i = 0; i < set.preload.count; i++)
		if (strcmp(set.preload.word[i], path) == 0)
			return true;
	return false;
}

static void forget_last(void)
{
	struct template **at = &templates;
	struct template *last;

	while (*at && (*at)->next)
		at = &(*at)->next;
	last = *at;
	if (!last)
		return;
	*at = NULL;
	count--;
	shut(last);
	free(last->path);
	loop_free(last);
}

static struct template *make(const char *path)
{
	struct template *template;

	if (!is_wanted(path) && !is_wanted("all"))
		return NULL;
	template = calloc(1, sizeof(*template));
	if (template)
		template->path = strdup(path);
	if (!template || !template->path) {
		free(template);
		return NULL;
	}
	template->channel.fd = template->changes = -1;
	template->channel.ready = channel_ready;
	template->patience.expired = patience_is_over;
	template->asked = is_wanted(path) ? OFTEN : 0;
	if (++count > TEMPLATES_MAX)
		forget_last();
	return template;
}

/* By another name, a symbolic link's, a file may have another -handler. */
static const char *handler_of(const struct program *program)
{
	return program->words[1] ? program->exec : NULL;
}

static bool is_of(const struct template *template,
		  const struct program *program)
{
	return template->handler == handler_of(program) &&
	       strcmp(template->path, program->path) == 0;
}

/* The template of a program, moved to the front. */
static struct template *find(const struct program *program)
{
	struct template **at = &templates;
	struct template *template;

	while (*at && !is_of(*at, program))
		at = &(*at)->next;
	template = *at;
	if (template)
		*at = template->next;
	else
		template = make(program->path);
	if (template) {
		template->handler = handler_of(program);
		template->next = templates;
		templates = template;
	}
	return template;
}

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev &&
	       a->st_size == b->st_size && a->st_mode == b->st_mode &&
	       a->st_uid == b->st_uid && a->st_gid == b->st_gid &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	       a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
	       a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* Whether the program's file, or one that was loaded, has changed. */
static bool has_changed(struct template *template,
			const struct program *program)
{
	struct pollfd changes = {.fd = template->changes, .events = POLLIN};
	struct stat st;

	if (fstatat(program->folder, program->local, &st, 0) < 0)
		return true;
	if (is_same(&st, &template->file))
		return template->changes >= 0 && poll(&changes, 1, 0) != 0;
	template->file = st;
	template->failed = false;
	return true;
}

/* Whether it has done what it was made for. */
static bool is_worn(const struct template *template)
{
	return (set.preload_max && template->given >= set.preload_max) ||
	       (set.preload_ms &&
		loop_now() - template->made_ms >= set.preload_ms);
}

/* What constructors, BEGIN blocks and imports see. */
static void fill_environment(char *list[ENV_WORDS], bool later)
{
	static char load[PATH_MAX + 32];
	static char path[PATH_MAX];
	const char *own_path = getenv("PATH");
	int n = 0;
	int i;

	text_format(load, sizeof(load), "LD_PRELOAD=%s", image_template());
	text_format(path, sizeof(path), "PATH=%s", own_path ? own_path : "");
	list[n++] = load;
	/* Once for all of them, not once in each. */
	list[n++] = (char *)(size_t) "LD_BIND_NOW=1";
	list[n++] =
		(char *)(size_t)(later ? TEMPLATE_VARIABLE "=" TEMPLATE_LATER
				       : TEMPLATE_VARIABLE "=" TEMPLATE_NOW);
	if (own_path)
		list[n++] = path;
	for (i = 0; i < set.env.count; i++)
		list[n++] = (char *)(size_t)set.env.word[i];
	list[n] = NULL;
}

static int start_process(struct template *template, const struct image *image,
			 const struct spawn *like, int theirs)
{
	char *environment[ENV_WORDS];
	struct spawn spawn = *like;

	fill_environment(environment, image->later);
	spawn.path = image->words[0];
	spawn.argv = image->words;
	spawn.envp = environment;
	spawn.files[0] = theirs;
	spawn.files[1] = null_fd;
	spawn.files[2] = log_descriptor() >= 0 ? log_descriptor() : null_fd;
	template->pid = spawn_start(&spawn);
	if (template->pid < 0) {
		errno = spawn.error;
		return -1;
	}
	return 0;
}

static void start_template(struct template *template, struct program *program,
			   const struct spawn *spawn)
{
	struct image image;
	int ends[2];
	int result;

	if (image_of(&image, program->folder, spawn->path, spawn->argv) < 0) {
		fail(template, image.why);
		return;
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return;
	result = start_process(template, &image, spawn, ends[1]);
	close(ends[1]);
	template->channel.fd = ends[0];
	template->served = template->ended = false;
	template->made_ms = loop_now();
	template->given = 0;
	timer_start(&patience, &template->patience);
	if (result == 0)
		put_status(template);
	if (result < 0 || loop_add(&template->channel, LOOP_IN) < 0)
		fail(template, strerror(errno));
}

/* A program that is named is made a template of before it is asked for. */
static void start_named(const char *path)
{
	struct program program = {.folder = -1};
	struct template *template = NULL;

	if (program_named(&program, path) == 0)
		template = find(&program);
	/* Two of the names may be one program's. */
	if (template && template->channel.fd < 0) {
		struct spawn spawn = {.path = program.exec,
				      .argv = program.argv,
				      .folder = program.folder,
				      .change_owner = set.as_owner > 0,
				      .uid = program.uid,
				      .gid = program.gid};

		has_changed(template, &program);
		start_template(template, &program, &spawn);
	}
	program_free(&program);
}

int preload_init(void)
{
	int i;

	if (set.preload.count == 0)
		return 0;
	timers_init(&patience, START_MS);
	child_mind_strangers(stranger_ended);
	null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null_fd >= 0 && image_init() == 0) {
		able = true;
		for (i = 0; i < set.preload.count; i++)
			if (strcmp(set.preload.word[i], "all") != 0)
				start_named(set.preload.word[i]);
		return 0;
	}
	note("-preload: template.so is not found beside the command or in "
	     "../lib/cgi-fcgi: nothing is preloaded");
	return -1;
}

/* One that was late once is not waited for until it is ready again. */
static bool wait_for_child(struct template *template)
{
	struct pollfd one = {.fd = template->channel.fd, .events = POLLIN};
	bool late = template->patience.next;
	ssize_t n;

	if (template->ready || !template->served)
		return template->ready != 0;
	n = receive(template);
	if (n < 0 && errno == EAGAIN && !late && poll(&one, 1, READY_MS) > 0)
		n = receive(template);
	if (n > 0)
		return true;
	if (!is_no_failure(n))
		shut(template);
	else if (!late)
		timer_start(&patience, &template->patience);
	return false;
}

/* Returns the length of the message, or 0 if it is too long. */
static size_t write_request(struct template_request *request,
			    char *const *environment)
{
	size_t used = 0;

	for (; *environment; environment++) {
		size_t size = strlen(*environment) + 1;

		if (size > sizeof(request->env) - used)
			return 0;
		memcpy(request->env + used, *environment, size);
		used += size;
	}
	return offsetof(struct template_request, env) + used;
}

static int send_request(struct template *template, const struct spawn *spawn)
{
	static struct template_request request;
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(TEMPLATE_FDS * sizeof(int))];
	} control = {
		.header = {.cmsg_level = SOL_SOCKET,
			   .cmsg_type = SCM_RIGHTS,
			   .cmsg_len = CMSG_LEN(TEMPLATE_FDS * sizeof(int))}};
	struct iovec part = {&request, write_request(&request, spawn->envp)};
	struct msghdr message = {.msg_iov = &part,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof(control)};
	int fds[TEMPLATE_FDS] = {spawn->folder, spawn->files[0],
				 spawn->files[1], spawn->files[2]};
	int i;

	if (part.iov_len == 0)
		return 0;
	/* The pipes are its owner's too: see spawn. */
	for (i = 1; spawn->change_owner && i < TEMPLATE_FDS; i++)
		if (fchown(fds[i], spawn->uid, spawn->gid) < 0)
			return 0;
	memcpy(CMSG_DATA(&control.header), fds, sizeof(fds));
	request.pid = template->ready;
	/* Before it can do anything that must be ended with it; and nobody
	 * but a child of ours can be put into a group. */
	if (setpgid(template->ready, template->ready) < 0)
		return -1;
	return sendmsg(template->channel.fd, &message,
		       MSG_DONTWAIT | MSG_NOSIGNAL) < 0
		       ? -1
		       : 1;
}

pid_t preload_start(struct program *program, const struct spawn *spawn)
{
	struct template *template;
	pid_t pid;

	if (!able || spawn->folder < 0)
		return 0;
	template = find(program);
	if (!template)
		return 0;
	if (has_changed(template, program) || is_worn(template))
		shut(template);
	if (template->channel.fd < 0) {
		if (!template->failed && ++template->asked >= OFTEN)
			start_template(template, program, spawn);
		return 0;
	}
	if (!wait_for_child(template))
		return 0;
	pid = template->ready;
	switch (send_request(template, spawn)) {
	case 0:
		return 0;
	case 1:
		template->ready = 0;
		template->given++;
		shared->preloaded++;
		return pid;
	default:
		shut(template);
		return 0;
	}
}

void preload_end(void)
{
	struct template *template;

	for (template = templates; template; template = template->next)
		shut(template);
}
