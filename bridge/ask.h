#ifndef ASK_H
#define ASK_H

#include <stdbool.h>
#include <stdint.h>

#include "params.h"

/*
 * What is asked: the variables and the body of one request, from the
 * environment (CGI use) or made up for -url (shell use).
 */

struct ask {
	struct params params; /* FCGI_BEGIN_REQUEST and FCGI_PARAMS */
	int body;	      /* where FCGI_STDIN comes from; -1: no body */
	uint64_t body_length;
	int data; /* likewise FCGI_DATA, in the Filter role */
	uint64_t data_length;
};

/* Fills ask, or ends the process with what is wrong. */
void ask_prepare(struct ask *ask);

#endif
