/*
 * ask: the request.
 */
#include "ask.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bridge.h"
#include "fault.h"
#include "record.h"
#include "text.h"

extern char **environ;

/* Whether -env names this variable too: then that is what counts. */
static bool is_overridden(const char *name, size_t length)
{
	int i;

	for (i = 0; i < wish.env.count; i++)
		if (strncmp(wish.env.word[i], name, length) == 0 &&
		    (wish.env.word[i][length] == '=' ||
		     !wish.env.word[i][length]))
			return true;
	return false;
}

static void add_pair(struct ask *ask, const char *pair)
{
	size_t length = strcspn(pair, "=");

	if (pair[length])
		params_add(&ask->params, pair, length, pair + length + 1,
			   strlen(pair + length + 1));
}

static void add(struct ask *ask, const char *name, const char *value)
{
	if (!is_overridden(name, strlen(name)))
		params_add(&ask->params, name, strlen(name), value,
			   strlen(value));
}

static void add_wishes(struct ask *ask)
{
	int i;

	for (i = 0; i < wish.env.count; i++) {
		const char *word = wish.env.word[i];
		const char *own = strchr(word, '=') ? NULL : getenv(word);

		if (own)
			params_add(&ask->params, word, strlen(word), own,
				   strlen(own));
		else
			add_pair(ask, word);
	}
}

static const char *wished(const char *name)
{
	size_t length = strlen(name);
	int i;

	for (i = wish.env.count - 1; i >= 0; i--)
		if (strncmp(wish.env.word[i], name, length) == 0 &&
		    wish.env.word[i][length] == '=')
			return wish.env.word[i] + length + 1;
	return NULL;
}

static uint64_t parse_length(const char *text)
{
	uint64_t value = 0;
	const char *p;

	for (p = text; *p >= '0' && *p <= '9' && value < UINT64_MAX / 20; p++)
		value = value * 10 + (uint64_t)(*p - '0');
	if (p == text || *p)
		fault_page(wish.in_cgi ? EXIT_BODY : OPT_USAGE_STATUS, 400,
			   "CONTENT_LENGTH is not a length", text);
	return value;
}

/* A file without a name, for a body whose length must be known first. */
static int temporary(void)
{
	const char *folder = getenv("TMPDIR");
	char path[4096];
	int fd;

	text_format(path, sizeof(path), "%s/cgi-fcgi.XXXXXX",
		    folder && *folder ? folder : "/tmp");
	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		fault(EXIT_BODY, "the body cannot be kept", strerror(errno));
	unlink(path);
	return fd;
}

static void write_all(int fd, const char *bytes, size_t n)
{
	while (n > 0) {
		ssize_t written = write(fd, bytes, n);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			fault(EXIT_BODY, "the body cannot be kept",
			      strerror(errno));
		bytes += written;
		n -= (size_t)written;
	}
}

/* Reads fd to its end into a file; returns the file. */
static int take_whole(int from, uint64_t *length)
{
	static char block[65536];
	int fd = temporary();
	ssize_t n;

	*length = 0;
	while ((n = read(from, block, sizeof(block))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			fault(EXIT_BODY, "the body cannot be read",
			      strerror(errno));
		write_all(fd, block, (size_t)n);
		*length += (uint64_t)n;
	}
	if (lseek(fd, 0, SEEK_SET) < 0)
		fault(EXIT_BODY, "the body cannot be read", strerror(errno));
	return fd;
}

static void add_length(struct ask *ask)
{
	char text[24];

	text_format(text, sizeof(text), "%llu",
		    (unsigned long long)ask->body_length);
	add(ask, "CONTENT_LENGTH", text);
}

/* A file's length is known; a pipe must be read first. */
static int open_sized(const char *path, uint64_t *length)
{
	struct stat st;
	int fd = strcmp(path, "-") == 0 ? STDIN_FILENO
					: open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st) < 0)
		fault(EXIT_BODY, path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return take_whole(fd, length);
	*length = (uint64_t)(st.st_size - lseek(fd, 0, SEEK_CUR));
	return fd;
}

static void add_data(struct ask *ask)
{
	struct stat st;
	char text[32];

	if (!wish.data)
		return;
	ask->data = open_sized(wish.data, &ask->data_length);
	text_format(text, sizeof(text), "%llu",
		    (unsigned long long)ask->data_length);
	add(ask, "FCGI_DATA_LENGTH", text);
	if (fstat(ask->data, &st) == 0) {
		text_format(text, sizeof(text), "%lld", (long long)st.st_mtime);
		add(ask, "FCGI_DATA_LAST_MOD", text);
	}
}

static bool is_chunked(void)
{
	const char *coding = getenv("HTTP_TRANSFER_ENCODING");

	return coding && strcasecmp(coding, "chunked") == 0;
}

static void from_environment(struct ask *ask)
{
	const char *length = wished("CONTENT_LENGTH");
	char **pair;

	if (!length)
		length = getenv("CONTENT_LENGTH");
	for (pair = environ; *pair; pair++)
		if (!is_overridden(*pair, strcspn(*pair, "=")))
			add_pair(ask, *pair);
	if (length && *length) {
		ask->body_length = parse_length(length);
		ask->body = STDIN_FILENO;
	} else if (is_chunked()) {
		ask->body = take_whole(STDIN_FILENO, &ask->body_length);
		add_length(ask);
	}
}

/* Name: value becomes HTTP_NAME (RFC 3875 §4.1.18), but for two. */
static void add_header(struct ask *ask, const char *header)
{
	char name[256] = "HTTP_";
	size_t used = 5;
	const char *p;

	for (p = header; *p && *p != ':' && used + 1 < sizeof(name); p++)
		name[used++] =
			*p == '-' ? '_' : (char)toupper((unsigned char)*p);
	if (*p != ':')
		opt_usage("-header %s: not 'Name: value'", header);
	name[used] = '\0';
	p += 1 + strspn(p + 1, " \t");
	if (strcmp(name, "HTTP_CONTENT_TYPE") == 0)
		add(ask, "CONTENT_TYPE", p);
	else if (strcmp(name, "HTTP_CONTENT_LENGTH") != 0)
		add(ask, name, p);
}

static bool has_header(const char *name)
{
	size_t length = strlen(name);
	int i;

	for (i = 0; i < wish.header.count; i++)
		if (strncasecmp(wish.header.word[i], name, length) == 0 &&
		    wish.header.word[i][length] == ':')
			return true;
	return false;
}

static char *joined(const char *a, const char *b, size_t b_length)
{
	size_t length = strlen(a);
	char *text = malloc(length + b_length + 1);

	if (!text)
		fault(1, "no memory", NULL);
	memcpy(text, a, length);
	memcpy(text + length, b, b_length);
	text[length + b_length] = '\0';
	return text;
}

static void add_path(struct ask *ask)
{
	size_t length = strcspn(wish.url, "?");
	char *path = joined("", wish.url, length);
	char *file = joined(wish.root ? wish.root : "", path, length);

	add(ask, "REQUEST_URI", wish.url);
	add(ask, "QUERY_STRING", wish.url[length] ? wish.url + length + 1 : "");
	add(ask, "SCRIPT_NAME", path);
	add(ask, "DOCUMENT_URI", path);
	add(ask, "SCRIPT_FILENAME", file);
	if (wish.root)
		add(ask, "DOCUMENT_ROOT", wish.root);
	free(path);
	free(file);
}

static void from_url(struct ask *ask)
{
	const char *method = wish.method ? wish.method
			     : wish.body ? "POST"
					 : "GET";
	int i;

	add(ask, "GATEWAY_INTERFACE", "CGI/1.1");
	add(ask, "SERVER_SOFTWARE", "cgi-fcgi");
	add(ask, "SERVER_PROTOCOL", "HTTP/1.1");
	add(ask, "SERVER_NAME", "localhost");
	add(ask, "SERVER_ADDR", "127.0.0.1");
	add(ask, "SERVER_PORT", "80");
	add(ask, "REMOTE_ADDR", "127.0.0.1");
	add(ask, "REMOTE_PORT", "0");
	add(ask, "REQUEST_SCHEME", "http");
	add(ask, "REQUEST_METHOD", method);
	add_path(ask);
	if (!has_header("Host"))
		add(ask, "HTTP_HOST", "localhost");
	for (i = 0; i < wish.header.count; i++)
		add_header(ask, wish.header.word[i]);
	if (!wish.body)
		return;
	ask->body = open_sized(wish.body, &ask->body_length);
	add_length(ask);
	if (!has_header("Content-Type"))
		add(ask, "CONTENT_TYPE", "application/x-www-form-urlencoded");
}

void ask_prepare(struct ask *ask)
{
	unsigned char begin[16];

	memset(ask, 0, sizeof(*ask));
	ask->body = ask->data = -1;
	record_begin_request(begin, 1, (uint16_t)wish.role, 0);
	params_raw(&ask->params, begin, sizeof(begin));
	if (wish.url)
		from_url(ask);
	else
		from_environment(ask);
	add_data(ask);
	add_wishes(ask);
	params_end(&ask->params);
}
