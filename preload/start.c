/*
 * start: where template.so, loaded by LD_PRELOAD, comes into a program: the
 * function of the C library that calls main is given another main, which
 * prepares a template and waits, or leaves it to a prelude to wait.
 */
#include <dlfcn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"
#include "channel.h"
#include "descriptors.h"
#include "environment.h"
#include "fork.h"
#include "template.h"
#include "watch.h"

typedef int main_function(int argc, char **argv, char **envp);
#if defined(__GLIBC__) && defined(__powerpc__)
/* What glibc's crt1.o hands over there. */
struct start {
	void *small_data;
	main_function *called;
	void (*init)(void);
	void (*fini)(void);
};

typedef int start_function(int argc, char **argv, char **envp, void *auxiliary,
			   void (*rtld_fini)(void), const struct start *start,
			   char **stack_end);
#else
typedef int start_function(main_function *called, int argc, char **argv,
			   void (*init)(void), void (*fini)(void),
			   void (*rtld_fini)(void), void *stack_end);
#endif

start_function __libc_start_main;

/* Where programs name their dynamic loader, the wrapper reads which C library
 * this is for. */
__attribute__((section(".interp"), used)) static const char c_library[] =
#ifdef __GLIBC__
	TEMPLATE_GLIBC;
#else
	TEMPLATE_MUSL;
#endif

static main_function *real_main;

static int template_main(int argc, char **argv, char **envp)
{
	const char *mode = getenv(TEMPLATE_VARIABLE);
	bool later = mode && strcmp(mode, TEMPLATE_LATER) == 0;

	environment_begin(later);
	/* What it starts itself is nothing of ours. */
	unsetenv("LD_PRELOAD");
	unsetenv("LD_BIND_NOW");
	unsetenv(TEMPLATE_VARIABLE);
	fork_find();
	channel_open();
	watch_begin();
	if (later) {
		descriptors_open_pipes();
		watch_open_list();
		return real_main(argc, argv, envp);
	}
	cgi_fcgi_wait();
	return real_main(argc, argv, environ);
}

/* What the program's main is to be. */
static main_function *replace(main_function *called)
{
	real_main = called;
	return getenv(TEMPLATE_VARIABLE) ? template_main : called;
}

static start_function *find_start(void)
{
	start_function *real;
	void *symbol = dlsym(RTLD_NEXT, TEMPLATE_BEGIN);

	memcpy(&real, &symbol, sizeof(real));
	return real;
}

/* What every dynamically linked program calls first (crt1.o): the wrapper looks
 * for the name in its file. */
#if defined(__GLIBC__) && defined(__powerpc__)
EXPORTED int __libc_start_main(int argc, char **argv, char **envp,
			       void *auxiliary, void (*rtld_fini)(void),
			       const struct start *start, char **stack_end)
{
	struct start ours = *start;

	ours.called = replace(ours.called);
	return find_start()(argc, argv, envp, auxiliary, rtld_fini, &ours,
			    stack_end);
}
#else
EXPORTED int __libc_start_main(main_function *called, int argc, char **argv,
			       void (*init)(void), void (*fini)(void),
			       void (*rtld_fini)(void), void *stack_end)
{
	return find_start()(replace(called), argc, argv, init, fini, rtld_fini,
			    stack_end);
}
#endif
