/*
 * reply: first lines and error pages. It is given bytes and judges them; where
 * they come from and what follows is answer's and request's business.
 */
#include "reply.h"

#include <string.h>
#include <strings.h>

#include "field.h"
#include "text.h"

static enum reply_head judge_status(const unsigned char *bytes, size_t n)
{
	static const char line[] = "HTTP/1.";
	size_t known = sizeof(line) - 1;

	if (memcmp(bytes, line, n < known ? n : known) != 0)
		return REPLY_BAD;
	if (n < known + 2)
		return REPLY_UNKNOWN;
	return bytes[known + 1] == ' ' ? REPLY_STATUS : REPLY_BAD;
}

enum reply_head reply_judge(const unsigned char *bytes, size_t n)
{
	size_t i;

	for (i = 0; i < n && i < FIELD_NAME_MAX; i++) {
		if (bytes[i] == ':' && i > 0)
			return REPLY_FIELD;
		if (bytes[i] == '/')
			return judge_status(bytes, n);
		if (!field_is_token((char)bytes[i]))
			return REPLY_BAD;
	}
	return i < FIELD_NAME_MAX ? REPLY_UNKNOWN : REPLY_BAD;
}

bool reply_is_whole(const unsigned char *bytes, size_t n)
{
	const unsigned char *end = bytes + n;
	const unsigned char *line;

	while ((line = memchr(bytes, '\n', (size_t)(end - bytes)))) {
		bytes = line + 1;
		if (bytes < end && *bytes == '\r')
			bytes++;
		if (bytes < end && *bytes == '\n')
			return true;
	}
	return false;
}

size_t reply_status_line(unsigned char *bytes, size_t n)
{
	static const char field[] = "Status: ";
	size_t length = sizeof(field) - 1;

	memcpy(bytes, field, length);
	memmove(bytes + length, bytes + length + 1, n - length - 1);
	return n - 1;
}

static bool has_name(const char *line, size_t n, const char *name)
{
	size_t length = strlen(name);

	return n > length && strncasecmp(line, name, length) == 0;
}

/* The number of three digits that follows blanks; 0 if there is none. */
static int number_in(const char *text, size_t n)
{
	int number = 0;
	size_t i = 0;
	size_t end;

	while (i < n && (text[i] == ' ' || text[i] == '\t'))
		i++;
	for (end = i + 3; i < end; i++) {
		if (i >= n || text[i] < '0' || text[i] > '9')
			return 0;
		number = number * 10 + text[i] - '0';
	}
	return number;
}

int reply_status(const unsigned char *bytes, size_t n)
{
	static const char field[] = "Status:";
	const size_t length = sizeof(field) - 1;
	const char *line = (const char *)bytes;
	const char *end = line + n;
	int status = 200;

	while (line < end && *line != '\r' && *line != '\n') {
		const char *stop = memchr(line, '\n', (size_t)(end - line));
		size_t size = (size_t)((stop ? stop : end) - line);

		if (has_name(line, size, field))
			return number_in(line + length, size - length);
		if (has_name(line, size, "Location:"))
			status = 302;
		line += size + 1;
	}
	return status;
}

static const char *reason_of(int status)
{
	switch (status) {
	case 400:
		return "Bad Request";
	case 403:
		return "Forbidden";
	case 404:
		return "Not Found";
	case 431:
		return "Request Header Fields Too Large";
	case 503:
		return "Service Unavailable";
	case 504:
		return "Gateway Timeout";
	case 507:
		return "Insufficient Storage";
	default:
		return "Internal Server Error";
	}
}

size_t reply_page(char page[REPLY_PAGE_MAX], int status)
{
	const char *reason = reason_of(status);

	return text_format(page, REPLY_PAGE_MAX,
			   "Status: %d %s\r\n"
			   "Content-Type: text/plain\r\n"
			   "%s"
			   "\r\n"
			   "%d %s\n",
			   status, reason,
			   status == 503 ? "Retry-After: 5\r\n" : "", status,
			   reason);
}
