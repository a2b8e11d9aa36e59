/*
 * sleeper: a CGI program of one process that waits for the file $WAIT.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(void)
{
	const char *file = getenv("WAIT");

	printf("Content-Type: text/plain\n\nslept\n");
	while (file && access(file, F_OK) < 0)
		usleep(20000);
	return 0;
}
