/*
 * active: lists and a table of requests. A connection may have 65,535 of them:
 * those are found by a table of its own, which has as many buckets as there are
 * requests. So whichever ids a server chooses, a bucket has 256 at the most,
 * and what other connections have is in nobody's way.
 */
#include "active.h"

#include <stdlib.h>

#define LISTED_MAX 16 /* so many need no table */
#define GROWTH	   4

void active_init(struct active *active)
{
	active->turn_last = &active->turn_first;
	active->room = LISTED_MAX;
}

static struct request **bucket(const struct active *active, uint16_t id)
{
	return &active->table[id & (active->room - 1)];
}

static void enter(struct active *active, struct request *request)
{
	struct request **at = bucket(active, request->id);

	request->hash_next = *at;
	*at = request;
}

/* Without memory it takes longer to find one. */
static void grow(struct active *active)
{
	struct request **table =
		calloc((size_t)active->room * GROWTH, sizeof(void *));
	struct request *request;

	if (!table)
		return;
	free(active->table);
	active->table = table;
	active->room *= GROWTH;
	for (request = active->first; request; request = request->next)
		enter(active, request);
}

static void shrink(struct active *active)
{
	free(active->table);
	active->table = NULL;
	active->room = LISTED_MAX;
}

struct request *active_find(const struct active *active, uint16_t id)
{
	struct request *request =
		active->table ? *bucket(active, id) : active->first;

	while (request && request->id != id)
		request = active->table ? request->hash_next : request->next;
	return request;
}

void active_add(struct active *active, struct request *request)
{
	if (active->count >= active->room)
		grow(active);
	if (active->table)
		enter(active, request);
	request->next = active->first;
	if (request->next)
		request->next->prev = request;
	active->first = request;
	active->count++;
}

static void leave(struct active *active, struct request *request)
{
	struct request **at = bucket(active, request->id);

	while (*at != request)
		at = &(*at)->hash_next;
	*at = request->hash_next;
}

void active_remove(struct active *active, struct request *request)
{
	if (active->table)
		leave(active, request);
	*(request->prev ? &request->prev->next : &active->first) =
		request->next;
	if (request->next)
		request->next->prev = request->prev;
	active_drop_turn(active, request);
	if (--active->count == 0)
		shrink(active);
}

void active_drop_turn(struct active *active, struct request *request)
{
	if (!request->turn_at)
		return;
	*request->turn_at = request->turn_next;
	*(request->turn_next ? &request->turn_next->turn_at
			     : &active->turn_last) = request->turn_at;
	request->turn_at = NULL;
}

void active_give_turn(struct active *active, struct request *request)
{
	if (request->turn_at)
		return;
	request->turn_next = NULL;
	request->turn_at = active->turn_last;
	*active->turn_last = request;
	active->turn_last = &request->turn_next;
}
