/*
 * ask: what the application is asked (RFC 3875 §4.1). A CGI program's
 * environment is a request already; from a shell, -url makes one in which
 * nothing of the caller's environment is.
 */
#include "ask.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "field.h"
#include "opt.h"
#include "text.h"
#include "wish.h"

static char *join(struct params *params, const char *a, const char *b,
		  const char *c)
{
	size_t size = strlen(a) + strlen(b) + strlen(c) + 1;
	char *text = params_text(params, size);

	text_format(text, size, "%s%s%s", a, b, c);
	return text;
}

/* A copy of a URL's path with its %HH undone. */
static char *decode(struct params *params, const char *path, size_t length)
{
	char *text = params_text(params, length + 1);
	size_t used = 0;
	size_t i;

	for (i = 0; i < length; i++) {
		int byte = i + 2 < length ? text_percent(path + i) : -1;

		text[used++] = path[i];
		if (byte < 0)
			continue;
		text[used - 1] = (char)byte;
		i += 2;
		if (text[used - 1] == '\0')
			opt_usage("-url: a path cannot hold %%00");
	}
	text[used] = '\0';
	return text;
}

/* The application has a working folder of its own. */
static char *absolute(struct params *params, const char *folder)
{
	char *resolved;
	char *path;

	if (folder[0] == '/')
		return join(params, folder, "", "");
	resolved = realpath(folder, NULL);
	if (!resolved)
		opt_usage("-root %s: %s", folder, strerror(errno));
	path = join(params, resolved, "", "");
	free(resolved);
	return path;
}

static void set(struct params *params, const char *name, const char *value)
{
	params_add(params, name, strlen(name), value);
}

static void add_pair(struct params *params, const char *pair)
{
	size_t length = strcspn(pair, "=");

	if (length > 0 && pair[length] == '=')
		params_add(params, pair, length, pair + length + 1);
}

/* /PATH?QUERY, as a browser would have sent it: without #FRAGMENT. */
static void add_url(struct params *params)
{
	char *url = join(params, wish.url, "", "");
	size_t length;
	char *query;
	char *path;
	char *root;

	url[strcspn(url, "#")] = '\0';
	length = strcspn(url, "?");
	query = url + length + (url[length] == '?');
	path = decode(params, url, length);
	if (path[0] != '/')
		opt_usage("-url %s: a path begins with /", wish.url);
	set(params, "REQUEST_URI", url);
	set(params, "DOCUMENT_URI", path);
	set(params, "SCRIPT_NAME", path);
	set(params, "QUERY_STRING", query);
	if (!wish.root) {
		set(params, "SCRIPT_FILENAME", path);
		return;
	}
	root = absolute(params, wish.root);
	for (length = strlen(root); length > 0 && root[length - 1] == '/';)
		root[--length] = '\0';
	set(params, "DOCUMENT_ROOT", *root ? root : "/");
	set(params, "SCRIPT_FILENAME", join(params, root, "", path));
}

static void add_request(struct params *params)
{
	/* Without REDIRECT_STATUS php-cgi runs nothing. */
	const char *pair = "GATEWAY_INTERFACE=CGI/1.1\0"
			   "SERVER_SOFTWARE=cgi-fcgi/" VERSION "\0"
			   "SERVER_PROTOCOL=HTTP/1.1\0"
			   "SERVER_NAME=localhost\0"
			   "SERVER_PORT=80\0"
			   "REMOTE_ADDR=127.0.0.1\0"
			   "REMOTE_PORT=0\0"
			   "REQUEST_SCHEME=http\0"
			   "REDIRECT_STATUS=200\0"
			   "HTTP_HOST=localhost\0";
	const char *method = wish.method;

	if (!method)
		method = wish.body ? "POST" : "GET";
	for (; *pair; pair += strlen(pair) + 1)
		add_pair(params, pair);
	set(params, "REQUEST_METHOD", method);
	add_url(params);
	if (wish.body)
		set(params, "CONTENT_TYPE",
		    "application/x-www-form-urlencoded");
	else if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
		set(params, "CONTENT_LENGTH", "0");
}

/* As it stands in a variable's name, or 0: it is not of a header's. */
static char of_variable(char c)
{
	if (!field_is_token(c))
		return 0;
	if (c == '-')
		return '_';
	if (c >= 'a' && c <= 'z')
		return (char)(c - 'a' + 'A');
	return c;
}

/* HTTP_NAME_OF_IT, or the two names without HTTP_ (RFC 3875 §4.1.18). */
static char *header_name(struct params *params, const char *header,
			 size_t length)
{
	char *name = params_text(params, length + sizeof("HTTP_"));
	size_t i;

	memcpy(name, "HTTP_", 5);
	for (i = 0; i < length; i++) {
		name[5 + i] = of_variable(header[i]);
		if (!name[5 + i])
			opt_usage("-header %s: not a header's name", header);
	}
	name[5 + length] = '\0';
	if (strcmp(name, "HTTP_CONTENT_TYPE") == 0 ||
	    strcmp(name, "HTTP_CONTENT_LENGTH") == 0)
		return name + 5;
	return name;
}

/* The same header twice is one with both values (RFC 9110 §5.3). */
static void add_header(struct params *params, const char *header, bool again)
{
	size_t length = strcspn(header, ":");
	const char *value = header + length + 1;
	const char *before;
	const char *name;

	if (length == 0 || !header[length])
		opt_usage("-header %s: not 'Name: value'", header);
	value += strspn(value, " \t");
	name = header_name(params, header, length);
	before = again ? params_get(params, name) : NULL;
	if (before && strncmp(name, "HTTP_", 5) == 0)
		value = join(params, before,
			     strcmp(name, "HTTP_COOKIE") == 0 ? "; " : ", ",
			     value);
	params_set(params, name, value);
}

/* Whether an earlier -header has the same name. */
static bool is_repeated(int index)
{
	const char *header = wish.header.word[index];
	size_t length = strcspn(header, ":");
	int i;

	for (i = 0; i < index; i++)
		if (strncasecmp(wish.header.word[i], header, length + 1) == 0)
			return true;
	return false;
}

static void add_environment(struct params *params)
{
	char **p;

	for (p = environ; *p; p++)
		add_pair(params, *p);
}

/* An authorizer is asked about a request, not about a resource of its own
 * (FastCGI 1.0 §6.3). */
static void fit_role(struct params *params)
{
	if (wish.role != FCGI_AUTHORIZER)
		return;
	params_drop(params, "CONTENT_LENGTH");
	params_drop(params, "PATH_INFO");
	params_drop(params, "PATH_TRANSLATED");
	params_drop(params, "SCRIPT_NAME");
}

static void add_wished(struct params *params)
{
	int i;

	for (i = 0; i < wish.env.count; i++) {
		const char *pair = wish.env.word[i];
		size_t length = strcspn(pair, "=");
		const char *value;

		if (pair[length] == '=') {
			params_set_pair(params, pair, length);
			continue;
		}
		value = getenv(pair);
		if (value)
			params_set(params, pair, value);
	}
}

void ask_fill(struct params *params)
{
	int i;

	if (wish.url)
		add_request(params);
	else
		add_environment(params);
	for (i = 0; i < wish.header.count; i++)
		add_header(params, wish.header.word[i], is_repeated(i));
	fit_role(params);
	add_wished(params);
}
