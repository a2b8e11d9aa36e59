#ifndef BRIDGE_H
#define BRIDGE_H

/*
 * Side 2: CGI or a command line in, FastCGI out. One question, and the process
 * ends with its outcome.
 */

/* For a CGI program that cannot go on: prints a reply that says no more than
 * that (RFC 3875 §6). Not in shell use, as far as the command line tells. */
void bridge_last_words(void);

/* The bridge, from its command line to its end. Returns the exit status. */
int bridge_main(int argc, char **argv);

#endif
