/*
 * text: a small printf, and what else lines and paths need. What a text means
 * is its callers' business.
 */
#include "text.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct output {
	char *at;
	char *end; /* where the NUL goes at the latest */
};

/* One conversion, as the format spells it. */
struct field {
	bool left;
	char fill;
	size_t width;
	size_t precision;
	int longs;
};

/* So that functions can take from it in turns. */
struct arguments {
	va_list list;
};

static void put(struct output *output, char c)
{
	if (output->at < output->end)
		*output->at++ = c;
}

static void put_field(struct output *output, const struct field *field,
		      const char *text, size_t length)
{
	size_t pad = field->width > length ? field->width - length : 0;
	size_t i;

	for (i = 0; !field->left && i < pad; i++)
		put(output, field->fill);
	for (i = 0; i < length; i++)
		put(output, text[i]);
	for (i = 0; field->left && i < pad; i++)
		put(output, ' ');
}

static void put_number(struct output *output, const struct field *field,
		       unsigned long long number, unsigned base, bool minus)
{
	char digits[32];
	size_t at = sizeof(digits);

	do {
		digits[--at] = "0123456789abcdef"[number % base];
		number /= base;
	} while (number > 0);
	if (minus)
		digits[--at] = '-';
	put_field(output, field, digits + at, sizeof(digits) - at);
}

static const char *read_count(const char *format, size_t *count)
{
	for (*count = 0; *format >= '0' && *format <= '9'; format++)
		*count = *count * 10 + (size_t)(*format - '0');
	return format;
}

/* Reads what stands between % and the conversion's letter. */
static const char *read_field(const char *format, struct field *field,
			      struct arguments *arguments)
{
	*field = (struct field){.fill = ' ', .precision = (size_t)-1};
	for (;; format++) {
		if (*format == '-')
			field->left = true;
		else if (*format == '0')
			field->fill = '0';
		else
			break;
	}
	format = read_count(format, &field->width);
	if (*format == '.' && format[1] == '*') {
		field->precision = (size_t)va_arg(arguments->list, int);
		format += 2;
	} else if (*format == '.') {
		format = read_count(format + 1, &field->precision);
	}
	for (; *format == 'l'; format++)
		field->longs++;
	return format;
}

static unsigned long long take_unsigned(const struct field *field,
					struct arguments *arguments)
{
	if (field->longs == 0)
		return va_arg(arguments->list, unsigned);
	if (field->longs == 1)
		return va_arg(arguments->list, unsigned long);
	return va_arg(arguments->list, unsigned long long);
}

static void put_signed(struct output *output, const struct field *field,
		       struct arguments *arguments)
{
	long long number;

	if (field->longs == 0)
		number = va_arg(arguments->list, int);
	else if (field->longs == 1)
		number = va_arg(arguments->list, long);
	else
		number = va_arg(arguments->list, long long);
	put_number(output, field,
		   number < 0 ? 0 - (unsigned long long)number
			      : (unsigned long long)number,
		   10, number < 0);
}

static void put_string(struct output *output, const struct field *field,
		       struct arguments *arguments)
{
	const char *text = va_arg(arguments->list, const char *);
	size_t length = 0;

	while (length < field->precision && text[length])
		length++;
	put_field(output, field, text, length);
}

static void convert(struct output *output, char letter,
		    const struct field *field, struct arguments *arguments)
{
	switch (letter) {
	case 's':
		put_string(output, field, arguments);
		break;
	case 'd':
		put_signed(output, field, arguments);
		break;
	case 'u':
	case 'x':
	case 'o':
		put_number(output, field, take_unsigned(field, arguments),
			   letter == 'u'   ? 10
			   : letter == 'x' ? 16
					   : 8,
			   false);
		break;
	case 'c':
		put(output, (char)va_arg(arguments->list, int));
		break;
	default:
		put(output, letter);
	}
}

size_t text_vformat(char *out, size_t size, const char *format, va_list args)
{
	struct output output = {out, out + size - 1};
	struct arguments arguments;
	struct field field;

	va_copy(arguments.list, args);
	while (*format) {
		if (*format != '%') {
			put(&output, *format++);
			continue;
		}
		format = read_field(format + 1, &field, &arguments);
		convert(&output, *format++, &field, &arguments);
	}
	va_end(arguments.list);
	*output.at = '\0';
	return (size_t)(output.at - out);
}

size_t text_format(char *out, size_t size, const char *format, ...)
{
	va_list args;
	size_t length;

	va_start(args, format);
	length = text_vformat(out, size, format, args);
	va_end(args);
	return length;
}

char *text_join(const char *first, const char *second, const char *third)
{
	size_t begin = strlen(first);
	size_t middle = strlen(second);
	size_t end = strlen(third) + 1;
	char *text = malloc(begin + middle + end);

	if (!text)
		return NULL;
	memcpy(text, first, begin);
	memcpy(text + begin, second, middle);
	memcpy(text + begin + middle, third, end);
	return text;
}

size_t text_control(const char *text, size_t length)
{
	unsigned char c = (unsigned char)text[0];

	if (c < ' ' || c == 0x7f)
		return 1;
	return c == 0xc2 && length > 1 && (text[1] & 0xe0) == 0x80 ? 2 : 0;
}

size_t text_clean(char *out, size_t size, const char *text)
{
	static const char digits[] = "0123456789abcdef";
	size_t control = 0;
	size_t used = 0;

	for (; *text && used + 5 < size; text++) {
		unsigned char c = (unsigned char)*text;

		if (control == 0)
			control = text_control(text, 2);
		if (control == 0) {
			out[used++] = (char)c;
			continue;
		}
		control--;
		out[used++] = '\\';
		out[used++] = 'x';
		out[used++] = digits[c >> 4];
		out[used++] = digits[c & 15];
	}
	out[used] = '\0';
	return used;
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int text_percent(const char *text)
{
	int high = text[0] == '%' ? hex(text[1]) : -1;
	int low = high < 0 ? -1 : hex(text[2]);

	return low < 0 ? -1 : high << 4 | low;
}

int text_write(int fd, const char *text, size_t length)
{
	while (length > 0) {
		ssize_t n = write(fd, text, length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		text += n;
		length -= (size_t)n;
	}
	return 0;
}
