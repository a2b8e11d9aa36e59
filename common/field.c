/*
 * field: what a name is made of.
 */
#include "field.h"

#include <string.h>

bool field_is_token(char c)
{
	return c > ' ' && c < 0x7f && !strchr("()<>@,;:\\\"/[]?={}", c);
}
