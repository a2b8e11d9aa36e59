/*
 * active: lists and a table of requests. A connection may have 65,535 of them:
 * they are found by a table, one for all connections.
 */
#include "active.h"

#include <stddef.h>

#define TABLE_SIZE 1024 /* chains of 64 at the worst */
#define SPACING	   256	/* bytes, about, from one owner to the next */

static struct request *table[TABLE_SIZE];

static struct request **bucket(const void *owner, uint16_t id)
{
	return &table[((uintptr_t)owner / SPACING + id) % TABLE_SIZE];
}

void active_init(struct active *active)
{
	active->turn_last = &active->turn_first;
}

struct request *active_find(const void *owner, uint16_t id)
{
	struct request *request = *bucket(owner, id);

	while (request && (request->id != id || request->owner != owner))
		request = request->hash_next;
	return request;
}

void active_add(struct active *active, struct request *request)
{
	struct request **at = bucket(request->owner, request->id);

	request->hash_next = *at;
	*at = request;
	request->next = active->first;
	if (request->next)
		request->next->prev = request;
	active->first = request;
	active->count++;
}

void active_remove(struct active *active, struct request *request)
{
	struct request **at = bucket(request->owner, request->id);

	while (*at != request)
		at = &(*at)->hash_next;
	*at = request->hash_next;
	*(request->prev ? &request->prev->next : &active->first) =
		request->next;
	if (request->next)
		request->next->prev = request->prev;
	active_drop_turn(active, request);
	active->count--;
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
