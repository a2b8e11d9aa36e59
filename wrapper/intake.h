#ifndef INTAKE_H
#define INTAKE_H

#include <sys/types.h>

#include "request.h"

/*
 * What comes in for a request: its variables and its body, until its program
 * can be admitted and from then on. It is given what is in records; that these
 * have come in pieces is not its business.
 */

/* FCGI_PARAMS and its end. */
void intake_params(struct request *request, const unsigned char *bytes,
		   size_t n);
void intake_params_end(struct request *request);

/* FCGI_STDIN and its end. Returns how many bytes it took: less than n means
 * that the program does not read now; changed is called when it does. */
size_t intake_stdin(struct request *request, const unsigned char *bytes,
		    size_t n);
void intake_stdin_end(struct request *request);

/* The same of up to n bytes that are still in a unix socket. Returns how many
 * went on from there; 0: they must be read; -1: the program does not read now,
 * as above. */
ssize_t intake_pass_stdin(struct request *request, int socket, size_t n);

/* FCGI_DATA and its end (§6.4); as FCGI_STDIN. */
size_t intake_data(struct request *request, const unsigned char *bytes,
		   size_t n);
void intake_data_end(struct request *request);

/* Others must not wait until its program reads: what comes now goes to the
 * disk. */
void intake_let_wait(struct request *request);

#endif
