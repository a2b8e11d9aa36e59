#ifndef WRAPPER_H
#define WRAPPER_H

/*
 * Side 1: FastCGI in, CGI out. It owns the listening sockets until the process
 * ends; what is accepted on them is serve's.
 */

/* The wrapper, from its command line to its end. Returns the exit status. */
int wrapper_main(int argc, char **argv);

/* The same from filled settings on: for another command line (fcgiwrap). */
int wrapper_run(void);

#endif
