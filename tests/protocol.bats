# FastCGI 1.0 on the wire, record by record, as the wrapper speaks it.
bats_require_minimum_version 1.5.0
load helpers

no_program() {
	[ -z "$(programs_of "$WRAPPER")" ]
}

@test "without FCGI_KEEP_CONN the connection is closed after the reply, with it it stays (5.1)" {
	wrapper
	run -0 wire 'begin 1' "params 1 SCRIPT_FILENAME=$CGI/hello" 'params 1' \
		'stdin 1' 'end 1' 'eof'
	run -0 wire "get 1 $CGI/hello" 'end 1' 'quiet 100' \
		"get 1 $CGI/hello" 'end 1' "get 1 $CGI/hello" 'end 1' 'quiet 100'
}

@test "a reply is not reset away by a body that nobody read" {
	wrapper
	local port
	port=$(free_port)
	wrapper_on "127.0.0.1:$port" -root "$CGI"
	for _ in {1..20}; do
		ADDR=127.0.0.1:$port run -0 wire 'begin 1' \
			"params 1 SCRIPT_FILENAME=$CGI/hello" \
			'params 1 CONTENT_LENGTH=300000' 'params 1' \
			'fill 1 300000' 'stdin 1' 'end 1' 'tell 1' 'eof'
		[[ $output == *hello* ]] || return
	done
}

@test "FCGI_GET_VALUES is answered at once, and true to the configuration (4.1)" {
	# What runs and what may wait; descriptors, but for a few.
	(ulimit -n 500 && wrapper -max 7 -queue 30)
	run -0 wire 'get-values FCGI_MAX_CONNS FCGI_MAX_REQS FCGI_MPXS_CONNS' \
		'records 1' 'show'
	[[ $output == GET_VALUES_RESULT\ 0\ * ]]
	[[ $output == *'FCGI_MPXS_CONNS1'* ]]
	[[ $output == *'\r\x02FCGI_MAX_REQS37'* ]]
	[[ $output =~ '\x0e\x03FCGI_MAX_CONNS'([0-9]{3})[^0-9] ]]
	[ "${BASH_REMATCH[1]}" -gt 400 ]
	[ "${BASH_REMATCH[1]}" -lt 500 ]
}

@test "FCGI_GET_VALUES leaves unknown names out, and answers none with none" {
	wrapper
	run -0 wire 'get-values NONSENSE FCGI_MPXS_CONNS FCGI_MAX_' 'records 1' \
		'show'
	[ "$output" = 'GET_VALUES_RESULT 0 18 \x0f\x01FCGI_MPXS_CONNS1' ]
	run -0 wire 'get-values NONSENSE' 'records 1' 'show'
	[ "$output" = 'GET_VALUES_RESULT 0 0 ' ]
	run -0 wire 'get-values' 'records 1' 'show'
	[ "$output" = 'GET_VALUES_RESULT 0 0 ' ]
}

@test "FCGI_GET_VALUES is answered in the middle of requests, in one byte pieces too" {
	wrapper
	run -0 wire "open 1 $CGI/count CONTENT_LENGTH=3" 'stdin 1 a' 'chunk 1' \
		'get-values FCGI_MPXS_CONNS' 'records 1' 'stdin 1 bc' 'stdin 1' \
		'end 1' 'show'
	[[ ${lines[0]} == GET_VALUES_RESULT* ]]
	[[ $output == *'3 3\n'* ]]
}

@test "a broken FCGI_GET_VALUES does no harm" {
	wrapper
	run -0 wire 'record 9 0 \x80\xff' 'record 9 0 \x05\x00ab' \
		"get 1 $CGI/hello" 'end 1'
}

@test "an unknown management type is answered with FCGI_UNKNOWN_TYPE (4.2)" {
	wrapper
	run -0 wire 'record 12 0' 'record 99 0 text' 'record 255 0' 'records 3' \
		'show'
	[ "${lines[0]}" = 'UNKNOWN_TYPE 0 8 \x0c\x00\x00\x00\x00\x00\x00\x00' ]
	[ "${lines[1]}" = 'UNKNOWN_TYPE 0 8 c\x00\x00\x00\x00\x00\x00\x00' ]
	[[ ${lines[2]} == *$'\xff\\x00\\x00'* ]]
	run -0 wire 'record 99 0' "get 1 $CGI/hello" 'end 1'
}

@test "an unknown role is refused with FCGI_UNKNOWN_ROLE, and nothing runs (5.5)" {
	export PIDFILE=$PWD/pid
	wrapper -env PIDFILE
	for role in 0 4 65535; do
		run -0 wire "begin 1 $role keep" 'end 1' \
			"params 1 SCRIPT_FILENAME=$CGI/silent" 'params 1' \
			'stdin 1' "get 2 $CGI/hello" 'end 2' 'tell 1 2'
		[[ $output == *'1 END 0 3'* ]] || return
		[[ $output == *'2 END 0 0'* ]] || return
	done
	[ ! -e pid ]
}

@test "an answer that must wait until others are sent comes without another byte from the server" {
	wrapper
	# One of these counts leaves no room for just the last answer.
	for n in {4328..4344}; do
		echo hold
		yes 'record 99 0' | head -n "$n"
		printf '%s\n' "begin 1 9 keep" flush 'end 1' reconnect
	done >items
	run -0 wire - <items
}

@test "records for ids that are not active are ignored (3.3)" {
	wrapper
	run -0 wire 'stdin 5 text' 'params 6 A=B' 'abort 7' 'data 8 x' \
		'stdin 65535' "get 1 $CGI/hello" 'end 1' 'stdin 1 more' \
		'params 1' 'abort 1' 'quiet 200'
}

@test "unknown application types, and types that only an application sends, are ignored" {
	wrapper
	run -0 wire "open 1 $CGI/count CONTENT_LENGTH=2" 'record 99 1 text' \
		'record 6 1 text' 'record 7 1 text' 'record 3 1 12345678' \
		'stdin 1 ab' 'record 12 1' 'stdin 1' 'end 1' 'tell 1'
	[[ $output == *'2 2\n'* ]]
}

@test "stream records after a stream's end are ignored" {
	wrapper
	run -0 wire "open 1 $CGI/count CONTENT_LENGTH=2" 'params 1 A=B' \
		'params 1' 'stdin 1 ab' 'stdin 1' 'stdin 1 cd' 'stdin 1' \
		'end 1' 'tell 1'
	[[ $output == *'2 2\n'* ]]
}

@test "a second FCGI_BEGIN_REQUEST for an active id is a protocol error that ends its programs" {
	export PIDFILE=$PWD/pid
	wrapper -env PIDFILE
	wire "get 1 $CGI/silent" "await $PIDFILE" 'begin 1' 'eof'
	wait_for gone_of pid
	[ "$(grep -c 'protocol error: FCGI_BEGIN_REQUEST for an active request' \
		wrapper.log)" -eq 1 ]
	run -0 get "$CGI/hello"
}

@test "FCGI_BEGIN_REQUEST with id 0 or a short body is a protocol error, and touches no other connection" {
	export STEPS=$PWD
	wrapper -env STEPS
	start other "$BUILD/wire" "$SOCK" "get 1 $CGI/steps" 'out 1 \n\na' \
		"create $PWD/begun" 'end 1' 'tell 1'
	wait_for [ -e begun ]
	wire 'begin 0' 'eof'
	wire 'record 1 1 short' 'eof'
	wire 'record 1 1' 'eof'
	wire 'raw \x02\x01\0\x01\0\x08\0\0' 'eof'
	[ "$(grep -c 'protocol error: FCGI_BEGIN_REQUEST with id 0' \
		wrapper.log)" -eq 3 ]
	logged 'not a FastCGI 1.0 record, version 2'
	touch a b c d
	ended other
	grep -q 'abcd$' other.log
}

@test "FCGI_ABORT_REQUEST while a program runs ends it, and is answered at once (5.4)" {
	export PIDFILE=$PWD/pid
	wrapper -env PIDFILE -grace 1
	local from
	from=$(now_ms)
	run -0 wire "get 1 $CGI/stubborn" "await $PIDFILE" 'abort 1' 'end 1' \
		"get 2 $CGI/hello" 'end 2' 'tell 1 2'
	[ $(($(now_ms) - from)) -lt 900 ]
	[[ $output == *'1 END 143 0'* ]]
	[[ $output == *'2 END 0 0'* ]]
	# It ignores TERM; KILL comes after -grace.
	wait_for gone_of pid
	[ $(($(now_ms) - from)) -ge 900 ]
}

@test "FCGI_ABORT_REQUEST ends a request in every phase" {
	export PIDFILE=$PWD/pid STEPS=$PWD
	wrapper -env PIDFILE -env STEPS -max 2
	# Before its parameters, in them, before its body, in it, in the reply,
	# in the queue, and once more.
	run -0 wire 'begin 1 responder keep' 'abort 1' 'end 1' \
		'begin 2 responder keep' "params 2 SCRIPT_FILENAME=$CGI/hello" \
		'record 4 2 \x10' 'abort 2' 'end 2' \
		"open 3 $CGI/count CONTENT_LENGTH=5" 'abort 3' 'end 3' \
		"open 4 $CGI/count CONTENT_LENGTH=5" 'stdin 4 abc' 'abort 4' \
		'end 4' \
		"get 5 $CGI/steps" 'out 5 \n\na' 'abort 5' 'end 5' \
		"get 6 $CGI/steps" "get 7 $CGI/steps" 'out 6 \n\na' \
		'out 7 \n\na' "get 8 $CGI/silent" 'abort 8' 'end 8' \
		'abort 6' 'abort 7' 'end 6 7' 'abort 7' 'quiet 100' \
		'order' "get 9 $CGI/hello" 'end 9' 'tell 9'
	[[ $output == *'9 END 0 0'* ]]
	[ ! -e pid ]
	wait_for no_program
}

@test "an id may be used again as soon as its request has ended" {
	export PIDFILE=$PWD/pid
	wrapper -env PIDFILE
	{
		for i in {1..50}; do
			echo "get 1 $CGI/silent"
			echo 'abort 1'
			echo 'end 1'
			echo "get 1 $CGI/hello QUERY_STRING=$i"
			echo 'end 1'
			echo 'tell 1'
		done
	} >script
	run -0 wire - <script
	for i in {1..50}; do
		[[ $output == *"hello $i\\n"* ]] || return
	done
}

@test "the server's close ends a silent program at once, on a unix socket and on TCP" {
	export PIDFILE=$PWD/pid
	local port from
	port=$(free_port)
	wrapper -listen "127.0.0.1:$port" -root "$CGI" -env PIDFILE
	for ADDR in "$SOCK" "127.0.0.1:$port"; do
		rm -f pid
		wire "get 1 $CGI/silent" "await $PIDFILE" 'close'
		from=$(now_ms)
		wait_for gone_of pid
		[ $(($(now_ms) - from)) -lt 1000 ] || return
	done
}

@test "a half-close on a unix socket after FCGI_STDIN's end still gets its reply" {
	export STEPS=$PWD
	wrapper -env STEPS
	run -0 wire "get 1 $CGI/steps" 'half' 'out 1 \n\na' "create $PWD/a" \
		"create $PWD/b" "create $PWD/c" "create $PWD/d" 'end 1'
	run -0 wire "get 1 $CGI/hello" 'half' 'end 1' 'eof'
}

@test "a connection that closes in the middle of a body: the program is ended, not fed a part as the whole" {
	program store <<-'END'
		#!/bin/sh
		echo $$ >"$PIDFILE"
		cat >"$PIDFILE.body"
		echo complete >"$PIDFILE.complete"
		printf 'A: b\n\n'
	END
	export PIDFILE=$PWD/pid
	wrapper -env PIDFILE
	wire "open 1 $PWD/store CONTENT_LENGTH=10" 'stdin 1 part' \
		"await $PWD/pid.body" 'close'
	wait_for gone_of pid
	[ ! -e pid.complete ]
}

@test "a reply that is over before its body: the program is ended, not fed a part as the whole" {
	program store <<-'END'
		#!/bin/sh
		printf 'A: b\n\nover'
		exec >&- 2>&-
		echo $$ >"$PIDFILE"
		cat >"$PIDFILE.body"
		echo complete >"$PIDFILE.complete"
	END
	export PIDFILE=$PWD/pid
	wrapper -env PIDFILE
	run -0 wire "open 1 $PWD/store CONTENT_LENGTH=10" 'stdin 1 part' \
		"await $PWD/pid.body" 'end 1' 'tell 1'
	[[ $output == *over*'1 END 0 0'* ]]
	wait_for gone_of pid
	[ ! -e pid.complete ]
}

@test "a body that has come is the program's, though its reply is over: every byte" {
	program late <<-'END'
		#!/bin/sh
		printf 'A: b\n\nover'
		exec >&- 2>&-
		while ! [ -e "$GO" ]; do sleep 0.02; done
		wc -c >"$GO.new"
		mv "$GO.new" "$GO.count"
	END
	export GO=$PWD/go
	wrapper -env GO
	run -0 wire "open 1 $PWD/late CONTENT_LENGTH=3000000" 'fill 1 3000000' \
		'stdin 1' 'end 1' 'tell 1'
	[[ $output == *over*'1 END 0 0'* ]]
	touch go
	wait_for [ -e go.count ]
	[ "$(cat go.count)" -eq 3000000 ]
}

@test "the same request one byte at a time, in every chunk size, and in one write" {
	wrapper
	local chunk
	for chunk in 1 2 3 5 7 8 9 15 16 17 31 64 1000; do
		run -0 wire "chunk $chunk" "post 1 $CGI/count 0123456789" \
			'end 1' 'tell 1'
		[[ $output == *'10 10\n'* ]] || return
	done
	run -0 wire 'hold' "post 1 $CGI/count one" "post 2 $CGI/count three" \
		"get 3 $CGI/hello" 'get-values FCGI_MPXS_CONNS' 'flush' \
		'end 1 2 3' 'tell 1 2 3'
	[[ $output == *'3 3\n'* ]]
	[[ $output == *'5 5\n'* ]]
}

@test "padding of 0 to 255 bytes on every record" {
	wrapper
	local pad
	for pad in 0 1 2 7 8 9 127 128 254 255; do
		run -0 wire "pad $pad" "post 1 $CGI/count 0123456789" 'end 1' \
			'tell 1'
		[[ $output == *'10 10\n'* ]] || return
	done
	run -0 wire 'pad 255' 'chunk 1' "post 1 $CGI/count 0123456789" 'end 1' \
		'tell 1'
	[[ $output == *'10 10\n'* ]]
}

@test "a record of 65,535 bytes with 255 of padding is taken" {
	wrapper
	run -0 wire 'pad 255' "open 1 $CGI/count CONTENT_LENGTH=65535" \
		"record 5 1 $(head -c 65535 /dev/zero | tr '\0' x)" 'stdin 1' \
		'end 1' 'tell 1'
	[[ $output == *'65535 65535\n'* ]]
}

@test "requests on one connection run at the same time, and end in their own order" {
	export STEPS=$PWD
	wrapper -env STEPS
	run -0 wire "get 1 $CGI/steps" "get 2 $CGI/hello" 'end 2' \
		"get 3 $CGI/hello" 'end 3' 'out 1 \n\na' "create $PWD/a" \
		"create $PWD/b" "create $PWD/c" "create $PWD/d" 'end 1' 'order'
	[ "$output" = '2 3 1' ]
}

@test "bodies of many requests interleave record by record" {
	wrapper
	{
		for i in {1..40}; do
			echo "open $i $CGI/digest CONTENT_LENGTH=$((i * 100))"
		done
		for _ in {1..100}; do
			for i in {1..40}; do
				echo "fill $i $i"
			done
		done
		for i in {1..40}; do echo "stdin $i"; done
		echo 'ends 40'
		echo "tell $(echo {1..40})"
	} >script
	wire - <script >answers
	[ "$(grep -c 'END 0 0' answers)" -eq 40 ]
	for i in 1 20 40; do
		sum=$(perl -e 'print chr(65 + $_ % 251 % 26)
			for 0 .. $ARGV[0] * 100 - 1' "$i" | sha256sum)
		grep -q "^$i STDOUT .*$((i * 100)) ${sum%% *}" answers || return
	done
}

@test "ids from 1 to 65535 may be used, thousands at once" {
	wrapper -max 10 -queue 5000
	{
		for i in {1..1000} {64536..65535}; do
			echo "get $i $CGI_C/nonce QUERY_STRING=$i:10:p"
		done
		echo 'timeout 60'
		echo 'ends 2000'
		echo 'tell 1 1000 64536 65535'
	} >script
	wire - <script >answers
	[ "$(grep -c STDOUT answers)" -eq 4 ]
	for i in 1 1000 64536 65535; do
		grep -q "^$i STDOUT Nonce: $i.n" answers || return
		grep -q "^$i END $((i % 100)) 0" answers || return
	done
}

@test "a greedy reply does not hold up a small one on the same connection" {
	wrapper
	run -0 wire "get 1 $CGI_C/pour QUERY_STRING=400000000" 'out 1 \n\n' \
		"get 2 $CGI/hello" 'end 2' 'timeout 60' 'end 1' 'order' 'sum 1'
	[ "${lines[0]}" = '2 1' ]
	[[ ${lines[1]} == *out=400000040:* ]]
}

@test "output is shared out among the requests of a connection in turns" {
	wrapper
	{
		for i in {1..8}; do
			echo "get $i $CGI_C/pour QUERY_STRING=20000000"
		done
		echo 'timeout 60'
		echo 'end 1'
		echo "sum $(echo {1..8})"
	} >script
	wire - <script >answers
	# When the first has all, no other has been starved. (How even it is
	# depends on the programs too, on a machine with much to do.)
	awk '{ split($2, part, /[=:]/); if (part[2] < 2000000) exit 1 }' \
		answers
}

# stall_one: a connection whose program does not read the body that it is sent,
# without end; it goes on when the file go is there.
stall_one() {
	export WAIT=$PWD/go
	wrapper -env WAIT
	start stuck "$BUILD/wire" "$SOCK" 'begin 1' \
		"params 1 SCRIPT_FILENAME=$CGI/deaf CONTENT_LENGTH=9999999" \
		'params 1' 'timeout 60' 'flood 1' "create $PWD/flooded" \
		"await $PWD/go" 'end 1' 'tell 1'
	wait_for [ -e flooded ]
}

@test "a program that does not read stops its own sender, and no other connection" {
	stall_one
	run -0 get "$CGI/hello"
	touch go
	ended stuck
	[ "$STATUS" -eq 0 ]
	grep -q 'deaf.n' stuck.log
	# A pipe, two sockets' buffers and what the wrapper reads at once.
	[ "$(sed -n 's/flooded //p' stuck.log)" -lt 2000000 ]
}

@test "the wrapper sleeps while it is idle, and while a connection stalls" {
	stall_one
	local before after
	sleep 0.3
	before=$(awk '{ print $14 + $15 }' "/proc/$WRAPPER/stat")
	sleep 1
	after=$(awk '{ print $14 + $15 }' "/proc/$WRAPPER/stat")
	touch go
	ended stuck
	[ $((after - before)) -le 5 ]
}

@test "a program that does not read its body holds up no other request of its connection" {
	export WAIT=$PWD/go
	wrapper -env WAIT
	run -0 wire "open 1 $CGI/deaf CONTENT_LENGTH=5000000" 'fill 1 5000000' \
		'stdin 1' "get 2 $CGI/hello" 'end 2' "create $PWD/go" 'end 1' \
		'order' 'tell 1'
	[ "${lines[0]}" = '2 1' ]
	[[ $output == *'deaf\n'* ]]
	run -0 wire "get 3 $CGI_C/pour QUERY_STRING=1000" \
		"open 1 $CGI/digest CONTENT_LENGTH=5000000" 'fill 1 5000000' \
		'stdin 1' 'end 1' 'tell 1'
	[[ $output == *"5000000 $(perl -e '
		print chr(65 + $_ % 251 % 26) for 0 .. 4999999' | sha256sum |
		cut -d ' ' -f 1)"* ]]
}

# half_closes ITEM...: sends what they say and the half-close in one piece, to a
# wrapper that knows the connection already, and waits for request 1.
half_closes() {
	rm -f known stopped sent
	start asking "$BUILD/wire" "$SOCK" 'get-values FCGI_MPXS_CONNS' \
		'records 1' "create $PWD/known" "await $PWD/stopped" hold \
		"$@" flush half "create $PWD/sent" 'end 1' 'tell 1'
	wait_for [ -e known ]
	kill -STOP "$WRAPPER"
	touch stopped
	wait_for [ -e sent ]
	kill -CONT "$WRAPPER"
	ended asking
	[ "$STATUS" -eq 0 ]
}

@test "a half-close right behind a request that is answered at once still gets the reply" {
	wrapper -status /status
	half_closes 'begin 1' "params 1 SCRIPT_FILENAME=$PWD/nothing" \
		'params 1 CONTENT_LENGTH=0' 'params 1' 'stdin 1'
	grep -q '^1 STDOUT Status: 404 ' asking.log
	half_closes 'begin 1 authorizer' 'params 1 SCRIPT_NAME=/status' \
		'params 1'
	grep -q '^1 STDOUT .*accepted' asking.log
}

@test "a value in FCGI_GET_VALUES is passed over, and a name longer than any known one" {
	wrapper
	run -0 wire 'record 9 0 \x0f\x02FCGI_MPXS_CONNSxy' 'records 1' 'show'
	[[ $output == *'FCGI_MPXS_CONNS1'* ]]
	run -0 wire 'record 9 0 \x14\x00FCGI_MPXS_CONNS_MORE' 'records 1' 'show'
	[[ $output != *MPXS* ]]
}

@test "the status page counts every byte of a body that goes to the disk in part" {
	wrapper -status /status
	run -0 wire \
		"open 1 $CGI/deaf CONTENT_LENGTH=300000 SERVER_SOFTWARE=nginx WAIT=$PWD/go" \
		'stdin 1 x' 'fill 1 299999' 'stdin 1' 'out 1 \n\n' \
		"create $PWD/go" 'end 1'
	run -0 ask /status
	[[ $output == *bytes_in*300000* ]]
}

@test "FCGI_DATA in another role than the filter's is ignored, its end too" {
	wrapper
	run -0 wire 'begin 1' "params 1 SCRIPT_FILENAME=$CGI/echo CONTENT_LENGTH=2" \
		'params 1' 'data 1 xx' 'data 1' 'stdin 1 ab' 'stdin 1' 'end 1' 'tell 1'
	[[ $output == *'\n\nab'* ]]
}

@test "a protocol error over TCP names who made it" {
	local port
	port=$(free_port)
	wrapper_on "127.0.0.1:$port" "$CGI/hello"
	ADDR=127.0.0.1:$port wire 'record 1 0 xxxxxxxx' eof
	logged '127.0.0.1:'
	grep -q '127.0.0.1:[0-9]*: protocol error' wrapper.log
}
