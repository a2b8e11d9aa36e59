/*
 * status: what goes on inside, for people and for monitoring.
 */
#include "status.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "notify.h"
#include "settings.h"
#include "shared.h"
#include "text.h"

#define CAUSE_MAX 12

enum format {
	FORMAT_TEXT,
	FORMAT_JSON,
	FORMAT_METRICS,
};

struct page {
	char *text;
	size_t used;
	enum format format;
	bool first; /* JSON: no comma before the next */

	/* What the next numbers are. */
	const char *name;
	const char *suffix; /* OpenMetrics: of a counter's name */
};

/* The page has room for all there is; what would not fit is cut. */
static void add(struct page *page, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void add(struct page *page, const char *format, ...)
{
	size_t room = STATUS_PAGE_MAX - page->used;
	va_list args;

	va_start(args, format);
	page->used += text_vformat(page->text + page->used, room, format, args);
	va_end(args);
}

/* Begins a number, or several that belong together. */
static void begin(struct page *page, const char *name, const char *type,
		  const char *help)
{
	page->name = name;
	page->suffix = strcmp(type, "counter") == 0 ? "_total" : "";
	if (page->format == FORMAT_METRICS)
		add(page, "# TYPE cgi_fcgi_%s %s\n# HELP cgi_fcgi_%s %s.\n",
		    name, type, name, help);
}

/* A number of its own, or one of several that their causes tell apart. */
static void add_number(struct page *page, const char *cause, uint64_t number)
{
	unsigned long long n = number;
	const char *name = page->name;

	switch (page->format) {
	case FORMAT_TEXT:
		add(page, "%s%s%s: %llu\n", name, *cause ? " " : "", cause, n);
		break;
	case FORMAT_JSON:
		add(page, "%s\"%s%s%s\": %llu", page->first ? "" : ",\n ", name,
		    *cause ? "_" : "", cause, n);
		page->first = false;
		break;
	case FORMAT_METRICS:
		add(page,
		    *cause ? "cgi_fcgi_%s%s{cause=\"%s\"} %llu\n"
			   : "cgi_fcgi_%s%s%s %llu\n",
		    name, page->suffix, cause, n);
		break;
	}
}

static void add_gauge(struct page *page, const char *name, const char *help,
		      long number)
{
	begin(page, name, "gauge", help);
	add_number(page, "", number > 0 ? (uint64_t)number : 0);
}

static void add_counter(struct page *page, const char *name, const char *help,
			uint64_t number)
{
	begin(page, name, "counter", help);
	add_number(page, "", number);
}

static void add_causes(struct page *page, const char *name, const char *help,
		       const char (*causes)[CAUSE_MAX],
		       const shared_count *numbers, int count)
{
	int i;

	begin(page, name, "counter", help);
	for (i = 0; i < count; i++)
		add_number(page, causes[i], numbers[i]);
}

/* Microseconds as seconds. */
static void add_seconds(struct page *page, const char *before, uint64_t us)
{
	add(page, "%s%llu.%06llu", before, (unsigned long long)us / 1000000,
	    (unsigned long long)us % 1000000);
}

static void add_buckets(struct page *page, const struct histogram *histogram,
			uint64_t total)
{
	uint64_t sum = 0;
	int i;

	for (i = 0; i < SHARED_BUCKETS; i++) {
		sum += histogram->bucket[i];
		add(page, "cgi_fcgi_%s_bucket{le=\"", page->name);
		if (i < SHARED_BUCKETS - 1)
			add_seconds(page, "", (uint64_t)histogram_bound(i));
		else
			add(page, "+Inf");
		add(page, "\"} %llu\n", (unsigned long long)sum);
	}
	add(page, "cgi_fcgi_%s_sum", page->name);
	add_seconds(page, " ", histogram->sum_us);
	add(page, "\ncgi_fcgi_%s_count %llu\n", page->name,
	    (unsigned long long)total);
}

/* The bucket's bound below which so many of a hundred lie. */
static uint64_t percentile(const struct histogram *histogram, uint64_t total,
			   unsigned percent)
{
	uint64_t sum = 0;
	int i;

	for (i = 0; i < SHARED_BUCKETS - 2; i++) {
		sum += histogram->bucket[i];
		if (sum * 100 >= total * percent)
			break;
	}
	return (uint64_t)histogram_bound(i);
}

static void add_histogram(struct page *page, const char *name, const char *help,
			  const struct histogram *histogram)
{
	bool is_text = page->format == FORMAT_TEXT;
	uint64_t total = 0;
	int i;

	for (i = 0; i < SHARED_BUCKETS; i++)
		total += histogram->bucket[i];
	begin(page, name, "histogram", help);
	if (page->format == FORMAT_METRICS) {
		add_buckets(page, histogram, total);
		return;
	}
	add(page, is_text ? "%s: %llu" : ",\n \"%s\": {\"count\": %llu", name,
	    (unsigned long long)total);
	add_seconds(page, is_text ? ", mean " : ", \"mean\": ",
		    total ? histogram->sum_us / total : 0);
	add_seconds(page, is_text ? ", half below " : ", \"p50_below\": ",
		    percentile(histogram, total, 50));
	add_seconds(page, is_text ? ", 99 of 100 below " : ", \"p99_below\": ",
		    percentile(histogram, total, 99));
	add(page, is_text ? "\n" : "}");
}

static long sum_of(size_t offset)
{
	long sum = 0;
	int i;

	for (i = 0; i < shared->workers; i++)
		sum += *(_Atomic long *)(void *)((char *)&shared->worker[i] +
						 offset);
	return sum;
}

static void add_now(struct page *page)
{
	add_gauge(page, "uptime_seconds", "Time since the start",
		  (long)((clock_us() - shared->started_us) / 1000000));
	add_gauge(page, "workers", "Event-loop processes", shared->workers);
	add_gauge(page, "connections", "Connections from web servers",
		  sum_of(offsetof(struct shared_worker, connections)));
	add_gauge(page, "active", "Requests in hand",
		  sum_of(offsetof(struct shared_worker, requests)));
	add_gauge(page, "running", "Programs running", shared->running);
	add_gauge(page, "queued", "Requests that wait for their turn",
		  shared->waiting);
}

/* What a process has of no file, in KiB. */
static long anonymous_kib(pid_t pid)
{
	static const char name[] = "Anonymous:";
	char text[2048];
	const char *line;
	ssize_t n;
	int fd;

	text_format(text, sizeof(text), "/proc/%ld/smaps_rollup", (long)pid);
	fd = open(text, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = '\0';
	line = strstr(text, name);
	return line ? strtol(line + sizeof(name) - 1, NULL, 10) : 0;
}

static void add_templates(struct page *page)
{
	long templates = 0;
	long kib = 0;
	int i;
	int j;

	for (i = 0; i < shared->workers; i++)
		for (j = 0; j < TEMPLATES_MAX; j++)
			if (shared->worker[i].template[j]) {
				templates++;
				kib += anonymous_kib(
					shared->worker[i].template[j]);
			}
	add_gauge(page, "templates", "Programs kept loaded (-preload)",
		  templates);
	add_gauge(page, "templates_kib", "Memory of their own, KiB", kib);
	add_counter(page, "preloaded", "Programs forked from a template",
		    shared->preloaded);
}

static void add_totals(struct page *page)
{
	static const char failed[FAILED_KINDS][CAUSE_MAX] = {
		[FAILED_NOT_FOUND] = "not_found",
		[FAILED_FORBIDDEN] = "forbidden",
		[FAILED_EXEC] = "exec",
		[FAILED_RESOURCE] = "resource",
		[FAILED_REPLY] = "reply",
		[FAILED_SIGNAL] = "signal",
		[FAILED_REQUEST] = "request",
		[FAILED_BODY] = "body",
	};
	static const char killed[KILLED_KINDS][CAUSE_MAX] = {
		[KILLED_TIMEOUT] = "timeout",
		[KILLED_MAX_TIME] = "max_time",
		[KILLED_ABORTED] = "aborted",
	};

	add_counter(page, "accepted", "Connections accepted", shared->accepted);
	add_counter(page, "requests", "Requests begun", shared->requests);
	if (set.preload.count > 0)
		add_templates(page);
	add_counter(page, "refused", "Requests refused by -queue",
		    shared->refused);
	add_counter(page, "protocol_errors", "Connections that broke FastCGI",
		    shared->protocol_errors);
	add_counter(page, "bytes_in", "Bytes of bodies", shared->bytes_in);
	add_counter(page, "bytes_out", "Bytes of replies", shared->bytes_out);
	add_counter(page, "worker_deaths", "Workers that died",
		    shared->worker_deaths);
	add_causes(page, "failed", "Requests that failed", failed,
		   shared->failed, FAILED_KINDS);
	add_causes(page, "killed", "Programs ended by the wrapper", killed,
		   shared->killed, KILLED_KINDS);
	add_histogram(page, "spawn_seconds",
		      "Time that starts take the wrapper", &shared->spawn_time);
	add_histogram(page, "request_seconds", "Time of a request",
		      &shared->request_time);
}

/* In SCRIPT_NAME, or, from Apache, in PATH_INFO behind it. */
static bool is_ping(const struct env *env)
{
	const char *name = env_get(env, "SCRIPT_NAME");
	const char *info = env_get(env, "PATH_INFO");

	name += strlen(set.status);
	return strcmp(*name || !info ? name : info, "/ping") == 0;
}

bool status_is_asked(const struct env *env)
{
	const char *name = set.status ? env_get(env, "SCRIPT_NAME") : NULL;
	size_t length;

	if (!name)
		return false;
	length = strlen(set.status);
	return strncmp(name, set.status, length) == 0 &&
	       (!name[length] || is_ping(env));
}

size_t status_page(char text[STATUS_PAGE_MAX], const struct env *env)
{
	static const char types[][32] = {
		[FORMAT_TEXT] = "text/plain",
		[FORMAT_JSON] = "application/json",
		[FORMAT_METRICS] = "application/openmetrics-text",
	};
	const char *query = env_get(env, "QUERY_STRING");
	struct page page = {.text = text, .first = true};

	if (query && strcmp(query, "json") == 0)
		page.format = FORMAT_JSON;
	else if (query && strcmp(query, "openmetrics") == 0)
		page.format = FORMAT_METRICS;
	add(&page,
	    "Content-Type: %s%s; charset=utf-8\r\n"
	    "Cache-Control: no-store\r\n\r\n",
	    types[page.format],
	    page.format == FORMAT_METRICS ? "; version=1.0.0" : "");
	if (is_ping(env)) {
		add(&page, "pong\n");
		return page.used;
	}
	if (page.format == FORMAT_JSON)
		add(&page, "{");
	add_now(&page);
	add_totals(&page);
	if (page.format == FORMAT_JSON)
		add(&page, "}\n");
	if (page.format == FORMAT_METRICS)
		add(&page, "# EOF\n");
	return page.used;
}

bool status_is_new(void)
{
	static uint64_t seen;

	if (seen == shared->requests)
		return false;
	seen = shared->requests;
	return true;
}

void status_tell(void)
{
	char line[200];

	text_format(line, sizeof(line),
		    "STATUS=%llu requests, %ld in hand, %ld programs running, "
		    "%ld requests waiting",
		    (unsigned long long)shared->requests,
		    sum_of(offsetof(struct shared_worker, requests)),
		    (long)shared->running, (long)shared->waiting);
	notify(line);
}
