#ifndef BODY_H
#define BODY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "loop.h"
#include "spool.h"

/*
 * What a program reads on its stdin: FCGI_STDIN, and in the Filter role then
 * FCGI_DATA (FastCGI 1.0 §6.4). It owns the writing end of the pipe and the
 * file of what must wait; when a body must wait is decided above.
 */

struct body {
	struct watch pipe; /* -1 before the program runs and after its end */
	struct spool file; /* what waits for the pipe, or for the program */
	struct spool data; /* FCGI_DATA that came before FCGI_STDIN's end */
	uint64_t size;	   /* bytes that came in */
	bool waits;	   /* what comes goes to the file, not to the pipe */
	bool full;	   /* the pipe took no more */
	bool watched;	   /* the pipe is in the event loop */
	bool grown;	   /* the pipe holds more than others do */
	bool ended;	   /* all has come in */
	bool refused;	   /* nobody will read it: what comes is dropped */
	int lost;	   /* errno: nor may anybody take it for the whole */
};

enum body_result {
	BODY_TAKEN, /* all of it */
	BODY_FULL,  /* *taken bytes of it: the program does not read */
	BODY_LOST,  /* the file could not be written: errno says why */
};

/* Once, before all others, on a struct that is zeroed. */
void body_init(struct body *body);

/* The program runs: it reads from the other end of this pipe, which is
 * non-blocking and from now on belongs to the body; -1: it gets none. ready is
 * called when the pipe takes more or nobody reads it. */
void body_start(struct body *body, int pipe,
		void (*ready)(struct watch *, unsigned));

/* From now on what the pipe does not take goes to the file: body_take gives
 * BODY_FULL no more. Returns 0, or -1 and errno. */
int body_let_wait(struct body *body);

/* Takes n bytes of FCGI_STDIN. Before body_start: BODY_FULL, unless it was
 * told to let it wait. */
enum body_result body_take(struct body *body, const void *bytes, size_t n,
			   size_t *taken);

/* Takes up to n bytes of FCGI_STDIN from a unix socket. *passed is how many;
 * BODY_FULL: the program does not read; BODY_TAKEN and 0: body_take must do
 * it. */
enum body_result body_pass(struct body *body, int socket, size_t n,
			   size_t *passed);

/* Takes n bytes of FCGI_DATA that come before FCGI_STDIN has ended. */
enum body_result body_take_early(struct body *body, const void *bytes,
				 size_t n);

/* FCGI_STDIN has ended: what came early is next. */
enum body_result body_take_data(struct body *body);

/* All has come in: the pipe is closed when it has all. */
void body_end(struct body *body);

/* Tells the event loop to call pipe.ready. Returns 0, or -1 and errno. */
int body_watch(struct body *body);

/* The pipe may take more: moves on what waits. Returns how many bytes moved. */
size_t body_feed(struct body *body);

/* Nobody reads it any more, and that is as it should be. */
void body_refuse(struct body *body);

/* The request is over, and the program goes on alone: what has come in is still
 * fed to it. Returns false if the program reads and not all has come in. */
bool body_abandon(struct body *body);

/* May be called twice. */
void body_close(struct body *body);

#endif
