/*
 * queue: a list that is left from anywhere, since a request may end while it
 * waits.
 */
#include "queue.h"

#include <stddef.h>

#include "shared.h"

static struct place *first;
static struct place *last;

void queue_enter(struct place *place)
{
	place->next = NULL;
	place->prev = last;
	*(last ? &last->next : &first) = place;
	last = place;
	shared_wait(1);
}

void queue_leave(struct place *place)
{
	*(place->prev ? &place->prev->next : &first) = place->next;
	*(place->next ? &place->next->prev : &last) = place->prev;
	shared_wait(-1);
}

struct place *queue_first(void)
{
	return first;
}
