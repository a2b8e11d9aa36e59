/*
 * atfork: stands before the function by which handlers reach the C library,
 * notes them and passes them on.
 */
#include "atfork.h"

#include <dlfcn.h>
#include <errno.h>
#include <string.h>

#include "call.h"
#include "giveup.h"

#define HANDLERS_MAX 64

typedef void handler_function(void);

static struct handlers {
	handler_function *prepare, *parent, *child;
} handlers[HANDLERS_MAX];
static int handlers_count;

static void note_handlers(handler_function *prepare, handler_function *parent,
			  handler_function *child)
{
	if (handlers_count < HANDLERS_MAX)
		handlers[handlers_count] =
			(struct handlers){prepare, parent, child};
	handlers_count++;
}

#ifdef __GLIBC__
typedef int register_function(handler_function *prepare,
			      handler_function *parent, handler_function *child,
			      void *library);

register_function __register_atfork;

/* What pthread_atfork(3) calls. */
EXPORTED int __register_atfork(handler_function *prepare,
			       handler_function *parent,
			       handler_function *child, void *library)
{
	register_function *real;
	void *symbol = dlsym(RTLD_NEXT, "__register_atfork");

	memcpy(&real, &symbol, sizeof(real));
	note_handlers(prepare, parent, child);
	return real ? real(prepare, parent, child, library) : ENOSYS;
}
#else
typedef int register_function(handler_function *prepare,
			      handler_function *parent,
			      handler_function *child);

register_function pthread_atfork;

EXPORTED int pthread_atfork(handler_function *prepare, handler_function *parent,
			    handler_function *child)
{
	register_function *real;
	void *symbol = dlsym(RTLD_NEXT, "pthread_atfork");

	memcpy(&real, &symbol, sizeof(real));
	note_handlers(prepare, parent, child);
	return real ? real(prepare, parent, child) : ENOSYS;
}
#endif

static void call_loaded(handler_function *handler)
{
	void *address;
	Dl_info info;

	memcpy(&address, &handler, sizeof(address));
	/* Its library may have been closed. */
	if (handler && dladdr(address, &info))
		handler();
}

/* The last one first: what it stands on may be locked after it. */
void atfork_prepare(void)
{
	int i;

	for (i = handlers_count - 1; i >= 0; i--)
		call_loaded(handlers[i].prepare);
}

void atfork_parent(void)
{
	int i;

	for (i = 0; i < handlers_count; i++)
		call_loaded(handlers[i].parent);
}

void atfork_child(void)
{
	int i;

	for (i = 0; i < handlers_count; i++)
		call_loaded(handlers[i].child);
}

void atfork_refuse_many(void)
{
	if (handlers_count > HANDLERS_MAX) {
		errno = 0;
		give_up("too many handlers of forks");
	}
}
