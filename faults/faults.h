#ifndef FAULTS_H
#define FAULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "addr.h"
#include "inject.h"

/*
 * faults: makes each call fail, at its first, second, third... time, until a
 * run passes untouched, and looks at what comes of it (sqlite's method).
 */

/* One run of the same things each time. Returns NULL if all went as it should,
 * or, where something was made to fail, as it may; else what is wrong. */
struct scenario {
	const char *name;
	const char *(*run)(const struct scenario *scenario, bool faulted);
	const void *what;
	bool known; /* what others do too need not fail here again */
};

extern struct inject *control;
extern char folder[]; /* where everything lies */
extern const char *binary;
extern const char *programs; /* folder of CGI programs */

/* Tells it all and ends: the test itself cannot go on. */
void give_up(const char *what);

/* A text that stays until the next eight calls. */
const char *text(const char *format, ...) __attribute__((format(printf, 1, 2)));

void sleep_ms(int ms);
int64_t clock_ms(void);

/* Starts a program, with the library that injects faults or without; its
 * stdout and stderr go to the files out and err in the folder. */
pid_t start(char *const argv[], char *const envp[], int stdin_fd, bool faulty);
pid_t start_into(char *const argv[], char *const envp[], int stdin_fd,
		 int stdout_fd, bool faulty);

/* The status of waitpid once it has ended, -1 if that takes too long. */
int wait_end(pid_t pid, int ms);

/* What has lost its parent is ours: ends all of it but one. Returns whether
 * there was anything. */
bool end_orphans(pid_t but);

/* Whether there is such a file in the folder. */
bool is_there(const char *name);

/* The contents of a file in the folder, ended by NUL. */
char *contents(const char *name, size_t *length);

/* --- client.c: requests and their replies */

struct exchange {
	uint16_t id;
	uint16_t role;
	char how;	/* as of tests/cgi/nonce.c; a: silent, and aborted */
	unsigned bytes; /* of the reply */
	unsigned body;
	unsigned data;
	bool early;	/* FCGI_DATA before FCGI_STDIN */
	bool no_length; /* no CONTENT_LENGTH */
	bool nginx;
	bool by_root;	     /* no SCRIPT_FILENAME */
	const char *program; /* nonce, if NULL */
	int page;	     /* the status of the page that should come */
	const char *holds;   /* or what the reply should hold */

	unsigned long nonce;
	char *text; /* that should come */
	size_t length;
	uint32_t status;

	char *out;
	size_t out_length;
	char err[1024];
	size_t err_length;
	bool ended;
	uint32_t app_status;
	uint8_t protocol_status;
};

struct visit {
	const struct endpoint *to;
	bool keep;
	bool one_by_one;
	bool slow; /* reads late */
	bool cut;  /* closes the connection in the middle */
	int patience_ms;
	struct exchange exchange[8];
	int count;
};

/* Asks all of it on one connection. Returns what is wrong, as a scenario. */
const char *visit(const struct visit *plan, bool faulted);

/* --- What is tried */

int faults_serving(void);
int faults_starting(void);
int faults_bridge(void);

/* Every fault in every scenario; between two of them `after`, if there is one,
 * says whether all is as before. Returns how many were wrong. */
int campaign(const char *name, const struct scenario *scenarios,
	     const char *(*after)(void));

#endif
