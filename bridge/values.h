#ifndef ASK_VALUES_H
#define ASK_VALUES_H

/*
 * -values: FCGI_GET_VALUES (FastCGI 1.0 §4.1) asked of an application.
 */

/* Asks on fd, prints NAME=VALUE a line, and returns the exit status. Closes
 * fd. */
int values_ask(int fd);

#endif
