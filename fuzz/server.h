#ifndef SERVER_H
#define SERVER_H

#include "fuzz.h"
#include "world.h"

/*
 * A web server with one connection to the wrapper: what it sends is noted, and
 * what comes back is held against that, byte by byte, by this file's own idea
 * of FastCGI.
 */

#define ASKED_MAX 40

/* A request that was sent. */
struct asked {
	struct server *server;
	uint32_t serial;
	uint16_t id;
	unsigned role;
	bool params_ended;
	bool stdin_ended;
	bool data_ended;
	bool aborted;
	bool too_late; /* sent after one that asked for no other */
	struct told body;
	struct told data;

	struct told got; /* FCGI_STDOUT */
	bool out_ended;
	bool err_opened;
	bool err_ended;
	bool ended;
	uint32_t app_status;
};

extern struct asked asked[ASKED_MAX];
extern int asked_count;

/* Records byte by byte. */
struct bytewise {
	unsigned char head[8];
	unsigned have;
	unsigned left;
	unsigned padding;
	unsigned char body[8];
	unsigned body_have;
};

struct server {
	int fd; /* -1: closed by us */
	bool is_unix;
	bool half_closed;
	bool at_end;	   /* the wrapper has closed it */
	bool may_close;	   /* it has a reason to */
	bool broken;	   /* it was sent something that no server sends */
	bool last;	   /* a request did not ask to keep the connection */
	struct told queue; /* what is not sent yet */
	size_t queue_at;
	struct bytewise sent;
	struct bytewise got;
};

/* Queues bytes of whatever meaning. */
void server_say(struct server *server, const void *bytes, size_t n);

/* Queues a record with content of n bytes. */
void server_record(struct server *server, unsigned type, unsigned id,
		   const void *bytes, size_t n, unsigned padding);

/* Sends up to n bytes of what is queued; returns whether any went. */
bool server_send(struct server *server, size_t n);

/* Receives up to n bytes; returns whether any came. */
bool server_receive(struct server *server, size_t n);

void server_half_close(struct server *server);
void server_close(struct server *server);

/* The last one with this id that has not ended; NULL: there is none. */
struct asked *asked_active(struct server *server, unsigned id);

/* All of it was sent. */
bool asked_is_whole(const struct asked *one);

/* Holds a byte that a program reads against what was sent. */
void asked_check_body(const struct running *program, const unsigned char *bytes,
		      size_t n);

/* The same for the end. */
void asked_check_end(const struct running *program);

#endif
