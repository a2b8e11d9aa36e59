#ifndef ACTIVE_H
#define ACTIVE_H

#include <stdint.h>

#include "request.h"

/*
 * The requests of one connection that are not over: found by their id, and
 * taking turns at saying something. It links them by what struct request has
 * for that; it makes none, ends none, and knows nothing of sockets.
 */

struct active {
	struct request *first; /* the newest */
	uint32_t count;
	uint32_t room;		/* so many the table, or none, is good for */
	struct request **table; /* by id, room long; NULL: few need none */
	struct request *turn_first; /* of those with something to say */
	struct request **turn_last;
};

/* To be called once; the struct must stay where it is. */
void active_init(struct active *active);

/* The request of that id, or NULL. */
struct request *active_find(const struct active *active, uint16_t id);

void active_add(struct active *active, struct request *request);

/* Its turn is gone, too. */
void active_remove(struct active *active, struct request *request);

/* Puts it behind all that have a turn, if it has none. */
void active_give_turn(struct active *active, struct request *request);

/* Takes its turn, if it has one. */
void active_drop_turn(struct active *active, struct request *request);

#endif
