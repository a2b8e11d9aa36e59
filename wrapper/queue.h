#ifndef QUEUE_H
#define QUEUE_H

/*
 * Those that wait for a program's turn, in the order they came, and their
 * number, which all workers share. Who has to wait and who is next to run
 * is decided above; it does not know what waits.
 */

struct place {
	struct place *prev;
	struct place *next;
};

/* Takes the last place. */
void queue_enter(struct place *place);

/* Gives up a place that was taken. */
void queue_leave(struct place *place);

/* NULL if nobody waits. */
struct place *queue_first(void);

#endif
