# The program's world: arguments, folder, environment, descriptors, signals.
bats_require_minimum_version 1.5.0
load helpers

# world [PARAM...]: what a program says of its world, a fact a line.
world() {
	wire 'begin 1' "params 1 SCRIPT_FILENAME=$CGI_C/world $*" 'params 1' \
		'stdin 1' 'end 1' 'tell 1' | sed 's/\\n/\n/g'
}

has() {
	grep -qxF -- "$1" <<<"$output" || {
		echo "no line: $1"
		return 1
	}
}

has_no() {
	if grep -- "$1" <<<"$output"; then
		return 1
	fi
}

@test "argv is the program's path alone, whatever the query says (RFC 3875 4.4)" {
	wrapper
	run -0 world 'QUERY_STRING=-s+a+b' REQUEST_METHOD=GET
	has "argv[0]=$CGI_C/world"
	has_no '^argv\[1\]'
}

@test "stdin, stdout and stderr are pipes, and there is no other descriptor" {
	exec 33</dev/null 44<>/dev/null
	wrapper
	exec 33<&- 44<&-
	run -0 world
	has 'fd 0 pipe'
	has 'fd 1 pipe'
	has 'fd 2 pipe'
	[ "$(grep -c '^fd ' <<<"$output")" -eq 3 ]
}

@test "without a body stdin is a pipe at its end, which no program can write to or reach others by" {
	program stdin <<-'END'
		#!/bin/sh
		printf 'A: b\n\n'
		[ -p /dev/stdin ] && echo pipe
		wc -c
		wc -c </dev/stdin
		exec 2>&1
		echo x >/proc/self/fd/0
	END
	chmod 777 .
	wrapper -user 61234
	for i in 1 2; do
		run -0 get "$PWD/stdin"
		[[ $output == *'pipe\n0\n0\n'*'ermission denied'* ]]
	done
	# With an empty CONTENT_LENGTH, as nginx sends it, or 0.
	run -0 get "$PWD/stdin" CONTENT_LENGTH=
	[[ $output == *'pipe\n0\n0\n'* ]]
	run -0 get "$PWD/stdin" CONTENT_LENGTH=0
	[[ $output == *'pipe\n0\n0\n'* ]]
}

@test "as root, too, what one program writes to its stdin no other one reads" {
	program writes <<-'END'
		#!/bin/sh
		exec 3<>/dev/stdin
		printf 'A: b\n\nopen'
		echo secret >&3
		until [ -e read ]; do sleep 0.02; done
	END
	program reads <<-'END'
		#!/bin/sh
		printf 'A: b\n\nread '
		wc -c
		touch read
	END
	chmod 777 .
	wrapper
	run -0 wire "get 1 $PWD/writes" 'out 1 open' "get 2 $PWD/reads" \
		'end 2' 'end 1' 'tell 2'
	[[ $output == *'read 0'* ]]
	# Where -user is given it is that user that counts.
	stop_wrapper
	[ "$(id -u)" -eq 0 ] || return 0
	wrapper -user 61234
	rm read
	run -0 wire "get 1 $PWD/writes" "get 2 $PWD/reads" 'end 2' 'end 1' \
		'tell 2'
	[[ $output == *'read 0'* ]]
}

@test "no descriptor of other requests leaks, a hundred at once" {
	wrapper
	{
		for i in {1..100}; do echo "open $i $CGI_C/world"; done
		for i in {1..100}; do echo "stdin $i"; done
		echo 'ends 100'
		echo "tell $(echo {1..100})"
	} >script
	wire - <script | sed 's/\\n/\n/g' >answers
	[ "$(grep -c '^fd ' answers)" -eq 300 ]
}

@test "started with fds 0, 1 and 2 closed it serves, and programs have all three" {
	start wrapper sh -c 'exec "$0" -listen "$1" <&- >&- 2>&-' \
		"$CGI_FCGI" "$SOCK"
	wait_for listens "$SOCK"
	run -0 world
	[ "$(grep -c '^fd [012] pipe' <<<"$output")" -eq 3 ]
	[ "$(grep -c '^fd ' <<<"$output")" -eq 3 ]
}

@test "signals are at their defaults and none is blocked, however the wrapper was started" {
	local user=()
	[ "$(id -u)" -ne 0 ] || user=(-user root)
	start wrapper perl -e '
		use POSIX;
		$SIG{$_} = "IGNORE" for qw(PIPE HUP CHLD USR2 ALRM);
		sigprocmask(SIG_BLOCK, POSIX::SigSet->new(SIGTERM, SIGUSR2));
		exec @ARGV' "$CGI_FCGI" -listen "$SOCK" \
		"${user[@]}"
	wait_for listens "$SOCK"
	run -0 world
	has_no '^ignored'
	has_no '^blocked'
}

@test "a program leads its own process group" {
	wrapper
	run -0 world
	has group-leader=1
}

@test "the umask is the wrapper's" {
	local mask
	mask=$(umask)
	umask 027
	wrapper
	umask "$mask"
	run -0 world
	has umask=027
}

@test "no variable of the wrapper's but PATH gets in" {
	SECRET=1 HOME=/secret LANG=C wrapper
	run -0 world
	has "env PATH=$PATH"
	has_no '^env SECRET'
	has_no '^env HOME'
	has_no '^env LANG'
	[ "$(grep -c '^env ' <<<"$output")" -eq 4 ]
}

@test "-env sets a variable or passes on the wrapper's own; what the wrapper has not stays away" {
	PASSED='a b' wrapper -env SET=x=y -env PASSED -env MISSING -env EMPTY= \
		-env PATH=/only
	run -0 world
	has 'env SET=x=y'
	has 'env PASSED=a b'
	has 'env EMPTY='
	has 'env PATH=/only'
	has_no '^env MISSING'
}

@test "-env takes names of any length" {
	local name
	name=$(printf 'N%0300d' 1)
	wrapper -env "$name=value" -env "$name=last"
	run -0 get "$CGI_C/world" "$name=sent"
	[[ $output == *"env $name=last\\n"* ]]
	[[ $output != *"$name=value"* && $output != *"$name=sent"* ]]
}

@test "every parameter arrives as it was sent, empty ones too" {
	wrapper
	run -0 wire 'begin 1' "params 1 SCRIPT_FILENAME=$CGI_C/world" \
		'params 1 EMPTY= A=\xff\x01=\n"\s$x' 'params 1 HTTP_X_Y-z=1' \
		'params 1' 'stdin 1' 'end 1' 'tell 1'
	[[ $output == *'env EMPTY=\n'* ]]
	[[ $output == *$'env A=\xff''\x01=\n" $x\n'* ]]
	[[ $output == *'env HTTP_X_Y-z=1\n'* ]]
}

@test "QUERY_STRING is there in each request of a web server (RFC 3875 4.1.7)" {
	wrapper
	run -0 world REQUEST_METHOD=GET
	has 'env QUERY_STRING='
	run -0 world REQUEST_METHOD=GET QUERY_STRING=a=b
	has 'env QUERY_STRING=a=b'
	has_no 'env QUERY_STRING=$'
}

@test "GATEWAY_INTERFACE is there even if it was not sent, and FCGI_ROLE says the role" {
	wrapper
	run -0 world
	has 'env GATEWAY_INTERFACE=CGI/1.1'
	has 'env FCGI_ROLE=RESPONDER'
	run -0 world GATEWAY_INTERFACE=CGI/1.2 FCGI_ROLE=KING
	has 'env GATEWAY_INTERFACE=CGI/1.2'
	has 'env FCGI_ROLE=RESPONDER'
	[ "$(grep -c '^env FCGI_ROLE' <<<"$output")" -eq 1 ]
}

@test "of a name that was sent twice the last counts, once" {
	wrapper
	run -0 world A=1 B=2 A=3
	has 'env A=3'
	[ "$(grep -c '^env A=' <<<"$output")" -eq 1 ]
}

@test "HTTP_PROXY never gets in (httpoxy)" {
	wrapper
	run -0 world HTTP_PROXY=http://evil/ HTTP_PROXY_X=fine
	has_no '^env HTTP_PROXY='
	has 'env HTTP_PROXY_X=fine'
}

@test "names that change how a process is loaded never get in" {
	wrapper
	run -0 world LD_PRELOAD=/x LD_LIBRARY_PATH=/x LD_AUDIT=x LD_ANY=x \
		GCONV_PATH=/x MALLOC_CHECK_=3 HOSTALIASES=/x LOCALDOMAIN=x \
		RES_OPTIONS=x NLSPATH=x TMPDIR=/x GETCONF_DIR=x LOCPATH=/x \
		RESOLV_HOST_CONF=x TZDIR=/x NIS_PATH=x MALLOC_TRACE=/x \
		GLIBC_TUNABLES=x RESOLV_ADD_TRIM_DOMAINS=x HTTP_PROXY=x \
		TZ=UTC LOCALE=fine LDX=fine
	has 'env TZ=UTC'
	has 'env LOCALE=fine'
	has 'env LDX=fine'
	local name
	for name in LD_ GCONV_PATH MALLOC_ LOCPATH NLSPATH HOSTALIASES \
		LOCALDOMAIN RES TMPDIR GETCONF_DIR TZDIR NIS_PATH \
		GLIBC_TUNABLES HTTP_PROXY; do
		has_no "^env $name"
	done
}

@test "names that are empty or hold = or NUL, and values with NUL, never get in" {
	wrapper
	# A name of =: lengths 2 and 1, then X= and 1.
	run -0 wire 'begin 1' "params 1 SCRIPT_FILENAME=$CGI_C/world GOOD=1" \
		'record 4 1 \x02\x01X=1\x00\x01v\x03\x01N\0M1\x01\x03Va\0b' \
		'params 1 LAST=1' 'params 1' 'stdin 1' 'end 1' 'tell 1'
	[[ $output == *'env GOOD=1\n'* ]]
	[[ $output == *'env LAST=1\n'* ]]
	[[ $output == *'END 0 0'* ]]
	[[ $output != *'env X='* ]]
	[[ $output != *'env =v'* ]]
	[[ $output != *'env N'* ]]
	[[ $output != *'env V='* ]]
}

@test "parameters may be cut anywhere, with one byte in a record" {
	wrapper
	local items=() text i
	text="\\x0f"$(printf '\\x%02x' ${#CGI_C})"SCRIPT_FILENAME"
	[ ${#CGI_C} -lt 115 ]
	items+=("record 4 1 \\x0f")
	items+=("record 4 1 $(printf '\\x%02x' $((${#CGI_C} + 6)))")
	text=SCRIPT_FILENAME$CGI_C/world
	for ((i = 0; i < ${#text}; i++)); do
		items+=("record 4 1 ${text:i:1}")
	done
	for text in '\x80' '\x00' '\x00' '\x01' '\x80' '\x00' '\x00' '\x02' \
		A x y; do
		items+=("record 4 1 $text")
	done
	run -0 wire 'begin 1' "${items[@]}" 'params 1' 'stdin 1' 'end 1' \
		'tell 1'
	[[ $output == *'env A=xy\n'* ]]
	[[ $output == *'END 0 0'* ]]
}

@test "a value of 100,000 bytes arrives whole" {
	wrapper
	printf 'x%.0s' {1..30000} >long
	run -0 wire - <<-END
		begin 1
		params 1 SCRIPT_FILENAME=$CGI_C/world
		record 4 1 \x01\x80\x01\x5f\x90L$(cat long)
		record 4 1 $(cat long)
		record 4 1 $(cat long)
		params 1
		stdin 1
		end 1
		tell 1
	END
	[[ $output == *"env L=$(cat long long long)\\n"* ]]
}

@test "an environment too large for exec is a 431, with the reason" {
	wrapper
	# A single string over 128 KiB is more than Linux takes.
	run -0 wire - <<-END
		begin 1
		params 1 SCRIPT_FILENAME=$CGI_C/world
		record 4 1 \x01\x80\x03\x0d\x40L$(printf 'x%.0s' {1..50000})
		$(for _ in 1 2 3; do
			echo "record 4 1 $(printf 'x%.0s' {1..50000})"
		done)
		params 1
		stdin 1
		end 1
		tell 1
	END
	! exec_tells || [[ $output == *'STDOUT Status: 431'* ]]
	[[ $output == *STDERR* ]]
}

@test "parameters over 1 MiB in all are read to their end and answered 431" {
	wrapper
	{
		echo 'begin 1 responder keep'
		echo "params 1 SCRIPT_FILENAME=$CGI_C/world"
		for i in {1..20}; do
			echo "params 1 L$i=$(printf 'x%.0s' {1..60000})"
		done
		echo 'params 1'
		echo 'stdin 1'
		echo 'end 1'
		echo 'tell 1'
		echo "get 2 $CGI_C/world"
		echo 'end 2'
		echo 'tell 2'
	} >script
	run -0 wire - <script
	[[ $output == *'1 STDOUT Status: 431'* ]]
	[[ $output == *'2 END 0 0'* ]]
}

@test "a pair that runs past the stream's end is a 400" {
	wrapper
	run -0 wire 'begin 1 responder keep' \
		"params 1 SCRIPT_FILENAME=$CGI_C/world" \
		'record 4 1 \x05\x05abc' 'params 1' 'stdin 1' 'end 1' 'tell 1' \
		"get 2 $CGI_C/world" 'end 2' 'tell 2'
	[[ $output == *'1 STDOUT Status: 400'* ]]
	[[ $output == *'2 END 0 0'* ]]
}

@test "in the Authorizer role stdin is empty and the reply goes on as it is (6.3)" {
	wrapper
	program auth <<-'END'
		#!/bin/sh
		printf 'Status: 200 OK\r\nVariable-USER: %s\r\n\r\n' "$FCGI_ROLE"
		wc -c >&2
	END
	run -0 wire 'begin 1 authorizer' "params 1 SCRIPT_FILENAME=$PWD/auth" \
		'params 1' 'end 1' 'tell 1'
	[[ $output == *'STDOUT Status: 200 OK\r\nVariable-USER: AUTHORIZER\r\n\r\n'* ]]
	[[ $output == *'STDERR 0\n'* ]]
	[[ $output == *'END 0 0'* ]]
}

@test "in the Filter role stdin is FCGI_STDIN and then FCGI_DATA (6.4)" {
	wrapper
	program filter <<-'END'
		#!/bin/sh
		printf 'A: b\n\n%s %s %s:' "$FCGI_ROLE" "$CONTENT_LENGTH" \
			"$FCGI_DATA_LENGTH"
		exec cat
	END
	run -0 wire 'begin 1 filter' "params 1 SCRIPT_FILENAME=$PWD/filter" \
		'params 1 CONTENT_LENGTH=5 FCGI_DATA_LENGTH=6' \
		'params 1' 'stdin 1 first' 'stdin 1' 'data 1 sec' 'data 1 ond' \
		'data 1' 'end 1' 'tell 1'
	[[ $output == *'FILTER 5 6:firstsecond'* ]]
	[[ $output == *'END 0 0'* ]]
}

@test "FCGI_DATA that comes before FCGI_STDIN has ended still comes second (6.4)" {
	wrapper
	run -0 wire 'begin 1 filter' "params 1 SCRIPT_FILENAME=$CGI/echo" \
		'params 1 CONTENT_LENGTH=5 FCGI_DATA_LENGTH=6' \
		'params 1' 'data 1 sec' 'stdin 1 fir' 'data 1 ond' 'data 1' \
		'stdin 1 st' 'stdin 1' 'end 1' 'tell 1'
	[[ $output == *firstsecond* ]]
	[[ $output == *'END 0 0'* ]]
}

@test "FCGI_DATA that has ended before FCGI_STDIN has is not lost, whatever is known of the lengths (6.4)" {
	wrapper
	run -0 wire 'begin 1 filter keep' "params 1 SCRIPT_FILENAME=$CGI/echo" \
		'params 1' 'data 1 second' 'data 1' 'stdin 1' 'end 1' \
		'begin 2 filter' "params 2 SCRIPT_FILENAME=$CGI/echo" \
		'params 2' 'data 2 later' 'data 2' 'stdin 2 first' 'stdin 2' \
		'end 2' 'tell 1' 'tell 2'
	[[ $output == *'second'*'firstlater'* ]]
	[[ $output != *' END '[!0]* ]]
}

@test "a filter of 8 MiB each way: every byte, in its order" {
	wrapper
	run -0 wire 'begin 1 filter' 'timeout 60' \
		"params 1 SCRIPT_FILENAME=$CGI/count" \
		'params 1 CONTENT_LENGTH=8000000 FCGI_DATA_LENGTH=5' 'params 1' \
		'fill 1 8000000' 'stdin 1' 'data 1 after' 'data 1' 'end 1' \
		'tell 1'
	[[ $output == *'8000000 8000005\n'* ]]
}

@test "an unmodified program such as gzip or sed filters" {
	wrapper
	printf 'print "A: b\\n\\n"; exec "sed", "s/a/b/g"' >filter.pl
	stop_wrapper
	wrapper -handler .pl=/usr/bin/perl
	run -0 wire 'begin 1 filter' "params 1 SCRIPT_FILENAME=$PWD/filter.pl" \
		'params 1 CONTENT_LENGTH=0 FCGI_DATA_LENGTH=6' 'params 1' \
		'stdin 1' 'data 1 banana' 'data 1' 'end 1' 'tell 1'
	[[ $output == *bbnbnb* ]]
}

@test "a wrapper without PATH gives programs a usual one" {
	start wrapper env -u PATH "$CGI_FCGI" -listen "$SOCK"
	wait_for listens "$SOCK"
	run -0 world
	has 'env PATH=/usr/local/bin:/usr/bin:/bin'
}
