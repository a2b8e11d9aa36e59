#ifndef TEMPLATE_H
#define TEMPLATE_H

#include <stddef.h>
#include <sys/types.h>

/*
 * What the wrapper and its templates (-preload) say to each other.
 */

/* In a template's environment: it waits before main, or later, when a prelude
 * calls cgi_fcgi_wait. */
#define TEMPLATE_VARIABLE "CGI_FCGI_TEMPLATE"
#define TEMPLATE_NOW	  "now"
#define TEMPLATE_LATER	  "later"

/* How a dynamic loader's name begins: of the programs that it can be loaded
 * into, and in template.so itself. */
#define TEMPLATE_GLIBC "ld"
#define TEMPLATE_MUSL  "ld-musl"

/* The function of the C library where it waits. */
#define TEMPLATE_BEGIN "__libc_start_main"

#define TEMPLATE_FDS	 4     /* folder, stdin, stdout, stderr */
#define TEMPLATE_ENV_MAX 65536 /* a larger environment needs no template */

struct template_request {
	char env[TEMPLATE_ENV_MAX];
};

/*
 * For the preludes: cgi_fcgi_wait returns once in each request's process, with
 * descriptors 0, 1, 2 and folder as they should be and cgi_fcgi_env (so many
 * bytes, NAME=VALUE, each ended by NUL) telling the variables, as environ does.
 * Before it is called the paths of what was loaded may be written to the
 * descriptor cgi_fcgi_files, a line each.
 *
 * An interpreter that must do something of its own at each fork needs not call
 * it: its next fork(2) after the list is written, a memfd of that name, is
 * cgi_fcgi_wait.
 */
void cgi_fcgi_wait(void);
extern char *cgi_fcgi_env;
extern size_t cgi_fcgi_env_length;
extern int cgi_fcgi_files;

#endif
