# -url: the bridge as a command for the shell.
bats_require_minimum_version 1.5.0
load helpers
load bridge

# variables [ARG...]: what the application sees, a line each, sorted; its own
# library adds FCGI_ROLE.
variables() {
	bridge -env DO=env "$@" | tr '\0' '\n' | grep -vxE 'DO=env|FCGI_ROLE=.*' |
		sort
}

@test "-url makes a complete request, and nothing of the caller's environment is in it" {
	app
	SECRET=1 HTTP_X=2 REQUEST_METHOD=PUT CONTENT_LENGTH=99 \
		GATEWAY_INTERFACE=CGI/9 variables -url '/a/b.php?c=d&e' >got
	sort >want <<-END
		DOCUMENT_URI=/a/b.php
		GATEWAY_INTERFACE=CGI/1.1
		HTTP_HOST=localhost
		QUERY_STRING=c=d&e
		REDIRECT_STATUS=200
		REMOTE_ADDR=127.0.0.1
		REMOTE_PORT=0
		REQUEST_METHOD=GET
		REQUEST_SCHEME=http
		REQUEST_URI=/a/b.php?c=d&e
		SCRIPT_FILENAME=/a/b.php
		SCRIPT_NAME=/a/b.php
		SERVER_NAME=localhost
		SERVER_PORT=80
		SERVER_PROTOCOL=HTTP/1.1
		SERVER_SOFTWARE=cgi-fcgi/$("$CGI_FCGI" -version |
			cut -d ' ' -f 2)
	END
	diff want got
}

@test "-root is DOCUMENT_ROOT and goes before the path; with a / at its end, relative, or the root itself" {
	app
	mkdir www
	local want
	for want in "/srv/w:/srv/w" "/srv/w//:/srv/w" "www:$PWD/www" "/:"; do
		variables -url /x.php -root "${want%%:*}" >got
		grep -qxF "SCRIPT_FILENAME=${want#*:}/x.php" got || return
		grep -qxF "DOCUMENT_ROOT=${want#*:}" got ||
			[ "${want%%:*}" = / ] || return
	done
	grep -qx 'DOCUMENT_ROOT=/' got
	run -2 url /x -root no-such-folder
}

@test "a fragment is not sent, as a browser sends none" {
	app
	local url
	for url in '/a?b=c#d?e' '/a#d'; do
		url "$url" -env DO=env >got
		run ! grep -F '#' got
		grep -qxF "REQUEST_URI=${url%%#*}" got
		grep -qxF SCRIPT_NAME=/a got
	done
	url /a%23b -env DO=env | grep -qxF 'SCRIPT_NAME=/a#b'
}

@test "stdin is either -body or -data, and named as stdin when it is a folder" {
	run -2 url / -role filter -body - -data -
	[[ $output == *'stdin is either -body or -data'* ]]
	CONTENT_LENGTH=4 run -2 bridge -role filter -data - <<<body
	[[ $output == *'stdin is either the body or -data'* ]]
	run -26 --separate-stderr url / -body - <.
	told 'stdin: is a folder'
}

@test "a path is decoded, REQUEST_URI and QUERY_STRING stay as they are" {
	app
	variables -url '/a%20b%2fc%C3%A9%zz%4?q=%20%00' >got
	grep -qxF 'SCRIPT_NAME=/a b/cé%zz%4' got
	grep -qxF 'REQUEST_URI=/a%20b%2fc%C3%A9%zz%4?q=%20%00' got
	grep -qxF 'QUERY_STRING=q=%20%00' got
	run -2 --separate-stderr url '/a%00b'
	[[ $stderr == *'%00'* ]]
	run -2 url relative
}

@test "-method, and CONTENT_LENGTH=0 where a body would be expected" {
	app
	variables -url / -method DELETE | grep -qx 'CONTENT_LENGTH=0'
	variables -url / -method DELETE | grep -qx 'REQUEST_METHOD=DELETE'
	variables -url / -method HEAD >got
	grep -qx 'REQUEST_METHOD=HEAD' got
	run ! grep -q CONTENT_LENGTH got
	run -2 url / -method 'GET /'
	run -2 url / -method ''
}

@test "-header: names become variables, twice is joined, Content-Type and Host have their places" {
	app
	variables -url / -header 'X-Some-Thing:  a b ' -header 'host: example.org' \
		-header 'Accept: a' -header 'ACCEPT: b' -header 'Cookie: c=1' \
		-header 'Cookie: d=2' -header 'Empty:' -body /dev/null \
		-header 'content-type: text/x' >got
	grep -qxF 'HTTP_X_SOME_THING=a b ' got
	grep -qxF 'HTTP_HOST=example.org' got
	grep -qxF 'HTTP_ACCEPT=a, b' got
	grep -qxF 'HTTP_COOKIE=c=1; d=2' got
	grep -qxF 'HTTP_EMPTY=' got
	grep -qxF 'CONTENT_TYPE=text/x' got
	[ "$(grep -c -e HTTP_HOST -e CONTENT_TYPE got)" -eq 2 ]
	local bad
	for bad in novalue ': x' 'a b: c' $'A: b\nC: d' ''; do
		run -2 url / -header "$bad"
	done
}

@test "-body from a file, from a pipe, from stdin as a file, from /proc, empty" {
	app
	head -c 300000 /dev/urandom >sent
	url / -env DO=echo -body sent | cmp - sent
	cat sent | url / -env DO=echo -body - | cmp - sent
	url / -env DO=echo -body - <sent | cmp - sent
	local from
	for from in sent <(cat sent); do
		{
			head -c 1000 >/dev/null
			url / -env DO=echo -body - >rest
		} <"$from"
		tail -c +1001 sent | cmp - rest
	done
	url / -env DO=echo -body /proc/self/mounts | grep -q ' /proc '
	# For nothing no folder is needed.
	: >nothing
	for from in /dev/null nothing; do
		TMPDIR=/none run -0 url / -env DO=echo -body $from
		[ -z "$output" ]
	done
	TMPDIR=/none run -26 url / -body - < <(cat sent)
	[[ $output == *'stdin: a temporary file in $TMPDIR or /tmp: No such file'* ]]
	variables -url / -body sent >got
	grep -qx 'CONTENT_LENGTH=300000' got
	grep -qx 'REQUEST_METHOD=POST' got
	grep -qx 'CONTENT_TYPE=application/x-www-form-urlencoded' got
	variables -url / -body sent -method PUT | grep -qx 'REQUEST_METHOD=PUT'
}

@test "a CONTENT_LENGTH that is given counts: longer bodies are cut, shorter ones are 26" {
	app
	echo 123456789 >sent
	run -0 url / -env DO=echo -body sent -env CONTENT_LENGTH=4
	[ "$output" = 1234 ]
	run -26 --separate-stderr url / -env DO=echo -body sent \
		-header 'Content-Length: 40'
	[[ $stderr == *'sent: ended early (30 bytes are missing)' ]]
	# What comes from a pipe goes on as it comes, and its end is not awaited.
	run -0 eval '{ head -c 4 sent; sleep 5; } |
		url / -env DO=echo -body - -env CONTENT_LENGTH=4 -timeout 2'
	[ "$output" = 1234 ]
	run -26 --separate-stderr eval 'cat sent |
		url / -env DO=echo -body - -env CONTENT_LENGTH=40'
	[[ $stderr == *'stdin: ended early (30 bytes are missing)' ]]
}

@test "a CONTENT_LENGTH without -body is malformed, or promises what is not there: 2, and nobody is asked" {
	app
	local length
	for length in abc -1 5; do
		run -2 --separate-stderr url / -env CONTENT_LENGTH=$length
		[[ $stderr == *CONTENT_LENGTH* ]]
	done
	run -0 url / -env CONTENT_LENGTH=0
	run -0 url / -env CONTENT_LENGTH=
}

@test "-env sets, replaces and copies variables; the last one counts" {
	app
	MINE=own variables -url / -env A=1 -env A=2 -env EMPTY= -env MINE \
		-env NOT_THERE -env 'WITH==' -env SERVER_NAME=me >got
	grep -qx 'A=2' got
	grep -qx 'EMPTY=' got
	grep -qx 'MINE=own' got
	grep -qx 'WITH==' got
	grep -qx 'SERVER_NAME=me' got
	[ "$(grep -cE '^(A|SERVER_NAME|NOT_THERE)=' got)" -eq 2 ]
	run -2 url / -env =x
	run -2 url / -env ''
	local many=() i
	for i in {1..600}; do many+=(-env "N$i=$i"); done
	[ "$(variables -url / "${many[@]}" | grep -c '^N')" -eq 600 ]
}

@test "-env stands beside and in place of the environment's own variables too" {
	app
	run -0 env -i A=1 B=2 "$CGI_FCGI" -connect "$SOCK" -env DO=env -env B=3 \
		3>&-
	[[ $output == *A=1* && $output == *B=3* && $output != *B=2* ]]
}

@test "-content, -include and -head: body, all, header; the last one counts" {
	app
	[ "$(url /?x)" = 'hello x' ]
	[ "$(url /?x -include)" = $'Content-Type: text/plain\r\n\r\nhello x' ]
	url /?x -head >got
	printf 'Content-Type: text/plain\r\n\r\n' | cmp - got
	[ "$(url /?x -head -content)" = 'hello x' ]
	run -0 env -i DO=x "$CGI_FCGI" -connect "$SOCK"
	[ "$output" = $'Content-Type: text/plain\r\n\r\nhello x' ]
	run -0 env -i DO=x "$CGI_FCGI" -connect "$SOCK" -content
	[ "$output" = 'hello x' ]
}

@test "an answer without a header is printed whole by -content, -head prints nothing" {
	app
	local text
	for text in 'no header at all' $'\nbegins with an empty line' \
		$'Only: a header' $'<html>\n\nbody'; do
		url / -env "DO=bare=$text" >got
		printf '%s' "$text" | cmp - got || return
		[ -z "$(url / -env "DO=bare=$text" -head)" ] || return
	done
}

@test "a header that comes in pieces, with LF alone, or too long to be one" {
	bad params stdin 'split 1' 'out A: b\nStatus: 404 gone\n' 'out \nbody' \
		'end 0'
	run -22 --separate-stderr url / -fail
	[ "$output" = body ]
	stop bad
	bad params stdin 'out A: b' 'fill 70000' 'out \n\nbody' 'end 0'
	[ "$(url / | wc -c)" -eq 70010 ]
}

@test "-fail: 22 at 400 and above and where there is no header, with a line that says so; the body is printed" {
	app
	run -22 --separate-stderr url / -fail -env 'DO=status=404 Not Found'
	[ "$output" = status ]
	told 'the answer: HTTP status 404'
	run -22 --separate-stderr url / -fail -env DO=status=500 -include
	run -22 --separate-stderr url / -fail -env 'DO=status=400 Bad'
	run -22 --separate-stderr url / -fail -env 'DO=bare=HTTP/1.1 503 x

'
	run -0 url / -fail -env 'DO=status=399 x'
	run -0 url / -fail -env DO=hello
	run -0 url / -env 'DO=status=404 Not Found'
	run -0 url / -fail -env "DO=bare=$(printf 'X-%0200d' 1): y"$'\n\nbody'
	[ "$output" = body ]
	run -22 --separate-stderr url / -fail -env 'DO=bare=nothing'
	told 'the answer: it has no header'
	run -22 url / -fail -env DO=bare=
	run -7 url / -fail -env DO=exit=7
}

@test "-timeout is 30 seconds with -url, and decimals are allowed" {
	app
	run -28 --separate-stderr url / -env DO=sleep=3000 -timeout 0.2
	run -28 url / -env DO=sleep=300 -timeout 0.0001
	run -0 url / -env DO=sleep=300 -timeout 5.5
	run -2 url / -timeout soon
	run -2 url / -timeout -1
	"$CGI_FCGI" -help | grep -q 'timeout SEC .*30 with -url'
	stop app
	# What is waited is seen; nobody waits for it to be over.
	bad params stdin 'await go' 'out A: b\n\nx' 'end 0'
	waits() {
		rm -f go trace
		start asking env REQUEST_METHOD=GET ASAN_OPTIONS=detect_leaks=0 \
			strace -qq -e trace=poll,ppoll -o trace \
			"$CGI_FCGI" -connect "$SOCK" "${@:2}"
		wait_for eval '[ "$(grep -c "FCGI_STDIN 1 0" seen)" -eq '"$1"' ]'
		touch go
		ended asking
		[ "$STATUS" -eq 0 ]
	}
	waits 1 -url /
	grep -qE 'poll\(.*, (30000|29[0-9]{3}|\{tv_sec=(30|29),.*)\) = 1 ' trace
	waits 2
	grep -qE 'poll\(.*, (-1|NULL.*)\) = 1 ' trace
	run ! grep -qE 'poll\(.*, [0-9]{4,}\)' trace
}

@test "roles: an authorizer from the shell, allowed and denied" {
	app
	run -0 url /secret -role authorizer -env DO=allow -include
	[[ $output == *'Variable-WHO: anna'* ]]
	run -22 --separate-stderr url /secret -role authorizer -env DO=deny -fail
	run -0 bridge -url /x -env DO=env -role authorizer
	[[ $output == *FCGI_ROLE=AUTHORIZER* ]]
	run -2 url / -role judge
}

@test "an authorizer is not told what the resource is, and gets no body" {
	bad params stdin 'out A: b\n\nyes' 'end 0'
	printf 12345 | env -i CONTENT_LENGTH=5 PATH_INFO=/x SCRIPT_NAME=/s A=b \
		"$CGI_FCGI" -connect "$SOCK" -role authorizer -trace 2>trace
	run ! grep -qE 'CONTENT_LENGTH|PATH_INFO|SCRIPT_NAME' trace
	grep -q 'A=b' trace
	[ "$(grep FCGI_STDIN seen)" = 'FCGI_STDIN 1 0' ]
	url / -role authorizer -body trace
	[ "$(grep FCGI_STDIN seen)" = $'FCGI_STDIN 1 0\nFCGI_STDIN 1 0' ]
}

@test "the filter role sends -data with its length and date, after the body" {
	bad params data 'out A: b\n\nfiltered' 'end 0'
	head -c 100000 /dev/urandom >data
	touch -d @1234567890 data
	run -0 --separate-stderr url / -role filter -data data -body /dev/null \
		-trace
	[ "$output" = filtered ]
	[[ $stderr == *FCGI_DATA_LENGTH=100000* ]]
	[[ $stderr == *FCGI_DATA_LAST_MOD=1234567890* ]]
	printf 'FCGI_STDIN 1 0\nFCGI_DATA 1 65528\nFCGI_DATA 1 34472\nFCGI_DATA 1 0\n' >want
	grep -E '^FCGI_(STDIN|DATA)' seen | diff want -
	stop bad
	bad params data 'out A: b\n\nempty' 'end 0'
	url / -role filter -data /dev/null
	run -26 url / -role filter -data nothing
	run -2 url / -data data
}

@test "our own wrapper as a filter: body and data come out in order" {
	wrapper
	echo data >data
	run -0 "$CGI_FCGI" -connect "$SOCK" -url /echo -root "$CGI" \
		-role filter -data data -body - <<<body
	[ "$output" = $'body\ndata' ]
}

@test "all forms of an option are the same; usage errors are 2, with one line that says which" {
	app
	run -0 "$CGI_FCGI" --connect="$SOCK" --url /?x --timeout=5
	[ "$output" = 'hello x' ]
	local words
	while read -r words; do
		# Words of a command line.
		# shellcheck disable=SC2086
		run -2 --separate-stderr "$CGI_FCGI" $words
		[ -z "$output" ] && [ "${#stderr_lines[@]}" -eq 2 ] || return
	done <<-END
		-connect $SOCK -nonsense
		-nonsense -connect $SOCK
		-connect $SOCK -fail=yes
		-connect $SOCK -root /
		-connect $SOCK -body x
		-connect $SOCK -method GET
		-connect $SOCK -header A:b
		-connect nonsense
		-connect host:99999
		-connect
		-connect $SOCK -listen $SOCK
	END
}
