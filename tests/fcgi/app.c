/*
 * A FastCGI application of libfcgi's, for tests of the bridge. What it does
 * stands in its variable DO, and if there is none in QUERY_STRING:
 *
 *  env         prints its variables, each ended by NUL
 *  own         prints the environment that it was started with
 *  echo        prints its body
 *  sum         prints how many bytes its body has, and a checksum
 *  exit=N      ends the request with appStatus N
 *  pour=N      prints N bytes
 *  status=TEXT prints Status: TEXT
 *  bare=TEXT   prints TEXT and no header
 *  sleep=MS    prints nothing for so long
 *  die=N       ends the process in the middle of its answer
 *  err=TEXT    prints TEXT as an error message
 *  pid         prints its process id
 *  allow, deny as an authorizer
 */
#include <fcgiapp.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static const char plain[] = "Content-Type: text/plain\r\n\r\n";

static void print_list(FCGX_Stream *out, char **list)
{
	FCGX_PutS(plain, out);
	for (; *list; list++)
		FCGX_PutStr(*list, (int)strlen(*list) + 1, out);
}

static void echo(FCGX_Stream *in, FCGX_Stream *out)
{
	static char block[65536];
	int n;

	FCGX_PutS(plain, out);
	while ((n = FCGX_GetStr(block, sizeof(block), in)) > 0)
		FCGX_PutStr(block, n, out);
}

static void sum(FCGX_Stream *in, FCGX_Stream *out)
{
	static unsigned char block[65536];
	unsigned long long total = 0;
	unsigned long hash = 0;
	int n;
	int i;

	while ((n = FCGX_GetStr((char *)block, sizeof(block), in)) > 0) {
		total += (unsigned)n;
		for (i = 0; i < n; i++)
			hash = (hash * 31 + block[i]) & 0xffffffff;
	}
	FCGX_FPrintF(out, "%s%lu %lu\n", plain, (unsigned long)total, hash);
}

static void pour(long n, FCGX_Stream *out)
{
	static char block[65536];

	memset(block, 'x', sizeof(block));
	FCGX_PutS(plain, out);
	while (n > 0) {
		int part =
			n < (long)sizeof(block) ? (int)n : (int)sizeof(block);

		if (FCGX_PutStr(block, part, out) < 0)
			return;
		n -= part;
	}
}

static void rest(long ms)
{
	const struct timespec pause = {.tv_sec = ms / 1000,
				       .tv_nsec = ms % 1000 * 1000000};

	nanosleep(&pause, NULL);
}

static void answer(const char *what, FCGX_Request *request)
{
	const char *value = strchr(what, '=');
	FCGX_Stream *out = request->out;

	value = value ? value + 1 : "";
	if (strcmp(what, "env") == 0) {
		print_list(out, request->envp);
	} else if (strcmp(what, "own") == 0) {
		print_list(out, environ);
	} else if (strcmp(what, "echo") == 0) {
		echo(request->in, out);
	} else if (strcmp(what, "sum") == 0) {
		sum(request->in, out);
	} else if (strncmp(what, "exit=", 5) == 0) {
		FCGX_FPrintF(out, "%sexit\n", plain);
		FCGX_SetExitStatus((int)strtol(value, NULL, 10), out);
	} else if (strncmp(what, "pour=", 5) == 0) {
		pour(strtol(value, NULL, 10), out);
	} else if (strncmp(what, "status=", 7) == 0) {
		FCGX_FPrintF(out, "Status: %s\r\n%sstatus\n", value, plain);
	} else if (strncmp(what, "bare=", 5) == 0) {
		FCGX_PutS(value, out);
	} else if (strncmp(what, "sleep=", 6) == 0) {
		rest(strtol(value, NULL, 10));
		FCGX_FPrintF(out, "%sawake\n", plain);
	} else if (strncmp(what, "die=", 4) == 0) {
		FCGX_FPrintF(out, "%shalf of it\n", plain);
		FCGX_FFlush(out);
		_exit((int)strtol(value, NULL, 10));
	} else if (strncmp(what, "err=", 4) == 0) {
		FCGX_PutS(value, request->err);
		FCGX_FPrintF(out, "%serr\n", plain);
	} else if (strcmp(what, "pid") == 0) {
		FCGX_FPrintF(out, "%s%d\n", plain, (int)getpid());
	} else if (strcmp(what, "allow") == 0) {
		FCGX_PutS("Status: 200 OK\r\nVariable-WHO: anna\r\n\r\n", out);
	} else if (strcmp(what, "deny") == 0) {
		FCGX_FPrintF(out, "Status: 403 Forbidden\r\n%sno\n", plain);
	} else {
		FCGX_FPrintF(out, "%shello %s\n", plain, what);
	}
}

int main(void)
{
	FCGX_Request request;

	FCGX_Init();
	FCGX_InitRequest(&request, 0, 0);
	while (FCGX_Accept_r(&request) == 0) {
		const char *what = FCGX_GetParam("DO", request.envp);

		if (!what)
			what = FCGX_GetParam("QUERY_STRING", request.envp);
		FCGX_SetExitStatus(0, request.out);
		answer(what ? what : "", &request);
		FCGX_Finish_r(&request);
	}
	return 0;
}
