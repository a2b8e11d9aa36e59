# The reply: from a program's stdout, stderr and end to records. Programs as
# they are in the wild.
bats_require_minimum_version 1.5.0
load helpers

# internal_error WORD: $output is a 500 and FCGI_STDERR says WORD.
internal_error() {
	[[ $output == *"STDOUT Status: 500"* ]] || return
	grep ' STDERR ' <<<"$output" | grep -qF -- "$1" || return
	[[ $(grep ' STDOUT ' <<<"$output") != *"$BATS_TEST_TMPDIR"* ]]
}

@test "a program's bytes go on unchanged, binary zeros too" {
	program zeros <<-'END'
		#!/usr/bin/perl
		print "A: b\n\n", map { chr } 0 .. 255;
	END
	wrapper
	run -0 wire "get 1 $PWD/zeros" 'end 1' 'sum 1'
	[[ $output == *"out=262:"* ]]
	ROOT=$PWD ask /zeros >got
	./zeros | cmp - got
}

@test "no newline at the end is needed, and none is added" {
	program short <<<$'#!/bin/sh\nprintf "A: b\\n\\nx"'
	wrapper
	run -0 get "$PWD/short"
	[ "${lines[0]}" = '1 STDOUT A: b\n\nx' ]
}

@test "a reply of a header alone is a reply" {
	wrapper
	run -0 get "$CGI/headonly"
	[ "${lines[0]}" = '1 STDOUT Status: 204 No Content\n\n' ]
	[ "${lines[1]}" = '1 END 0 0' ]
}

@test "appStatus is the exit status (FastCGI 5.5)" {
	wrapper
	run -0 get "$CGI/exit42"
	[ "${lines[1]}" = '1 END 42 0' ]
}

@test "a program that ends by a signal after its reply: the reply is whole, appStatus 128 + signal" {
	WHEN=after wrapper -env WHEN
	run -0 get "$CGI/crash"
	[[ ${lines[0]} == *'\n\npart' ]]
	[[ $output == *'1 END 134 0'* ]]
}

@test "a program that ends by a signal in its reply: ended in good order, FCGI_STDERR says what happened" {
	WHEN=in wrapper -env WHEN
	run -0 get "$CGI/crash"
	[[ ${lines[0]} == *'\n\npart' ]]
	[[ $output == *'STDERR '*'was killed by signal 9 '* ]]
	[[ $output == *'1 END 137 0'* ]]
}

@test "a program that ends by a signal before its first byte is a 500" {
	WHEN=before wrapper -env WHEN
	run -0 get "$CGI/crash"
	internal_error 'was killed by signal 11 '
	[[ $output == *'1 END 139 0'* ]]
}

@test "a program that ends without a byte is a 500 that tells its exit status" {
	wrapper
	run -0 get "$CGI/empty"
	internal_error 'ended with exit status 3'
	[[ $output == *'1 END 3 0'* ]]
}

@test "a first line that is no header field is a 500 that shows its first bytes, and what is expected" {
	wrapper
	run -0 get "$CGI/nohead"
	internal_error 'Hello, world'
	internal_error 'such as Content-Type'
	program binary <<<$'#!/bin/sh\nprintf "\\001\\002\\377binary"'
	run -0 get "$PWD/binary"
	[[ $output == *"STDOUT Status: 500"* ]]
	local line
	for line in 'A b: c' ': nameless' 'HTTP/1.1x 200 OK' 'HTTP/2 200' /; do
		program line <<<$'#!/bin/sh\nprintf "'"$line"'\\n\\nx"'
		run -0 get "$PWD/line"
		[[ $output == *"STDOUT Status: 500"* ]]
		internal_error "\"$line"
	done
}

@test "a first line that never ends is a 500, and costs no memory" {
	program endless <<<$'#!/bin/sh\nhead -c 20000000 /dev/zero | tr "\\0" x'
	wrapper
	run -0 get "$PWD/endless"
	[[ $output == *"STDOUT Status: 500"* ]]
	if memory_counts; then
		[ "$(peak_kib "$WRAPPER")" -lt 6000 ]
	fi
}

@test "a header of 100 KiB goes on whole" {
	program large <<-'END'
		#!/usr/bin/perl
		printf "X-%d: %s\n", $_, "x" x 90 for 1 .. 1000;
		print "\nbody";
	END
	wrapper
	run -0 wire "get 1 $PWD/large" 'end 1' 'sum 1'
	local want
	want=$(./large | wc -c)
	[ "$want" -gt 90000 ]
	[[ $output == *"out=$want:"* ]]
}

@test "a first header line of 30,000 bytes goes on whole" {
	program large <<-'END'
		#!/usr/bin/perl
		print "Set-Cookie: ", "x" x 30000, "\n\nbody";
	END
	wrapper
	run -0 wire "get 1 $PWD/large" 'end 1' 'sum 1'
	[[ $output == *"out=30018:"* ]]
}

@test "a status line as of an nph script becomes a Status field (RFC 3875 5)" {
	wrapper
	run -0 get "$CGI/nph"
	[ "${lines[0]}" = '1 STDOUT Status: 418 I am a teapot\r\nContent-Type: text/plain\r\n\r\nshort\n' ]
	program nph2 <<-'END'
		#!/bin/sh
		printf 'HT'; sleep 0.1; printf 'TP/1.0 201 Created\nA: b\n\nx'
	END
	run -0 get "$PWD/nph2"
	[ "${lines[0]}" = '1 STDOUT Status: 201 Created\nA: b\n\nx' ]
}

@test "a header in one byte steps is judged as one in one piece" {
	program bytes <<-'END'
		#!/usr/bin/perl
		$| = 1;
		for (split //, "Status: 201 Made\r\nA: b\r\n\r\nbody") {
			print;
			select undef, undef, undef, 0.005;
		}
	END
	wrapper
	run -0 get "$PWD/bytes"
	[ "${lines[0]}" = '1 STDOUT Status: 201 Made\r\nA: b\r\n\r\nbody' ]
}

@test "for HAProxy a header that comes in parts goes on when it is whole" {
	local ROOT=$PWD
	records() {
		ask "/$1" -trace -env SERVER_SOFTWARE=HAProxy 2>&1 |
			sed -n 's/^< FCGI_STDOUT  *id 1  *[0-9+]* *//p'
	}
	wrapper
	program parts <<-'END'
		#!/bin/sh
		echo A: b
		sleep 0.1
		echo C: d
		sleep 0.1
		echo
		echo body
	END
	[[ $(records parts) == 'A: b\nC: d\n\n'* ]]
	# What is no whole header is passed on as it is at the end.
	program half <<<$'#!/bin/sh\necho A: b; sleep 0.1; echo C: d'
	[ "$(records half)" = 'A: b\nC: d\n' ]
	# One that is longer than what is held goes on nevertheless.
	program long <<-'END'
		#!/bin/sh
		printf 'A: %04000d\n' 1
		sleep 0.1
		printf 'B: %04000d\n\nbody' 2
	END
	run -0 ask /long -env SERVER_SOFTWARE=HAProxy
	[ "$output" = "$(./long)" ]
	program none <<<$'#!/bin/sh\nprintf No; sleep 0.1; printf "thing like it"'
	[[ $(records none) == 'Status: 500'* ]]
}

@test "a header without its end is passed on, and a first line that is none named, when what the program left says no more" {
	program left <<-'END'
		#!/bin/sh
		setsid sleep 1000 2>/dev/null &
		echo $! >"$PIDFILE"
		printf "$QUERY_STRING"
	END
	wrapper
	local pid server=SERVER_SOFTWARE=HAProxy
	run -0 get "$PWD/left" "$server PIDFILE=$PWD/pid" 'QUERY_STRING=A:b\\nC:d\\n'
	pid=$(cat pid)
	alive "$pid"
	kill "$pid"
	[ "${lines[0]}" = '1 STDOUT A:b\nC:d\n' ]
	[[ $output == *'END 0 0' ]]
	run -0 get "$PWD/left" "PIDFILE=$PWD/pid" 'QUERY_STRING=Nothing'
	kill "$(cat pid)"
	[[ $output == *'STDOUT Status: 500'*'no header field'*'"Nothing"'* ]]
}

@test "for all others a part of a header leaves at once" {
	wrapper
	program parts <<-'END'
		#!/bin/sh
		echo A: b
		while ! [ -e "$WAIT" ]; do sleep 0.02; done
		echo
	END
	run -0 wire "get 1 $PWD/parts WAIT=$PWD/go" 'out 1 A: b\n' \
		"create $PWD/go" 'end 1'
}

@test "what a program prints arrives at once, a letter at a time" {
	export STEPS=$PWD
	wrapper -env STEPS
	run -0 wire "get 1 $CGI/steps" 'out 1 \n\na' "create $PWD/a" \
		'out 1 ab' "create $PWD/b" 'out 1 abc' "create $PWD/c" \
		'out 1 abcd' "create $PWD/d" 'end 1'
}

@test "records are padded to multiples of 8, and hold as much as is there, up to 65,528 bytes (3.3)" {
	wrapper
	ROOT=$CGI ask /complain -trace >out 2>trace
	ROOT=$CGI ask /hello?12 -trace >>out 2>>trace
	ROOT=$CGI_C ask /pour?3000000 -trace 2>>trace | cat >>out
	sed -nE 's/^< (FCGI_STD[A-Z]*|FCGI_END_REQUEST) +id 1 +([0-9]+)\+?([0-9]*).*/\1 \2 \3/p' \
		trace >records
	awk '{ if (($2 + $3) % 8 || $2 > 65528) { print; bad = 1 } n[$1]++
			if ($2 % 8) odd = 1; if ($2 > most) most = $2 }
		END { exit bad || !odd || !n["FCGI_STDERR"] || most < 8000 ||
			n["FCGI_STDOUT"] > 700 }' records
}

@test "stderr goes on as FCGI_STDERR, before the request's end, and is closed if there was any (5.3)" {
	wrapper
	run -0 wire "get 1 $CGI/complain" 'end 1' 'tell 1' 'show'
	[ "${lines[0]}" = '1 STDOUT Content-Type: text/plain\n\nreply\n' ]
	[ "${lines[1]}" = '1 STDERR first complaint\nlast complaint' ]
	[ "${lines[2]}" = '1 END 0 0' ]
	grep -qx 'STDERR 1 0 ' <<<"$output"
	run -0 wire "get 1 $CGI/hello" 'end 1' 'show'
	[[ $output != *STDERR* ]]
}

@test "FCGI_STDOUT is closed by an empty record, and FCGI_END_REQUEST comes last and once" {
	wrapper
	run -0 wire "get 1 $CGI/complain" 'end 1' 'quiet 200' 'show'
	[ "$(grep -cx 'STDOUT 1 0 ' <<<"$output")" -eq 1 ]
	[ "$(grep -c '^END_REQUEST' <<<"$output")" -eq 1 ]
	[[ ${lines[-1]} == END_REQUEST* ]]
}

@test "stderr goes to the wrapper's own, line by line with program and pid, or nowhere, as -stderr says" {
	wrapper -stderr log
	run -0 get "$CGI/complain"
	[[ $output != *STDERR* ]]
	wait_for grep -qE 'complain\[[0-9]+\]: first complaint$' wrapper.log
	wait_for grep -qE 'complain\[[0-9]+\]: last complaint$' wrapper.log
	stop_wrapper
	wrapper -stderr both
	run -0 get "$CGI/complain"
	[[ $output == *STDERR* ]]
	wait_for grep -qE 'complain\[[0-9]+\]: first complaint$' wrapper.log
	stop_wrapper
	wrapper -stderr off
	run -0 get "$CGI/complain"
	[[ $output != *STDERR* ]]
	run ! logged complaint
}

@test "a megabyte on stderr before a byte on stdout holds nothing up" {
	program loud <<-'END'
		#!/bin/sh
		head -c 1000000 /dev/zero | tr '\0' e >&2
		printf 'A: b\n\nok'
	END
	wrapper
	run -0 wire "get 1 $PWD/loud" 'end 1' 'sum 1'
	[[ $output == *"out=8:"*"err=1000000:"* ]]
}

@test "a program that closes stdout early and works on: its reply is ended within a second or so" {
	export WAIT=$PWD/go
	wrapper -env WAIT
	local from
	from=$(now_ms)
	run -0 get "$CGI/early"
	[ $(($(now_ms) - from)) -lt 3000 ]
	[[ $output == *'early\n'* ]]
	[ ! -e go.done ]
	touch go
	wait_for [ -e go.done ]
}

@test "something left behind that holds stdout open: the reply is ended within a second or so" {
	export PIDFILE=$PWD/pid HOLDS=stdout
	wrapper -env PIDFILE -env HOLDS
	local from
	from=$(now_ms)
	run -0 get "$CGI/orphan"
	[ $(($(now_ms) - from)) -lt 3000 ]
	[[ $output == *'ended\n'* ]]
	[[ $output == *'1 END 0 0'* ]]
	alive "$(cat pid)"
	kill "$(cat pid)"
}

@test "something left behind that holds stderr open never holds a reply back" {
	export PIDFILE=$PWD/pid HOLDS=stderr
	wrapper -env PIDFILE -env HOLDS
	local from
	from=$(now_ms)
	run -0 get "$CGI/orphan"
	[ $(($(now_ms) - from)) -lt 900 ]
	[[ $output == *'ended\n'* ]]
	kill "$(cat pid)"
}

@test "the reason on FCGI_STDERR is one line, whatever a name or an output holds" {
	program loose <<<$'#!/bin/sh\necho first; echo second'
	wrapper
	run -0 wire "get 1 $PWD/no\\nfake:\\sline\\x07" "get 2 $PWD/loose" \
		'end 1 2' 'tell 1 2'
	grep -E '^1 STDERR cgi-fcgi: .*/no\\\\x0afake: line\\\\x07: no such program.*\\n$' \
		<<<"$output"
	grep -E '^2 STDERR cgi-fcgi: .*"first\\\\x0a.*\\n$' <<<"$output"
}

@test "what is printed on stderr again and again holds no reply back that is over" {
	local begin
	# Its stdout has ended; it has ended itself, and what it left has stdout.
	program closed <<-'END'
		#!/bin/sh
		printf 'A: b\n\nover\n'
		exec >&-
		for i in 1 2 3 4 5 6 7 8 9 10 11 12; do echo $i >&2; sleep 0.3; done
	END
	program left <<-'END'
		#!/bin/sh
		printf 'A: b\n\nover\n'
		for i in 1 2 3 4 5 6 7 8 9 10 11 12; do echo $i >&2; sleep 0.3; done &
	END
	wrapper
	for name in closed left; do
		begin=$(now_ms)
		run -0 get "$PWD/$name"
		[[ $output == *over* ]]
		[ $(($(now_ms) - begin)) -lt 2500 ]
	done
}

@test "what something left behind prints later goes nowhere, and does not kill it" {
	program later <<-'END'
		#!/bin/sh
		(while ! [ -e "$GO" ]; do sleep 0.05; done; echo late
		head -c 200000 /dev/zero; echo survived >"$GO.done") 2>/dev/null &
		printf 'A: b\n\nnow'
	END
	export GO=$PWD/go
	wrapper -env GO
	run -0 wire "get 1 $PWD/later" 'end 1' "create $PWD/go" \
		"await $PWD/go.done" 'quiet 100' 'tell 1'
	[ "${lines[0]}" = '1 STDOUT A: b\n\nnow' ]
}

state_is() {
	grep -q "^State:.$2" "/proc/$1/status"
}

has_fds() {
	[ "$(fds_of "$1")" -eq "$2" ]
}

@test "the end of something left behind is seen by a wrapper that was stopped and continued, too" {
	export PIDFILE=$PWD/pid HOLDS=stdout
	local before
	wrapper -env PIDFILE -env HOLDS
	run -0 get "$CGI/hello"
	before=$(fds_of "$WRAPPER")
	run -0 get "$CGI/orphan"
	kill -STOP "$WRAPPER"
	wait_for state_is "$WRAPPER" T
	kill -CONT "$WRAPPER"
	wait_for state_is "$WRAPPER" S
	run ! has_fds "$WRAPPER" "$before"
	kill "$(cat pid)"
	wait_for has_fds "$WRAPPER" "$before"
}

@test "what a child prints within a second of its parent's end still belongs to the reply" {
	program parent <<-'END'
		#!/bin/sh
		printf 'A: b\n\n'
		(for i in 1 2 3 4; do sleep 0.3; echo $i; done) &
	END
	wrapper
	run -0 get "$PWD/parent"
	[ "${lines[0]}" = '1 STDOUT A: b\n\n1\n2\n3\n4\n' ]
}

@test "no zombie stays, and no descriptor" {
	wrapper
	local before
	run -0 get "$CGI/hello"
	before=$(fds_of "$WRAPPER")
	{
		for i in {1..60}; do
			echo "get $i $CGI/hello"
			echo "get $((i + 100)) $CGI/empty"
			echo "get $((i + 200)) $PWD/nothing"
			echo "end $i $((i + 100)) $((i + 200))"
		done
	} >script
	wire - <script
	[ -z "$(programs_of "$WRAPPER")" ]
	[ "$(fds_of "$WRAPPER")" -eq "$before" ]
}

@test "past -max requests wait in the order they came; past -queue they get a 503 with Retry-After" {
	export WAIT=$PWD/go
	wrapper -max 1 -queue 2 -env WAIT
	run -0 wire "get 1 $CGI/deaf" 'out 1 \n\n' \
		"get 2 $CGI/hello" "get 3 $CGI/hello" "get 4 $CGI/hello" \
		'end 4' "create $PWD/go" 'ends 4' 'order' 'tell 1 2 3 4'
	[ "${lines[0]}" = '4 1 2 3' ]
	[[ $output == *'4 STDOUT Status: 503'*'Retry-After:'* ]]
	[[ $output == *'2 STDOUT Content-Type: text/plain\n\nhello'* ]]
}

@test "-timeout ends a program when no byte has moved for so long: 504" {
	export PIDFILE=$PWD/pid
	wrapper -timeout 1 -env PIDFILE
	local from
	from=$(now_ms)
	run -0 get "$CGI/silent"
	[ $(($(now_ms) - from)) -ge 900 ]
	[[ $output == *'STDOUT Status: 504'* ]]
	[[ $output == *STDERR*timeout* ]]
	wait_for gone_of pid
}

@test "-timeout leaves a program alone that prints now and then" {
	program slow <<-'END'
		#!/bin/sh
		printf 'A: b\n\n'
		for i in 1 2 3 4 5; do sleep 0.5; printf $i; done
	END
	wrapper -timeout 2
	run -0 get "$PWD/slow"
	[ "${lines[0]}" = '1 STDOUT A: b\n\n12345' ]
}

@test "-max-time ends a program however busy it is; a reply that has begun ends in good order" {
	program busy <<-'END'
		#!/bin/sh
		printf 'A: b\n\n'
		while :; do printf x; sleep 0.05; done
	END
	wrapper -max-time 1
	run -0 get "$PWD/busy"
	[[ $output == *'A: b\n\nxxx'* ]]
	[[ $output == *'STDERR '*max-time* ]]
	[[ $output == *'1 END 143 0'* ]]
}

@test "-limit bounds what a program may use" {
	wrapper -limit nofile=77 -limit fsize=1
	run get "$CGI_C/world"
	# valgrind lets nobody lower the limits that it lives by.
	[ "${INSTRUMENTED:-}" = valgrind ] || [[ $output == *'nofile=77\n'* ]]
}

@test "a program that starts children: all of them end with it when it is ended" {
	program family <<-'END'
		#!/bin/sh
		sleep 1000 & echo $! >>"$PIDS"
		sh -c 'sleep 1000 & echo $! >>"$PIDS"; wait' & echo $! >>"$PIDS"
		echo $$ >>"$PIDS"
		wait
	END
	export PIDS=$PWD/pids
	# None needs KILL.
	wrapper -env PIDS -grace 60
	run -0 wire "get 1 $PWD/family" "await $PWD/pids" 'stall 300' \
		'abort 1' 'end 1'
	[ "$(wc -l <pids)" -eq 4 ]
	# Words are wanted.
	# shellcheck disable=SC2046
	wait_for gone $(cat pids)
}

@test "-verbose says a line a request: program, pid, status, bytes in and out, time, appStatus" {
	wrapper -verbose
	run -0 wire "post 1 $CGI/count 12345" 'end 1' \
		"get 2 $PWD/nothing" 'end 2'
	wait_for logged "$PWD/nothing"
	grep -qE "^cgi-fcgi: $CGI/count\\[[0-9]+\\]: status 200, 5 bytes in, [1-9][0-9]* out, [0-9]+\\.[0-9]{3} s, appStatus 0\$" wrapper.log
	wait_for grep -qE '^cgi-fcgi: a request: status 404, 0 bytes in, 0 out, [0-9.]+ s, appStatus 0$' wrapper.log
	program moved <<<$'#!/bin/sh\nprintf "Location: /there\\n\\n"'
	run -0 get "$PWD/moved"
	wait_for logged ': status 302, 0 bytes in, '
	run -0 wire "get 1 $CGI/deaf WAIT=$PWD/go" 'out 1 \n\n' 'close'
	wait_for logged 'the connection was closed'
}

@test "-verbose says of the status page that it is a 200" {
	wrapper -verbose -status /status
	run -0 "$CGI_FCGI" -connect "$SOCK" -url /status
	wait_for logged ': status 200, 0 bytes in, '
}

@test "a program that closes stdout without a byte and works on is a 500 within a second or so" {
	program shut <<-'END'
		#!/bin/sh
		exec >&-
		sleep 1000
	END
	local pid
	wrapper
	run -0 get "$PWD/shut"
	[[ $output == *'Status: 500'* ]]
	logged 'closed its stdout and had printed nothing'
	# It goes on alone.
	pid=$(programs_of "$WRAPPER")
	kill -TERM "-$pid"
}

@test "a status line is known as one in parts too, and one of another version is none" {
	program parts <<-'END'
		#!/bin/sh
		printf H; sleep 0.05; printf TTP/1.; sleep 0.05; printf 1; sleep 0.05
		printf ' 201 Made\r\nA: b\r\n\r\nbody'
	END
	program other <<-'END'
		#!/bin/sh
		printf 'HTTP/2 200 OK\r\n\r\n'
	END
	program odd <<-'END'
		#!/bin/sh
		printf 'HTTP/1.10 200 OK\r\n\r\n'
	END
	wrapper
	run -0 get "$PWD/parts"
	[[ $output == *'Status: 201 Made\r\nA: b'* ]]
	for name in other odd; do
		run -0 get "$PWD/$name"
		[[ $output == *'Status: 500'* ]]
	done
}

@test "a program that closes its stdout and reads its body after its reply gets all of it" {
	export GO=$PWD/go COUNT=$PWD/count
	program late <<-'END'
		#!/bin/sh
		printf 'A: b\n\n'
		exec >&-
		while ! [ -e "$GO" ]; do sleep 0.02; done
		wc -c >"$COUNT.new"
		mv "$COUNT.new" "$COUNT"
	END
	wrapper -env GO -env COUNT
	# For nginx a body may wait.
	run -0 wire 'begin 1' "params 1 SCRIPT_FILENAME=$PWD/late" \
		'params 1 SERVER_SOFTWARE=nginx CONTENT_LENGTH=1000000' \
		'params 1' 'fill 1 1000000' 'stdin 1' 'end 1' 'tell 1'
	[[ $output == *'A: b'*'END 0 0'* ]]
	touch go
	wait_for [ -e count ]
	[ "$(cat count)" -eq 1000000 ]
}
