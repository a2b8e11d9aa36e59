#ifndef WISH_H
#define WISH_H

#include <stdbool.h>
#include <stddef.h>

#include "listen.h"
#include "record.h"
#include "words.h"

/*
 * What the command line of the bridge asks for: filled by options.c, read by
 * all others and changed by none. Texts belong to the command line.
 */

enum show {
	SHOW_ALL, /* header and body, byte for byte */
	SHOW_CONTENT,
	SHOW_HEAD,
};

struct wish {
	const char *connect; /* ADDR as it was given; NULL: none */
	bool bind;
	bool start;
	bool supervise;
	bool once;
	char *app;		   /* NULL: only connect */
	long copies;		   /* of app */
	struct listen_wish socket; /* -mode, -owner, -backlog */

	enum record_role role;
	const char *data; /* file for FCGI_DATA; NULL: none */
	struct words env; /* NAME=VALUE or NAME */
	const char *url;  /* NULL: the environment is the request */
	const char *root;
	const char *method;
	struct words header; /* Name: value */
	const char *body;    /* file, or -; NULL: none */

	enum show show;
	bool fail;
	bool trace;
	bool values;

	long timeout_ms;	 /* -1: not given; 0: never */
	long max_time_ms;	 /* 0: never */
	long connect_timeout_ms; /* -1: not given; 0: never */
	long retry_ms;		 /* 0: not at all */

	/* A web server runs us as a CGI program: a failure is a reply. */
	bool cgi;
	/* What lines on stderr name: ADDR, or APP where there is none. */
	const char *name;
};

extern struct wish wish;

#endif
