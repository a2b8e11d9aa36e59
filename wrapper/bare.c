/*
 * bare: the one instruction that the C library surrounds with its errno.
 */
#include "bare.h"

#include <errno.h>
#include <unistd.h>

static bool begun;

#if BARE_IS_KNOWN
static long enter_kernel(long number, long a, long b, long c, long d)
{
#ifdef __x86_64__
	register long fourth __asm__("r10") = d;
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "0"(number), "D"(a), "S"(b), "d"(c), "r"(fourth)
			 : "rcx", "r11", "memory");
	return result;
#else
	register long call __asm__("x8") = number;
	register long first __asm__("x0") = a;
	register long second __asm__("x1") = b;
	register long third __asm__("x2") = c;
	register long fourth __asm__("x3") = d;

	__asm__ volatile("svc 0"
			 : "+r"(first)
			 : "r"(call), "r"(second), "r"(third), "r"(fourth)
			 : "memory");
	return first;
#endif
}
#endif

void bare_begin(void)
{
	begun = true;
}

long bare_call(long number, long a, long b, long c, long d)
{
	long result;

#if BARE_IS_KNOWN
	if (begun)
		return enter_kernel(number, a, b, c, d);
#endif
	result = syscall(number, a, b, c, d);
	return result < 0 ? -errno : result;
}
