#ifndef SETTINGS_H
#define SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "listen.h"
#include "words.h"

/*
 * What the wrapper's command line said. Filled by options.c or fcgiwrap.c,
 * completed while the wrapper starts, read by all, changed by nobody after
 * that. Strings belong to argv.
 */

#define SETTINGS_LIST_MAX 64 /* times an option may be repeated */

enum stderr_mode {
	STDERR_FCGI = 1,
	STDERR_LOG = 2,
	STDERR_BOTH = STDERR_FCGI | STDERR_LOG,
	STDERR_OFF = 0,
};

struct handler {
	const char *suffix; /* with its dot; not ended by NUL */
	size_t suffix_length;
	const char *program;
};

struct limit {
	const char *word; /* as it was given */
	int resource;	  /* RLIMIT_... */
	rlim_t value;
};

struct settings {
	struct words listen;
	struct listen_wish socket; /* -mode, -owner, -backlog */

	char *const *program; /* PROGRAM ARG... of the command line, or NULL */
	const char *root;     /* resolved, without a slash at its end */
	struct words allow;   /* resolved */
	struct handler handler[SETTINGS_LIST_MAX];
	int handlers;
	bool only_handled; /* run nothing that no handler is for */

	long max;   /* programs at once, in all workers */
	long queue; /* requests waiting for their turn */
	long timeout_ms;
	long max_time_ms;
	long grace_ms;
	long idle_ms;
	long workers;
	struct limit limit[RLIM_NLIMITS];
	int limits;
	struct rlimit files; /* RLIMIT_NOFILE as it was given to us */

	struct words preload; /* resolved, or "all" */
	long preload_max;     /* requests of one template; 0: no end */
	long preload_ms;      /* its life; 0: no end */
	struct words env;     /* NAME=VALUE */
	const char *path;     /* programs' PATH, if their request has none */
	bool fcgiwrap;	      /* its habits: own environment, FCGI_CHDIR */
	enum stderr_mode stderr_mode;

	const char *user; /* USER[:GROUP] */
	uid_t uid;
	gid_t gid;
	const char *chroot;
	long as_owner; /* the least uid that may own a program; 0: off */

	const char *spool;	      /* folder of bodies that wait */
	const char *status;	      /* SCRIPT_NAME of the status page */
	const char *web_server_addrs; /* FCGI_WEB_SERVER_ADDRS, or NULL */
	bool daemon;
	const char *pidfile;
	bool verbose;
};

extern struct settings set;

#endif
