#ifndef PEERS_H
#define PEERS_H

#include <stdbool.h>

#include "addr.h"

/*
 * Who may connect over TCP: FCGI_WEB_SERVER_ADDRS (FastCGI 1.0 §3.2), a list
 * of addresses separated by commas. Unix sockets have modes and owners.
 */

/* Reads the list from the settings. Returns NULL, or the item that is no
 * address. */
const char *peers_init(void);

/* Whether this peer is on the list, or there is none. */
bool peers_allowed(const struct endpoint *peer);

#endif
