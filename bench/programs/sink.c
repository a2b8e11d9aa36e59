/* sink: takes the body and says how long it was, and whether it was the
 * pattern. */
#include <stdio.h>
#include <unistd.h>

#include "pattern.h"

int main(void)
{
	static unsigned char bytes[1 << 16];
	unsigned long long all = 0;
	bool right = true;
	ssize_t n;

	while ((n = read(0, bytes, sizeof(bytes))) > 0) {
		right = right && pattern_fits(bytes, (size_t)n, all);
		all += (size_t)n;
	}
	printf("Content-Type: text/plain\r\n\r\n%s %llu\n",
	       right && n == 0 ? "sank" : "spoilt", all);
	return 0;
}
