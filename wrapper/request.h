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
#include "program.h"
#include "queue.h"

/*
 * One request, from FCGI_BEGIN_REQUEST to FCGI_END_REQUEST: its states, its
 * program, when it is over. It is given records and room for records; of
 * sockets and connections it knows nothing.
 *
 *	PARAMS   its variables come in
 *	BODY     no CONTENT_LENGTH: FCGI_STDIN is taken in whole first
 *	WAITING  for its program's turn (-max)
 *	RUNNING  its program was started
 *	ENDING   decided: what is left is to say so
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

	struct place place; /* WAITING */

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

	struct ending ending;

	struct timer idle; /* -timeout */
	struct timer wall; /* -max-time */
	struct timer linger;
	struct timer watching; /* until its output is watched for */
	int64_t begun_us;
};

/* Once, after the settings are known. */
void request_init(void);

/* FCGI_BEGIN_REQUEST. Returns NULL if there is no memory. */
struct request *request_begin(uint16_t id, uint16_t role, void *owner,
			      void (*changed)(struct request *),
			      bool (*taken)(struct request *));

/* FCGI_PARAMS and its end. */
void request_params(struct request *request, const unsigned char *bytes,
		    size_t n);
void request_params_end(struct request *request);

/* FCGI_STDIN and its end. Returns how many bytes it took: less than n means
 * that the program does not read now; changed is called when it does. */
size_t request_stdin(struct request *request, const unsigned char *bytes,
		     size_t n);
void request_stdin_end(struct request *request);

/* The same of up to n bytes that are still in a unix socket. Returns how many
 * went on from there; 0: they must be read; -1: the program does not read now,
 * as above. */
ssize_t request_pass_stdin(struct request *request, int socket, size_t n);

/* FCGI_DATA and its end (§6.4); as FCGI_STDIN. */
size_t request_data(struct request *request, const unsigned char *bytes,
		    size_t n);
void request_data_end(struct request *request);

/* Others must not wait until its program reads: what comes now goes to the
 * disk. */
void request_let_wait(struct request *request);

/* FCGI_ABORT_REQUEST (§5.4): ends the program, says FCGI_END_REQUEST. */
void request_abort(struct request *request);

/* Puts into out what it has to say, as far as there is room. */
enum request_turn {
	TURN_IDLE, /* nothing for now */
	TURN_MORE, /* it has more, or there was no room */
	TURN_OVER, /* FCGI_END_REQUEST is in out: close it */
};
enum request_turn request_turn(struct request *request, struct out *out);

/* Whether all of its streams have come in. */
bool request_is_read(const struct request *request);

/* Frees it. A program that still runs, and what it left in its group, is ended
 * if the request is not over (the connection has gone), and goes on alone if it
 * is. */
void request_close(struct request *request);

/* After a turn: gives the memory of a crowd that has gone back to the system,
 * which not every C library does by itself. */
void request_trim(void);

/* From now on no program is started: what waits, or comes, is a 503. */
void request_refuse_all(void);

/* Starts programs for requests that wait, as far as -max lets. */
void request_start_waiting(void);

#endif
