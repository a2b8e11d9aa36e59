#ifndef ATFORK_H
#define ATFORK_H

/*
 * What libraries want done at a fork (pthread_atfork(3)): they take their
 * locks, and make new secrets. The C library itself does it in fork(3) alone,
 * so it is noted here, for a clone that the C library does not know of.
 */

/* In the parent, before; and after, in the parent and in the child. */
void atfork_prepare(void);
void atfork_parent(void);
void atfork_child(void);

/* Gives up if there are more than can be noted. */
void atfork_refuse_many(void);

#endif
