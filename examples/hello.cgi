#!/bin/sh
# A CGI program: greets, and says what it was sent. It knows nothing of FastCGI.
printf 'Content-Type: text/plain\r\n\r\n'
echo "Hello, ${QUERY_STRING:-world}!"
echo "You asked with $REQUEST_METHOD for $SCRIPT_NAME${PATH_INFO:-}."
if [ "${CONTENT_LENGTH:-0}" -gt 0 ]; then
	echo "You sent $CONTENT_LENGTH bytes: $(cat)"
fi
