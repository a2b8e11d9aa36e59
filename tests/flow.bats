# Bodies and replies of any size, in bounded memory, whoever is slow.
bats_require_minimum_version 1.5.0
load helpers

# flat: the wrapper has never needed more than a few MiB.
flat() {
	memory_counts || return 0
	peak_kib "$WRAPPER"
	[ "$(peak_kib "$WRAPPER")" -lt "${1:-4000}" ]
}

# pattern BYTES: what `fill` of tests/wire.c sends.
pattern() {
	perl -e 'my $b = join "", map { chr(65 + $_ % 251 % 26) } 0 .. 251 * 1000 - 1;
		my $n = shift;
		for (; $n > length $b; $n -= length $b) { print $b }
		print substr $b, 0, $n' "$1"
}

@test "the helpers' patterns agree" {
	program save <<<$'#!/bin/sh\nprintf "A: b\\n\\n"; cat'
	wrapper
	run -0 wire "open 1 $PWD/save CONTENT_LENGTH=600000" 'fill 1 600000' \
		'stdin 1' 'end 1' 'sum 1'
	[[ $output == *out=600006:* ]]
	run -0 wire "open 1 $CGI/digest CONTENT_LENGTH=600000" \
		'fill 1 600000' 'stdin 1' 'end 1' 'tell 1'
	[[ $output == *"$(pattern 600000 | sha256sum | cut -d ' ' -f 1)"* ]]
}

@test "a program that writes while it reads 64 MiB neither hangs nor loses a byte" {
	wrapper
	run -0 wire 'timeout 60' "open 1 $CGI/echo CONTENT_LENGTH=67108864" \
		'fill 1 67108864' 'stdin 1' 'end 1' 'sum 1'
	[[ $output == "1 out=67108904:"*"end=1 status=0" ]]
	flat
}

@test "a body of 1 GiB to a program that stalls, then reads: every byte, memory flat" {
	program late <<-'END'
		#!/bin/sh
		while ! [ -e "$GO" ]; do sleep 0.05; done
		n=$(wc -c)
		printf 'A: b\n\n%s' "$n"
	END
	export GO=$PWD/go
	wrapper -env GO
	start sender "$BUILD/wire" "$SOCK" 'begin 1' 'timeout 100' \
		"params 1 SCRIPT_FILENAME=$PWD/late CONTENT_LENGTH=1073741824" \
		'params 1' 'fill 1 1073741824' 'stdin 1' 'end 1' 'tell 1'
	sleep 0.5
	flat
	touch go
	PATIENCE=100 ended sender
	[ "$STATUS" -eq 0 ]
	grep -q 'A: b.n.n1073741824$' sender.log
	flat
}

@test "a reply of 1 GiB to a reader that stalls: every byte, memory flat" {
	wrapper
	run -0 wire 'timeout 100' "get 1 $CGI_C/pour QUERY_STRING=1073741824" \
		'stall 1000' 'end 1' 'sum 1'
	[[ $output == "1 out=1073741864:"*"end=1 status=0" ]]
	flat
}

@test "a program that prints and never reads its body holds up no request behind it" {
	program chatty <<-'END'
		#!/bin/sh
		printf 'A: b\n\n'
		while ! [ -e "$GO" ]; do echo more; sleep 0.03; done
	END
	export GO=$PWD/go
	wrapper -env GO
	run -0 wire 'timeout 4' "open 1 $PWD/chatty CONTENT_LENGTH=2000000" \
		'fill 1 2000000' "get 2 $CGI/hello" 'end 2' "create $PWD/go" \
		'end 1'
}

@test "without FCGI_KEEP_CONN, too, what has come behind a body that nobody reads is seen" {
	export PIDFILE=$PWD/pid
	wrapper -env PIDFILE
	local i text body=()
	# More than fits into a pipe and a read, in records that are copied.
	printf -v text '%04000d' 0
	for i in {1..50}; do
		body+=("stdin 1 $text")
	done
	behind() {
		rm -f pid
		run -0 wire 'begin 1' "params 1 SCRIPT_FILENAME=$CGI/silent" \
			'params 1 CONTENT_LENGTH=9000000' 'params 1' \
			"await $PWD/pid" "${body[@]}" "$@"
		wait_for gone_of pid
	}
	behind 'abort 1' 'end 1'
	# And what comes when it was looked for in vain.
	behind 'stall 500' 'abort 1' 'end 1'
	behind 'get-values FCGI_MAX_CONNS' 'records 1'
	behind 'begin 2' "params 2 SCRIPT_FILENAME=$CGI/hello" 'params 2' \
		'stdin 2' 'end 2' 'tell 2'
	[[ $output == *hello* ]]
}

@test "an upload on a connection that is not kept costs no disk, however slowly its program reads" {
	program late <<-'END'
		#!/bin/sh
		while ! [ -e "$GO" ]; do sleep 0.05; done
		printf 'A: b\n\n'
		wc -c
	END
	export GO=$PWD/go
	wrapper -env GO -spool "$PWD/no/such/folder"
	start sender "$BUILD/wire" "$SOCK" 'begin 1' \
		"params 1 SCRIPT_FILENAME=$PWD/late CONTENT_LENGTH=2000000" \
		'params 1' 'fill 1 2000000' 'stdin 1' 'end 1' 'tell 1'
	sleep 0.5
	touch go
	ended sender
	[ "$STATUS" -eq 0 ]
	grep -q 2000000 sender.log
}

@test "a body that its program never reads is thrown away when the program has ended" {
	wrapper
	run -0 wire "open 1 $CGI/hello CONTENT_LENGTH=50000000" \
		'fill 1 50000000' 'stdin 1' 'end 1' 'tell 1' \
		"get 2 $CGI/hello" 'end 2'
	[[ $output == *'hello \n'* ]]
	flat
}

@test "a program that closes its stdin early gets its reply out" {
	program shut <<-'END'
		#!/bin/sh
		exec <&-
		sleep 0.2
		printf 'A: b\n\nshut'
	END
	wrapper
	run -0 wire "open 1 $PWD/shut CONTENT_LENGTH=5000000" \
		'fill 1 5000000' 'stdin 1' 'end 1' 'tell 1'
	[[ $output == *shut* ]]
}

@test "a reply may begin before the body does, and end before it ends" {
	wrapper
	run -0 wire "open 1 $CGI/echo CONTENT_LENGTH=10" 'out 1 \n\n' \
		'stdin 1 ab' 'out 1 ab' 'stdin 1 cd' 'out 1 abcd' \
		'stdin 1 efghij' 'stdin 1' 'end 1'
	run -0 wire "open 1 $CGI/hello CONTENT_LENGTH=10" 'end 1'
}

@test "without CONTENT_LENGTH a body is taken in whole, and CONTENT_LENGTH is set (RFC 3875 4.1.2)" {
	wrapper
	run -0 wire "open 1 $CGI/count HTTP_TRANSFER_ENCODING=chunked" \
		'fill 1 100000' 'stall 100' 'fill 1 100001' 'stdin 1' 'end 1' \
		'tell 1'
	[[ $output == *'200001 200001\n'* ]]
	run -0 wire "open 1 $CGI_C/world HTTP_TRANSFER_ENCODING=chunked" \
		'stdin 1 abc' 'stdin 1' 'end 1' 'tell 1'
	[[ $output == *'CONTENT_LENGTH=3\n'* ]]
	[[ $output != *HTTP_TRANSFER_ENCODING* ]]
	run -0 wire "get 1 $CGI_C/world" 'end 1' 'tell 1'
	[[ $output != *CONTENT_LENGTH* ]]
}

@test "a body without CONTENT_LENGTH of 300 MiB keeps memory flat, in a file that nobody sees" {
	mkdir spool
	wrapper -spool "$PWD/spool"
	start sender "$BUILD/wire" "$SOCK" "open 1 $CGI/count" 'timeout 100' \
		'fill 1 314572800' "create $PWD/sent" "await $PWD/go" \
		'stdin 1' 'end 1' 'tell 1'
	PATIENCE=100 wait_for [ -e sent ]
	[ -z "$(ls -A spool)" ]
	flat
	touch go
	PATIENCE=60 ended sender
	grep -q '314572800 314572800' sender.log
}

@test "a spool that cannot be written is a 500 with a reason, nothing else is touched" {
	wrapper -spool "$PWD/no/such/folder"
	run -0 wire "open 1 $CGI/count" 'stdin 1 abc' 'end 1' 'tell 1' \
		"get 2 $CGI/hello" 'end 2' 'tell 2'
	[[ $output == *'1 STDOUT Status: 500 '* ]]
	[[ $output == *"1 STDERR "*"cannot be kept in $PWD/no/such/folder: "* ]]
	[[ $output == *'2 STDOUT Content-Type'* ]]
	logged "$PWD/no/such/folder"
}

@test "a spool that cannot be written behind nginx ends the requests that need it, and nothing else" {
	export PIDFILE=$PWD/pid
	wrapper -spool "$PWD/no/such/folder" -env PIDFILE
	run -0 wire "open 1 $CGI/count SERVER_SOFTWARE=nginx/1" 'stdin 1 abc' \
		'end 1' 'tell 1' \
		"open 2 $CGI/silent CONTENT_LENGTH=9000000 SERVER_SOFTWARE=nginx/1" \
		'fill 2 9000000' 'end 2' 'tell 2' "get 3 $CGI/hello" 'end 3' \
		'tell 3'
	[[ $output == *'1 STDOUT Status: 500 '* ]]
	[[ $output == *'2 STDOUT Status: 500 '* ]]
	[[ $output == *'3 STDOUT Content-Type'* ]]
	# It may be ended before it has told its pid.
	wait_for eval '[ -z "$(children_of "$WRAPPER")" ]'
}

@test "a full disk under the spool is a 507 with a reason, nothing else is touched" {
	# A limit on the size of files is the disk that anybody can fill.
	(ulimit -f 1000 && wrapper)
	WRAPPER=$(cat wrapper.pid)
	run -0 wire "open 1 $CGI/count" 'fill 1 3000000' 'stdin 1' 'end 1' \
		"open 3 $CGI/deaf CONTENT_LENGTH=3000000 SERVER_SOFTWARE=nginx" \
		'fill 3 3000000' 'stdin 3' 'end 3' 'tell 1 3' \
		"post 2 $CGI/count abc" 'end 2' 'tell 2'
	[[ $output == *'1 STDOUT Status: 507 '* ]]
	[[ $output == *'1 STDERR '*'cannot be kept in '* ]]
	[[ $output == *'3 3\n'* ]]
}

@test "behind nginx the first output waits until the body has come" {
	wrapper
	run -0 wire \
		"open 1 $CGI/echo CONTENT_LENGTH=4000000 SERVER_SOFTWARE=nginx/1.22" \
		'fill 1 3999999' 'quiet 300' 'stdin 1 z' 'stdin 1' 'end 1' 'sum 1'
	[[ $output == *out=4000040:* ]]
	flat
}

@test "behind nginx a program that ends, or closes its stdin, is answered before the body has come" {
	wrapper
	run -0 wire \
		"open 1 $CGI/hello CONTENT_LENGTH=4000000 SERVER_SOFTWARE=nginx/1.22" \
		'fill 1 100000' 'end 1' 'tell 1'
	[[ $output == *hello* ]]
	program shut <<-'END'
		#!/bin/sh
		exec <&-
		printf 'A: b\n\nshut'
		while ! [ -e "$WAIT" ]; do sleep 0.02; done
	END
	run -0 wire \
		"open 1 $PWD/shut CONTENT_LENGTH=4000000 SERVER_SOFTWARE=nginx/1.22 WAIT=$PWD/go" \
		'fill 1 100000' 'out 1 shut' "create $PWD/go" 'end 1'
}

@test "200 multiplexed requests of 16 MiB each at once: every byte, memory flat" {
	wrapper -max 200
	{
		echo 'timeout 100'
		for i in {1..200}; do
			echo "get $i $CGI_C/pour QUERY_STRING=16777216"
		done
		echo 'ends 200'
		echo "sum $(echo {1..200})"
	} >script
	wire - <script >answers
	[ "$(grep -c 'out=16777256:' answers)" -eq 200 ]
	[ "$(cut -d ' ' -f 2 answers | sort -u | wc -l)" -eq 1 ]
	flat 8000
}

@test "an idle wrapper takes less than 300 KiB of its own, an idle connection less than 1 KiB" {
	wrapper
	run -0 get "$CGI/hello"
	memory_counts || return 0
	local before after
	before=$(private_kib "$WRAPPER")
	[ "$before" -lt 300 ]
	ulimit -n "$(ulimit -Hn)"
	for i in {1..1000}; do
		echo 'reconnect'
	done >script
	echo "get 1 $CGI/hello" >>script
	echo 'end 1' >>script
	echo "create $PWD/all" >>script
	echo "await $PWD/done" >>script
	start idle sh -c '"$0" "$1" - <"$2"' "$BUILD/wire" "$SOCK" script
	wait_for [ -e all ]
	after=$(private_kib "$WRAPPER")
	touch done
	ended idle
	echo "$before $after"
	[ $((after - before)) -lt 1000 ]
}

@test "what a program says on stderr at its end is told in full to a server that is slow just then" {
	program ending <<-'END'
		#!/usr/bin/perl
		$| = 1;
		print "A: b\n\n", "x" x $ENV{QUERY_STRING};
		close STDOUT;
		print STDERR "line $_ ", "y" x 90, "\n" for 1 .. 600;
	END
	wrapper -stderr both
	# Some of them fill the socket with lines, and no byte of stdout waits.
	for n in {240..420..4}000; do
		"$CGI_FCGI" -connect "$SOCK" -url "$PWD/ending?$n" 3>&- \
			2>"told.$n" | (sleep 2; cat >"came.$n") 3>&- &
		pids+=("$!")
	done
	wait "${pids[@]}"
	for n in {240..420..4}000; do
		[ "$(wc -c <"came.$n")" -eq "$n" ]
		[ "$(grep -c '^line' "told.$n")" -eq 600 ]
	done
	[ "$(grep -c ': line' wrapper.log)" -eq $((46 * 600)) ]
}
