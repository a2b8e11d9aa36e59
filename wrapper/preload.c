/*
 * preload: the table of templates: made for a program, kept while neither it
 * nor what it has loaded changes, asked for a child that waits.
 */
#include "preload.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "channel.h"
#include "child.h"
#include "env.h"
#include "image.h"
#include "log.h"
#include "loop.h"
#include "prelude.h"
#include "settings.h"
#include "shared.h"
#include "template.h"
#include "text.h"

#define OFTEN	 3     /* `-preload all`: the request that makes a template */
#define START_MS 30000 /* to get ready; meanwhile it is started as always */
#define READY_MS 50    /* for the next child, when many ask at once */
#define IDLE_MS	 1     /* until a child is made that nobody waits for */
#define KEPT	 4     /* children of a template that wait for requests */

/* A child that waits for a request. */
struct spare {
	int socket; /* on which it waits */
	pid_t pid;
};

struct template
{
	struct template *next;
	char *path;	     /* the program's, resolved; owned */
	const char *handler; /* what runs it, or NULL */
	struct stat file;
	struct watch channel; /* -1: there is none now */
	struct timer patience;
	struct timer idle;
	struct spare kept[KEPT]; /* the oldest first */
	int spares;		 /* of them: asked for */
	int ready;		 /* of those: there, with a pid */
	pid_t pid;
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
static struct timers idle;
static int null_fd = -1;
static bool able;

/* Its pid is in the shared numbers, for the status page, while it has a
 * channel. */
static void publish(const struct template *template)
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

static void drop_first(struct template *template)
{
	struct spare *kept = template->kept;

	close(kept->socket);
	memmove(kept, kept + 1, (KEPT - 1) * sizeof(*kept));
	template->spares--;
	if (template->ready)
		template->ready--;
}

/* Its end is the end of its children that wait, too. */
static void shut(struct template *template)
{
	if (template->channel.fd < 0)
		return;
	timer_stop(&template->patience);
	timer_stop(&template->idle);
	loop_shut(&template->channel);
	while (template->spares)
		drop_first(template);
	publish(template);
	if (template->changes >= 0)
		close(template->changes);
	template->changes = -1;
	if (!template->ended && template->pid > 0)
		kill(-template->pid, SIGKILL);
}

static void fail(struct template *template, const char *why)
{
	note("%s: is not preloaded: %s", template->path, why);
	template->failed = true;
	shut(template);
}

/* As channel_receive. Children come in the order in which they were asked for,
 * and for the one that has come nobody needs to wait. */
static ssize_t receive(struct template *template)
{
	pid_t pid;
	ssize_t n = channel_receive(template->channel.fd, template->pid, &pid,
				    &template->changes);

	if (n <= 0)
		return n;
	template->served = true;
	/* Where no descriptor was left for it no change would be seen. */
	if (template->ready == template->spares || template->changes < 0)
		return 0;
	template->kept[template->ready++].pid = pid;
	timer_stop(&template->patience);
	return n;
}

/* Asks for as many children as are kept. */
static void ask(struct template *template)
{
	timer_stop(&template->idle);
	while (template->spares < KEPT) {
		int socket = channel_ask(template->channel.fd);

		if (socket < 0)
			return;
		template->kept[template->spares++].socket = socket;
	}
}

static void is_idle(struct timer *timer)
{
	ask(LOOP_OWNER(timer, struct template, idle));
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
	if (n > 0)
		loop_remove(watch);
	else if (!is_no_failure(n))
		close_channel(template);
}

static void patience_is_over(struct timer *timer)
{
	struct template *template =
		LOOP_OWNER(timer, struct template, patience);

	if (receive(template) <= 0)
		fail(template, "it does not get ready");
}

static bool waits(const struct template *template, pid_t pid)
{
	int i;

	for (i = 0; i < template->ready; i++)
		if (template->kept[i].pid == pid)
			return true;
	return false;
}

/* A process that nobody has asked for has ended. */
static void stranger_ended(pid_t pid)
{
	struct template *template;

	for (template = templates; template; template = template->next) {
		if (template->channel.fd < 0)
			continue;
		template->ended = template->pid == pid;
		if (template->ended || waits(template, pid))
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
	template->idle.expired = is_idle;
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

/* A template runs a script's interpreter: that the script itself may be run is
 * for the kernel to say when it is started, and for us here. */
static bool may_run(const struct template *template,
		    const struct program *program)
{
	if (template->handler)
		return true;
	if (set.as_owner && !(template->file.st_mode & S_IXUSR))
		return false;
	return faccessat(program->folder, program->local, X_OK, AT_EACCESS) ==
	       0;
}

/* Whether the program's file, or one that was loaded, has changed since the
 * last look. What the file is now is noted; a new one may be tried again. */
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

/* What constructors, BEGIN blocks and imports see. NULL if there is no
 * memory. */
static char **environment(struct env *env, bool later)
{
	int i;

	for (i = 0; i < set.env.count; i++)
		if (env_put(env, set.env.word[i]) < 0)
			return NULL;
	if (env_set(env, "PATH", set.path) < 0 ||
	    env_set(env, "LD_PRELOAD", prelude_library()) < 0 ||
	    /* Once for all of them, not once in each. */
	    env_set(env, "LD_BIND_NOW", "1") < 0 ||
	    env_set(env, TEMPLATE_VARIABLE,
		    later ? TEMPLATE_LATER : TEMPLATE_NOW) < 0)
		return NULL;
	return env_list(env);
}

static int start_process(struct template *template, const struct image *image,
			 const struct spawn *like, int theirs)
{
	struct env env = {.text = NULL};
	struct spawn spawn = *like;

	spawn.path = image->words[0];
	spawn.argv = image->words;
	spawn.envp = environment(&env, image->later);
	/* Without it the program would simply run. */
	spawn.library = prelude_library();
	spawn.files[0] = theirs;
	spawn.files[1] = null_fd;
	/* The log is not an owner's to write to, nor to cut. */
	spawn.files[2] = log_descriptor() >= 0 && !spawn.change_owner
				 ? log_descriptor()
				 : null_fd;
	template->pid = spawn.envp ? spawn_start(&spawn) : -1;
	if (!spawn.envp)
		spawn.error = ENOMEM;
	env_free(&env);
	errno = spawn.error;
	return template->pid < 0 ? -1 : 0;
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
		publish(template);
	if (result < 0 || loop_add(&template->channel, LOOP_IN) < 0)
		fail(template, strerror(errno));
	else
		/* They wait in the channel until it is ready. */
		ask(template);
}

/* A program that is named is made a template of before it is asked for. */
static void start_named(const char *path)
{
	char why[REFUSAL_MAX];
	struct program program = {.folder = -1, .why = why};
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

		/* The first look. */
		has_changed(template, &program);
		if (may_run(template, &program))
			start_template(template, &program, &spawn);
	}
	program_free(&program);
}

/* With another library in that variable template.so would not be loaded, and
 * every template would be the program itself, run for nothing. */
static bool env_has_library(void)
{
	int i;

	for (i = 0; i < set.env.count; i++)
		if (strncmp(set.env.word[i], "LD_PRELOAD=", 11) == 0)
			return true;
	return false;
}

void preload_init(void)
{
	int i;

	if (set.preload.count == 0)
		return;
	if (env_has_library()) {
		note("-preload: -env LD_PRELOAD takes the place of "
		     "template.so: "
		     "nothing is preloaded");
		return;
	}
	timers_init(&patience, START_MS);
	timers_init(&idle, IDLE_MS);
	child_mind_strangers(stranger_ended);
	null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null_fd < 0 || prelude_init() < 0) {
		note("-preload: template.so is not found beside the command or "
		     "in ../lib/cgi-fcgi, by a path without blanks, : and $: "
		     "nothing is preloaded");
		return;
	}
	able = true;
	for (i = 0; i < set.preload.count; i++)
		if (strcmp(set.preload.word[i], "all") != 0)
			start_named(set.preload.word[i]);
}

/* Takes note of all that have come. Returns whether the template still works.
 */
static bool receive_all(struct template *template)
{
	ssize_t n;

	do
		n = receive(template);
	while (n > 0);
	return is_no_failure(n);
}

/* One that was late once is not waited for until it is ready again. */
static bool wait_for_child(struct template *template)
{
	struct pollfd one = {.fd = template->channel.fd, .events = POLLIN};
	bool late = template->patience.next;
	bool works;

	if (template->ready)
		return true;
	/* There may have been no descriptor when it was started. */
	ask(template);
	if (!template->served || !template->spares)
		return false;
	works = receive_all(template);
	if (works && !template->ready && !late && poll(&one, 1, READY_MS) > 0)
		works = receive_all(template);
	if (!works)
		shut(template);
	else if (!template->ready && !late)
		timer_start(&patience, &template->patience);
	return template->ready != 0;
}

/* The oldest child has its request. The next one is made when there is nothing
 * else to do, unless none is left. */
static void use_up(struct template *template)
{
	drop_first(template);
	template->given++;
	if (!template->ready)
		ask(template);
	else if (!template->idle.next)
		timer_start(&idle, &template->idle);
}

/* Whoever lies may have announced one process twice. It can be given but one
 * request, and is reaped once. */
static enum channel_result give(const struct spare *first,
				const struct spawn *spawn)
{
	return child_is_reaped(first->pid)
		       ? channel_send(first->socket, first->pid, spawn)
		       : CHANNEL_BROKEN;
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
		if (!template->failed && ++template->asked >= OFTEN &&
		    may_run(template, program))
			start_template(template, program, spawn);
		return 0;
	}
	if (!wait_for_child(template))
		return 0;
	pid = template->kept[0].pid;
	switch (give(template->kept, spawn)) {
	case CHANNEL_SENT:
		use_up(template);
		shared->preloaded++;
		return pid;
	case CHANNEL_UNFIT:
		return 0;
	case CHANNEL_BROKEN:
		break;
	}
	shut(template);
	return 0;
}

void preload_end(void)
{
	struct template *template;

	for (template = templates; template; template = template->next)
		shut(template);
}
