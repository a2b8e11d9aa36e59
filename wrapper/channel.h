#ifndef CHANNEL_H
#define CHANNEL_H

#include <sys/types.h>

#include "spawn.h"

/*
 * What the wrapper and a template (-preload) send each other over their socket:
 * see preload/channel.h. It owns no descriptor and knows no template's state;
 * which template, and when, is preload's business.
 */

/* Asks for a child. Returns the socket on which it is going to wait for its
 * request, which is the caller's, or -1 and errno. */
int channel_ask(int channel);

/*
 * Takes one message without waiting: the pid of a child that is ready. With the
 * first one comes a descriptor, which is put into *changes if that is -1; it
 * becomes readable when a file that was loaded changes, and is never read. A
 * pid that is not of the template's group is none. Returns what recvmsg(2)
 * does, and *ready is filled if that is more than 0; or 0 if the message is no
 * good one.
 */
ssize_t channel_receive(int channel, pid_t group, pid_t *ready, int *changes);

enum channel_result {
	CHANNEL_SENT,
	CHANNEL_UNFIT,	/* this request is not for templates */
	CHANNEL_BROKEN, /* nor is any other for this template */
};

/* Gives the request to the child that waits on the socket, which leads a group
 * of its own from here on. Of spawn the folder, the files and the variables
 * count; the descriptors stay the caller's. */
enum channel_result channel_send(int socket, pid_t ready,
				 const struct spawn *spawn);

#endif
