/*
 * fork: whether it is the template's wait, or the program's own.
 */
#include "fork.h"

#include <dlfcn.h>
#include <string.h>
#include <unistd.h>

#include "call.h"
#include "template.h"
#include "watch.h"

typedef pid_t fork_function(void);

static fork_function *real_fork;

void fork_find(void)
{
	void *symbol = dlsym(RTLD_NEXT, "fork");

	memcpy(&real_fork, &symbol, sizeof(real_fork));
}

EXPORTED pid_t fork(void)
{
	if (watch_is_listed()) {
		cgi_fcgi_wait();
		return 0;
	}
	/* Before main. */
	if (!real_fork)
		fork_find();
	return real_fork();
}
