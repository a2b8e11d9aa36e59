#ifndef LISTEN_H
#define LISTEN_H

#include <stdbool.h>
#include <sys/types.h>

#include "addr.h"

/*
 * Listening sockets: made at an address, or inherited. Used by the wrapper and
 * by the bridge's -start; what is accepted on them is not its business.
 */

struct listen_wish {
	mode_t mode; /* of a unix socket's file */
	uid_t user;  /* its owner; (uid_t)-1: who starts us */
	gid_t group; /* (gid_t)-1: likewise */
	long backlog;
};

struct listener {
	int fd; /* close-on-exec and non-blocking; whoever has it closes it */
	struct endpoint endpoint;
	dev_t device; /* of the socket's file, when path is set */
	ino_t inode;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
};

#define LISTENERS_MAX	 64
#define LISTEN_WHY_MAX	 256
#define LISTEN_BACKLOG	 511
#define LISTEN_MODE	 0660
#define LISTEN_FDS_FIRST 3 /* sd_listen_fds(3) */

/*
 * Listens at every address that addr stands for; of a unix socket the file has
 * its mode from its first moment and its owner before anyone can connect. A
 * stale socket file is replaced. Returns how many of list, room for
 * ADDR_ENDPOINTS_MAX, are filled, or -1 and the reason in why; then errno is
 * EADDRINUSE if someone is already listening there.
 */
int listen_open(const struct addr *addr, const struct listen_wish *wish,
		struct listener *list, char why[LISTEN_WHY_MAX]);

/* Removes the socket's file if it is still the one that was made. */
void listen_remove(const struct listener *listener);

/* Whether fd is a listening socket (FastCGI 1.0 §2.2). */
bool listen_is_socket(int fd);

/*
 * Takes over the sockets that systemd passes (LISTEN_PID, LISTEN_FDS, which
 * are removed from the environment), or else fd 0 if it is a listening socket.
 * Returns how many of list, room for LISTENERS_MAX, are filled; 0 if there is
 * none.
 */
int listen_inherited(struct listener *list);

/* USER[:GROUP], names or numbers. The group is the user's own if it is not
 * given. Returns NULL, or why it is refused. */
const char *listen_owner(const char *text, uid_t *user, gid_t *group);

/* Octal, 0 to 0777. Returns NULL, or why it is refused. */
const char *listen_mode(const char *text, mode_t *mode);

#endif
