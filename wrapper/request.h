#ifndef REQUEST_H
#define REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "answer.h"
#include "body.h"
#include "child.h"
#include "ending.h"
#include "env.h"
#include "out.h"
#include "queue.h"
#include "shared.h"

/*
 * One request, from FCGI_BEGIN_REQUEST to FCGI_END_REQUEST: what is known of
 * it, and how it is ended. Of sockets and connections it knows nothing.
 *
 *	PARAMS   its variables come in
 *	BODY     no CONTENT_LENGTH: FCGI_STDIN is taken in whole first
 *	WAITING  for its program's turn (admit)
 *	RUNNING  its program was started
 *	ENDING   decided: what is left is to say so
 *
 * What is done with one stands above: intake takes its records, admit lets it
 * run or wait, run starts its program and notes what happens to that, and turn
 * decides what follows.
 */

enum request_state {
	REQUEST_PARAMS,
	REQUEST_BODY,
	REQUEST_WAITING,
	REQUEST_RUNNING,
	REQUEST_ENDING,
};

struct request {
	/* active's. */
	struct request *next; /* of its connection */
	struct request *prev;
	struct request *hash_next; /* of the same bucket */
	struct request *turn_next; /* of those with something to say */
	struct request **turn_at;  /* what points to it there; NULL: it has
				      nothing to say */

	void *owner; /* its connection */
	/* It has something to say, or takes more of its body. */
	void (*changed)(struct request *request);
	/* Whether what it has said is on its way to somebody slow. */
	bool (*taken)(struct request *request);

	uint16_t id;
	uint16_t role;
	enum request_state state;
	struct env env;
	struct body body;
	struct answer answer;
	struct ending ending; /* ENDING */
	struct place place;   /* WAITING */

	bool stdin_ended;
	bool data_ended;  /* FCGI_DATA, in the Filter role */
	bool holds_reply; /* nginx: until the body is in */
	bool exited;
	bool orphaned;	  /* the second after stdout's or the program's end
			     is over */
	uint64_t printed; /* on stdout, when that second began */
	int wait_status;  /* as of waitpid(2) */
	/* When it has exited: what is left in its group. */
	struct child *child;
	char *name; /* the program's path; owned */

	struct timer idle; /* -timeout */
	struct timer wall; /* -max-time */
	struct timer linger;
	struct timer watching; /* until its output is watched for */
	int64_t begun_us;
};

/* FCGI_BEGIN_REQUEST. Returns NULL if there is no memory. */
struct request *request_begin(uint16_t id, uint16_t role, void *owner,
			      void (*changed)(struct request *),
			      bool (*taken)(struct request *));

/* Its program and pid, as log lines name it. Valid until the next call. */
const char *request_label(const struct request *request);

/* Whether the web server that sent it calls itself so. */
bool request_is_from(const struct request *request, const char *server);

/* Whether all of its streams have come in. */
bool request_is_read(const struct request *request);

/* From here on there is nothing to do but to say so. */
void request_end(struct request *request, uint32_t app_status);

/* The same with a reason, and with a page if nothing was sent yet. */
void request_end_with(struct request *request, int page, uint32_t app_status,
		      const char *why);

/* The same, counted as a failure. */
void request_fail(struct request *request, int page, uint32_t app_status,
		  enum shared_failure kind, const char *why);

/* Its program cannot be given its body, by that errno: ends both. */
void request_lose_body(struct request *request, int error);

/* Ends its program, and what that left in its group. */
void request_end_program(struct request *request);

/* FCGI_ABORT_REQUEST (§5.4): ends the program, says FCGI_END_REQUEST. */
void request_abort(struct request *request);

/* Frees it. A program that still runs, and what it left in its group, is ended
 * if the request is not over (the connection has gone), and goes on alone if it
 * is. */
void request_close(struct request *request);

/* After a turn: gives the memory of a crowd that has gone back to the system,
 * which not every C library does by itself. */
void request_trim(void);

#endif
