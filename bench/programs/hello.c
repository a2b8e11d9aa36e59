/* hello: the least a CGI program in C can do, and its query so that the reply
 * can be told from any other. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(void)
{
	const char *query = getenv("QUERY_STRING");
	char reply[256];
	int n = snprintf(reply, sizeof(reply),
			 "Content-Type: text/plain\r\n\r\nhello %s\n",
			 query ? query : "");

	return n < 0 || write(1, reply, (size_t)n) != n;
}
