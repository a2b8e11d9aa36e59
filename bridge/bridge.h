#ifndef BRIDGE_H
#define BRIDGE_H

#include <stdbool.h>

#include "listen.h"
#include "opt.h"

/*
 * What the bridge's command line said. Filled by bridge.c, read by all of the
 * bridge, changed by nobody afterwards. Strings belong to argv.
 */

#define WISHES_MAX 256 /* times an option may be repeated */

enum part {
	PART_UNSAID,
	PART_ALL,     /* -include */
	PART_CONTENT, /* -content */
	PART_HEAD,    /* -head */
};

struct wish_list {
	const char *word[WISHES_MAX];
	int count;
};

struct wishes {
	const char *connect;
	bool bind;
	bool start;
	bool supervise;
	bool once;
	bool values;
	bool trace;
	bool fail;
	long role;
	const char *data;
	struct wish_list env;
	const char *url;
	const char *root;
	const char *method;
	struct wish_list header;
	const char *body;
	enum part part;
	long timeout_ms; /* -1: not said */
	long max_time_ms;
	long connect_timeout_ms;
	long retry_ms;
	struct listen_wish socket; /* -mode, -owner, -backlog */
	long backlog;
	char *const *app; /* APP and what follows, or NULL */
	long copies;
	bool in_cgi; /* this is a CGI program: failures are pages too */
};

extern struct wishes wish;

extern const struct opt bridge_options[];

/* The bridge, from its command line to its end. Returns the exit status. */
int bridge_main(int argc, char **argv);

#endif
