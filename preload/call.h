#ifndef CALL_H
#define CALL_H

#include <sys/syscall.h>
#include <unistd.h>

/*
 * How template.so calls the system and is called. What it exports is seen by
 * every library of the program, before the C library's own of that name: all
 * that is not EXPORTED is hidden (-fvisibility).
 */

#define EXPORTED __attribute__((visibility("default")))

/* The system's calls are made by their number: where the program has a function
 * of that name, the C library's is not the one that is found, and the program's
 * may count on a main() that has not run. cgit's write(2) does. */
#define CALL(name, ...) syscall(SYS_##name, __VA_ARGS__)

#endif
