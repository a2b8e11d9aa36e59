/*
 * head: reads the header of an answer as it passes by.
 * A script may print anything: what does not begin as a header is all body,
 * and never lost.
 */
#include "head.h"

#include <string.h>
#include <strings.h>

void head_open(struct head *head, enum show show, unsigned char *hold)
{
	head->hold = hold;
	head->show = show;
	head->state = HEAD_LINES;
	head->status = 200;
	head->lines = head->line_length = head->held = 0;
}

static bool is_field(const char *line, size_t length)
{
	size_t name = 0;

	while (name < length && field_is_token(line[name]))
		name++;
	return name > 0 && name < length && line[name] == ':';
}

static int number_at(const char *text)
{
	int number = 0;
	int digits = 0;

	while (*text == ' ' || *text == '\t')
		text++;
	while (digits < 3 && *text >= '0' && *text <= '9') {
		number = number * 10 + (*text++ - '0');
		digits++;
	}
	return digits == 3 ? number : 200;
}

/* One line is complete, without its end. */
static void take_line(struct head *head)
{
	size_t length = head->line_length;
	char *line = head->line;

	if (length > sizeof(head->line) - 1)
		length = sizeof(head->line) - 1;
	else if (length > 0 && line[length - 1] == '\r')
		length--;
	line[length] = '\0';
	head->line_length = 0;
	if (head->lines++ == 0) {
		if (strncmp(line, "HTTP/", 5) == 0)
			head->status = number_at(line + strcspn(line, " "));
		else if (!is_field(line, length))
			head->state = HEAD_NONE;
	}
	if (head->state == HEAD_LINES && length == 0)
		head->state = HEAD_DONE;
	else if (strncasecmp(line, "Status:", 7) == 0)
		head->status = number_at(line + 7);
}

/* Returns how many of the bytes belong to the header. */
static size_t scan(struct head *head, const unsigned char *bytes, size_t n)
{
	size_t i = 0;

	while (i < n && head->state == HEAD_LINES) {
		if (bytes[i] == '\n')
			take_line(head);
		else if (head->line_length++ < sizeof(head->line) - 1)
			head->line[head->line_length - 1] = (char)bytes[i];
		i++;
	}
	return i;
}

static int add(struct slice out[2], int count, const unsigned char *bytes,
	       size_t n)
{
	if (n == 0)
		return count;
	out[count].bytes = bytes;
	out[count].length = n;
	return count + 1;
}

/* The header has ended in this piece, or it is known that there is none. */
static int settle(struct head *head, const unsigned char *bytes, size_t n,
		  size_t used, struct slice out[2])
{
	int count = 0;

	if (head->state == HEAD_NONE && head->show == SHOW_HEAD)
		return 0;
	if (head->state == HEAD_NONE || head->show == SHOW_HEAD)
		count = add(out, 0, head->hold, head->held);
	head->held = 0;
	if (head->state == HEAD_NONE)
		return add(out, count, bytes, n);
	if (head->show == SHOW_HEAD)
		return add(out, count, bytes, used);
	return add(out, count, bytes + used, n - used);
}

int head_take(struct head *head, const unsigned char *bytes, size_t n,
	      struct slice out[2])
{
	enum head_state before = head->state;
	size_t used = scan(head, bytes, n);

	if (head->show == SHOW_ALL)
		return add(out, 0, bytes, n);
	if (before != HEAD_LINES)
		return head->show == SHOW_CONTENT ? add(out, 0, bytes, n) : 0;
	if (head->state == HEAD_LINES && n <= HEAD_MAX - head->held) {
		memcpy(head->hold + head->held, bytes, n);
		head->held += n;
		return 0;
	}
	if (head->state == HEAD_LINES)
		head->state = HEAD_NONE;
	return settle(head, bytes, n, used, out);
}

int head_end(struct head *head, struct slice out[2])
{
	if (head->state != HEAD_LINES)
		return 0;
	head->state = HEAD_NONE;
	return settle(head, NULL, 0, 0, out);
}
