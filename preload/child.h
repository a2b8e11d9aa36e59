#ifndef CHILD_H
#define CHILD_H

struct template_request;

/*
 * The child, from its fork until it is the program of a request. Each page that
 * it writes costs a page fault, and so does each 64 KiB of a library that it
 * enters: unless there are changes to repeat it asks for no memory, writes to
 * no variable and calls few functions.
 */

/* Waits for a request on its own socket and enters the request's world. The
 * process ends if there comes none, or if wrapper, whose child it is, has. */
void child_take(int own, struct template_request *room, long wrapper);

#endif
