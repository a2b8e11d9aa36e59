# -trace and -values: what goes over the wire, in words.
bats_require_minimum_version 1.5.0
load helpers
load bridge

@test "-trace: a line a record, with direction, type, id, length and content, variables below it" {
	bad params stdin 'err oops\n' 'out A: b\n\nbody\x01\xff' \
		'raw \x01\x06\x00\x01\x00\x00\x05\x00AAAAA' 'end 7'
	printf hello >sent
	run -7 --separate-stderr bridge -env A=b -url / -trace -body sent \
		-env $'ODD=tab\tline\n\x1b[1m\\'
	[ "$output" = $'body\x01\xff' ]
	grep -av '^    [A-Z_]*=' <<<"$stderr" | grep -av oops$ >got
	cat >want <<-'END'
		> FCGI_BEGIN_REQUEST     id 1         8  role RESPONDER, flags 0
		> FCGI_PARAMS            id 1       LEN
		> FCGI_PARAMS            id 1         0
		> FCGI_STDIN             id 1         5  hello
		> FCGI_STDIN             id 1         0
		< FCGI_STDERR            id 1         5  oops\n
		< FCGI_STDOUT            id 1        12  A: b\n\nbody\x01ÿ
		< FCGI_STDOUT            id 1         0+5
		< FCGI_END_REQUEST       id 1         8  appStatus 7, FCGI_REQUEST_COMPLETE
	END
	sed -i 's/ÿ/\xff/' want
	sed -i 's/^\(> FCGI_PARAMS  *id 1  *\)[1-9][0-9][0-9]$/\1LEN/' got
	diff -a want got
	grep -aqF '    A=b' <<<"$stderr"
	grep -aqF '    ODD=tab\tline\n\x1b[1m\\' <<<"$stderr"
}

@test "-trace changes neither output nor exit status" {
	app
	[ "$(url /?x -trace 2>/dev/null)" = 'hello x' ]
	run -9 url /?exit=9 -trace
}

@test "-trace of records that come byte by byte, of large ones and of unknown ones" {
	bad params stdin 'split 1' 'out A: b\n\nx' \
		'raw \x01\x63\x00\x07\x00\x02\x00\x00hi' 'split 0' \
		'fill 65528' 'raw \x01\x0b\x00\x00\x00\x08\x00\x00\x2aAAAAAAA' \
		'end 0'
	run -0 --separate-stderr url / -trace
	[[ $stderr == *'< type 99                id 7         2  hi'* ]]
	[[ $stderr == *'< FCGI_STDOUT            id 1     65528  xxxx'* ]]
	[[ $stderr == *'xxx ... (65272 bytes more)'* ]]
	[[ $stderr == *'< FCGI_UNKNOWN_TYPE      id 0         8  type 42'* ]]
}

@test "-trace of garbage says that it is none, and of an abort that it was sent" {
	bad 'raw HTTP/1.1 400'
	run -8 --separate-stderr url / -trace
	[[ $stderr == *'< not FastCGI'* ]]
	stop bad
	bad stdin eof
	run -26 --separate-stderr env -i CONTENT_LENGTH=3 "$CGI_FCGI" \
		-connect "$SOCK" -trace </dev/null
	[[ $stderr == *'> FCGI_ABORT_REQUEST     id 1         0'* ]]
}

@test "-values of libfcgi, which answers only when the next record comes" {
	app
	run -0 --separate-stderr bridge -values
	[[ $output == *FCGI_MAX_CONNS=1* && $output == *FCGI_MPXS_CONNS=0* ]]
	[ -z "$stderr" ]
}

@test "-values of an application that does not know it, closes, says garbage or nothing" {
	bad 'raw \x01\x0b\x00\x00\x00\x08\x00\x00\x09AAAAAAA' hang
	run -8 --separate-stderr bridge -values
	stop bad
	bad 'raw \x00'
	run -8 --separate-stderr bridge -values
	stop bad
	bad 'await go'
	touch go
	run --separate-stderr bridge -values
	[[ $status == 5[256] ]]
	stop bad
	bad hang
	run -28 --separate-stderr bridge -values -timeout 0.3
	stop bad
	bad 'raw \x01\x0a\x00\x00\x00\x05\x00\x00\x02\x01' \
		'split 1' 'raw AB1' hang
	run -0 --separate-stderr bridge -values
	[ "$output" = AB=1 ]
}

@test "-values waits with -retry for an application that comes up" {
	start asking "$CGI_FCGI" -connect "$SOCK" -values -retry 20
	sleep 0.1
	alive "$PID"
	app
	ended asking
	[ "$STATUS" -eq 0 ]
	grep -qx FCGI_MPXS_CONNS=0 asking.log
}

@test "-values: cut short, and nobody to print them to" {
	bad 'raw \x01\x0a\x00\x00\x00\x05\x00\x00\x02'
	run --separate-stderr bridge -values
	[[ $status == 18 || $status == 56 ]]
	stop bad
	bad 'raw \x01\x0a\x00\x00\x00\x05\x00\x00\x02\x01AB1' hang
	run -23 bash -c '"$@" >/dev/full' - "$CGI_FCGI" -connect "$SOCK" -values
	[[ $output == *stdout* ]]
	stop bad
	bad hang
	run -23 timeout 5 bash -c '"$@" | true; exit ${PIPESTATUS[0]}' - \
		"$CGI_FCGI" -connect "$SOCK" -values
	[[ $output == *'nobody reads it any more' ]]
}

@test "-trace shows a body that is too short for what it is" {
	bad params 'head 3 1 4 0' 'raw abcd' hang
	run -8 --separate-stderr url / -trace
	[[ $stderr == *'FCGI_END_REQUEST'*'too short'* ]]
}

# unread FD COMMAND...: that descriptor is a full pipe that nobody reads.
unread() {
	local fd=$1
	shift
	rm -f unread
	mkfifo unread
	eval 'timeout 10 "$@" 8<>unread '"$fd>unread"
}

# Its pipe is full.
FILL='use Fcntl; open my $f, "+<", "unread"; my $block = "x" x 4096;
	fcntl $f, F_SETFL, O_RDWR | O_NONBLOCK; 1 while syswrite $f, $block;
	exec @ARGV'

# Variables that fill more than a pipe when they are shown.
many() {
	local i value
	value=$(printf '%04000d' 0)
	for i in {100..129}; do
		MANY+=(-env "MANY$i=$value")
	done
}

@test "-trace ends in time when nobody reads stderr, -values when nobody reads stdout" {
	app
	many
	local trace=("$CGI_FCGI" -connect "$SOCK" -trace)
	run -28 unread 2 "${trace[@]}" -url / -max-time 0.3 "${MANY[@]}"
	run -28 unread 2 "${trace[@]}" -url / -timeout 0.3 "${MANY[@]}"
	run -28 unread 2 perl -e "$FILL" -- "${trace[@]}" -values -timeout 0.3
	run -28 unread 1 perl -e "$FILL" -- "$CGI_FCGI" -connect "$SOCK" \
		-values -max-time 0.3
	[[ $output == *stdout* ]]
}

@test "-trace loses no line when a non-blocking stderr is read late" {
	app
	many
	mkfifo late
	start reader bash -c 'exec 8<late; sleep 0.5; exec cat <&8 >seen'
	perl -e 'use Fcntl; fcntl(STDERR, F_SETFL, O_NONBLOCK | O_WRONLY);
		exec @ARGV' -- \
		"$CGI_FCGI" -connect "$SOCK" -url / -trace "${MANY[@]}" \
		2>late 3>&-
	ended reader
	[ "$(grep -c '^    MANY1' seen)" -eq 30 ]
	grep -q '^< FCGI_END_REQUEST' seen
}

@test "-trace shows a pair whole that other records cut in two" {
	bad stdin 'head 10 0 10 0' 'raw \x05\x06NAMEaval' \
		'err between' 'head 10 0 3 0' 'raw ue!' 'out A: b\n\n' 'end 0'
	run -0 --separate-stderr url / -trace
	[[ $stderr == *'    NAMEa=value!'$'\n'* ]]
	[[ $stderr == *'  between'* ]]
}

@test "no byte of others moves a terminal's cursor: C1 is escaped as C0 is, other UTF-8 is not" {
	local odd=$'\x1b[1m \u009b1m \u0080\u009f é \u201c\u26db\u00a0\xc2'
	local shown=$'\\x1b[1m \\xc2\\x9b1m \\xc2\\x80\\xc2\\x9f é \u201c\u26db\u00a0\xc2'
	run -7 --separate-stderr "$CGI_FCGI" -connect "/tmp/$odd" -url /
	[ "$stderr" = "cgi-fcgi: /tmp/$shown: connect: no socket: there is no such file" ]
	bad params stdin 'out A: b\n\n\xc2\x9b1m' 'end 0'
	run -0 --separate-stderr url / -trace -env "ODD=$odd"
	[ "$output" = $'\u009b1m' ]
	grep -aqxF "    ODD=$shown" <<<"$stderr"
	[[ $stderr == *' A: b\n\n\xc2\x9b1m'* ]]
}
