#ifndef BRIDGE_H
#define BRIDGE_H

#include "opt.h"

/* The bridge's options, for -help and for finding out which side is meant. */
extern const struct opt bridge_options[];

/* For a CGI program that cannot go on: prints a reply that says no more than
 * that (RFC 3875 §6). Not in shell use, as far as the command line tells. */
void bridge_last_words(void);

/* The bridge, from its command line to its end. Returns the exit status. */
int bridge_main(int argc, char **argv);

#endif
