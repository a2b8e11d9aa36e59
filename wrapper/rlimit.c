/*
 * rlimit: prlimit(2) by its number. The C libraries do not agree on the type of
 * the resource, and musl's setrlimit brings threads with it.
 */
#include "rlimit.h"

#include <sys/syscall.h>
#include <unistd.h>

int rlimit_change(int resource, const struct rlimit *new, struct rlimit *old)
{
	return (int)syscall(SYS_prlimit64, 0, resource, new, old);
}
