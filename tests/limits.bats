# Limits in number and in time: -max, -queue, -timeout, -max-time, -grace,
# -limit, -idle; each where it must strike and where it must not.
bats_require_minimum_version 1.5.0
load helpers

# Ends on TERM and leaves a child in its group that does not; both pids are in
# pids.
family() {
	program family <<-'END'
		#!/bin/sh
		(trap '' TERM; while :; do sleep 0.1; done) &
		printf '%s\n' $! $$ >"$PIDS.new"
		mv "$PIDS.new" "$PIDS"
		wait
	END
	export PIDS=$PWD/pids
}

family_is_there() {
	[ "$(wc -l <pids)" -eq 2 ]
}

@test "requests of many connections get their turns in the order they came" {
	wrapper -max 1
	local i
	start client0 "$BUILD/wire" "$SOCK" "get 1 $CGI/deaf WAIT=$PWD/go" \
		'out 1 \n\n' "create $PWD/running" 'end 1'
	wait_for [ -e running ]
	program note <<-'END'
		#!/bin/sh
		echo "$QUERY_STRING" >>"$NOTES"
		printf 'A: b\n\n'
	END
	for i in {1..8}; do
		# FCGI_GET_VALUES is answered when what came before was read.
		start "client$i" "$BUILD/wire" "$SOCK" \
			"get 1 $PWD/note QUERY_STRING=$i NOTES=$PWD/notes" \
			'get-values FCGI_MAX_CONNS' 'records 1' \
			"create $PWD/waits$i" 'end 1'
		wait_for [ -e "waits$i" ]
	done
	[ ! -e notes ]
	touch go
	for i in {0..8}; do
		ended "client$i"
		[ "$STATUS" -eq 0 ]
	done
	[ "$(tr '\n' ' ' <notes)" = '1 2 3 4 5 6 7 8 ' ]
}

@test "connections that wait to be accepted get their turns before what comes later on others" {
	wrapper -max 1
	program note <<-'END'
		#!/bin/sh
		echo "${WHEN:-before}" >>notes
		printf 'A: b\n\n'
	END
	start later "$BUILD/wire" "$SOCK" 'get-values FCGI_MAX_CONNS' \
		'records 1' "create $PWD/known" "await $PWD/stopped" \
		"get 1 $PWD/note WHEN=later" "create $PWD/sent" 'end 1'
	wait_for [ -e known ]
	kill -STOP "$WRAPPER"
	mkfifo gate
	start before bash -c '"$@" <gate' runs \
		"$BUILD/attack" "$SOCK" runs 100 "$PWD/note"
	exec {GATE}>gate
	wait_for grep -q 'under way' before.log
	touch stopped
	wait_for [ -e sent ]
	kill -CONT "$WRAPPER"
	ended later
	[ "$STATUS" -eq 0 ]
	exec {GATE}>&-
	ended before
	[ "$(sort notes | uniq -c | tr -s ' ')" = ' 100 before
 1 later' ]
	[ "$(tail -n 1 notes)" = later ]
}

@test "-queue 0: what cannot run at once is a 503 with Retry-After, on a connection that stays" {
	wrapper -max 1 -queue 0
	run -0 wire "get 1 $CGI/deaf WAIT=$PWD/go" 'out 1 \n\n' \
		"get 2 $CGI/hello" 'end 2' 'tell 2' "create $PWD/go" 'end 1' \
		"get 3 $CGI/hello" 'end 3' 'tell 3'
	[[ $output == *'2 STDOUT Status: 503'*Retry-After:* ]]
	[[ $output == *'2 STDERR '*-max*-queue* ]]
	[[ $output == *'3 STDOUT Content-Type'* ]]
	logged '-queue'
}

@test "a request whose connection closes while it waits gives up its place and never runs" {
	wrapper -max 1 -queue 1
	start client "$BUILD/wire" "$SOCK" "get 1 $CGI/deaf WAIT=$PWD/go" \
		'out 1 \n\n' "create $PWD/running" 'end 1'
	wait_for [ -e running ]
	program mark <<-END
		#!/bin/sh
		echo ran >$PWD/ran
		printf 'A: b\n\n'
	END
	wire "get 1 $PWD/mark" 'get-values FCGI_MAX_CONNS' 'records 1' 'close'
	there_is_room() {
		# Refused, it is answered before the question behind it.
		run -0 wire "get 1 $CGI/hello" 'get-values FCGI_MAX_CONNS' \
			'records 1' 'tell 1' 'show' &&
			[[ $output != *503* && $output == *GET_VALUES* ]]
	}
	wait_for there_is_room
	touch go
	ended client
	run -0 get "$CGI/hello"
	[[ $output == *hello* ]]
	[ ! -e ran ]
}

@test "an abort takes a waiting request out of the queue" {
	wrapper -max 1 -queue 1
	run -0 wire "get 1 $CGI/deaf WAIT=$PWD/go" 'out 1 \n\n' \
		"get 2 $CGI/hello" 'abort 2' 'end 2' "get 3 $CGI/hello" \
		"create $PWD/go" 'end 1 3' 'tell 2 3'
	[[ $output == *'2 END '* ]]
	[[ $output == *'3 STDOUT Content-Type'* ]]
}

@test "programs that never started give their places back" {
	wrapper -max 2 -queue 0
	echo text >plain
	local i
	{
		for i in {1..40}; do
			echo "get $i $PWD/none"
			echo "get $((i + 100)) $PWD/plain"
			echo "end $i $((i + 100))"
		done
		echo "get 500 $CGI/deaf WAIT=$PWD/go"
		echo "get 501 $CGI/deaf WAIT=$PWD/go"
		echo 'out 500 \n\n'
		echo 'out 501 \n\n'
		echo "create $PWD/go"
		echo 'end 500 501'
	} >script
	run -0 wire - <script
}

@test "a program that goes on after its reply counts under -max until it has ended" {
	export WAIT=$PWD/go
	wrapper -max 1 -queue 0 -env WAIT
	run -0 get "$CGI/early"
	[[ $output == *'early\n'* ]]
	run -0 get "$CGI/hello"
	[[ $output == *'Status: 503'* ]]
	touch go
	wait_for [ -e go.done ]
	served() { get "$CGI/hello" | grep -q 'Content-Type.*hello'; }
	wait_for served
}

@test "-timeout after the first byte: the reply is ended in order, appStatus 143, with a line" {
	wrapper -timeout 2
	run -0 get "$CGI/deaf" "WAIT=$PWD/never"
	[[ $output == *'1 STDOUT Content-Type: text/plain\n\n'* ]]
	[[ $output != *504* ]]
	[[ $output == *'1 STDERR '*-timeout* ]]
	[[ $output == *'1 END 143 0'* ]]
	logged "$CGI/deaf"
	logged '-timeout of 2.000 s'
}

# sip MS: what the server of a slow client does; prints how much came.
sip() {
	perl -MIO::Socket::UNIX -e '
		my ($path, $program, $ms) = @ARGV;
		my $s = IO::Socket::UNIX->new(Peer => $path) or die $!;
		my $file = pack("CC", 15, length $program) . "SCRIPT_FILENAME$program";
		$file .= pack("CC", 12, 6) . "QUERY_STRING700000";
		for ([1, pack("nx6", 1)], [4, $file], [4, ""], [5, ""]) {
			print $s pack("CCnnCC", 1, $$_[0], 1, length $$_[1], 0, 0), $$_[1];
		}
		$s->flush;
		my ($n, $part) = 0;
		while ($part = sysread $s, my $bytes, 8192) {
			$n += $part;
			select undef, undef, undef, $ms / 1000;
		}
		print "$n\n"' "$SOCK" "$CGI_C/pour" "$1"
}

@test "-timeout: a client that takes a reply slowly takes it" {
	wrapper -timeout 2
	run -0 sip 50
	[ "$output" -gt 700000 ]
	run ! logged -timeout
}

@test "-timeout: a server that takes nothing of a reply loses it" {
	wrapper -timeout 0.5
	start deaf "$BUILD/wire" "$SOCK" "get 1 $CGI_C/pour QUERY_STRING=9000000" \
		'stall 5000'
	wait_for logged '-timeout of 0.500 s'
}

@test "-timeout: a body that goes on coming is a sign of life" {
	wrapper -timeout 3
	run -0 wire "open 1 $CGI/count CONTENT_LENGTH=4" 'stdin 1 a' \
		'stall 1200' 'stdin 1 b' 'stall 1200' 'stdin 1 c' 'stall 1200' \
		'stdin 1 d' 'stdin 1' 'end 1' 'tell 1'
	[[ $output == *'4 4\n'* ]]
}

@test "-timeout: FCGI_DATA that comes before FCGI_STDIN has ended is a sign of life" {
	wrapper -timeout 3
	run -0 wire 'begin 1 filter' 'params 1 CONTENT_LENGTH=0' \
		"params 1 SCRIPT_FILENAME=$CGI/echo FCGI_DATA_LENGTH=3" \
		'params 1' 'data 1 a' 'stall 1200' 'data 1 b' 'stall 1200' \
		'data 1 c' 'stall 1200' 'data 1' 'stdin 1' 'end 1' 'tell 1'
	[[ $output == *abc* ]]
	[[ $output == *'END 0 0'* ]]
}

@test "-max-time before the first byte is a 504, and the program is gone" {
	export PIDFILE=$PWD/pid
	wrapper -max-time 2 -env PIDFILE
	run -0 get "$CGI/silent"
	[[ $output == *'1 STDOUT Status: 504'* ]]
	[[ $output == *'1 STDERR '*-max-time* ]]
	[[ $output == *'1 END 143 0'* ]]
	wait_for gone_of pid
	logged '-max-time of 2.000 s'
}

@test "-max-time ends a program whose reply is over, too" {
	program alone <<-'END'
		#!/bin/sh
		echo $$ >"$PIDFILE"
		printf 'A: b\n\nover\n'
		exec >&- 2>&-
		exec sleep 1000
	END
	export PIDFILE=$PWD/pid
	wrapper -max 1 -max-time 3 -env PIDFILE
	run -0 get "$PWD/alone"
	[[ $output == *'over\n'*'END 0 0'* ]]
	alive "$(cat pid)"
	wait_for gone_of pid
	logged "pid $(cat pid), whose reply is over: ended: the -max-time of 3.000 s is over"
	run -0 get "$CGI/hello"
	[[ $output == *hello* ]]
}

@test "time in the queue counts neither for -timeout nor for -max-time" {
	program nap <<<$'#!/bin/sh\nsleep 1\nprintf "A: b\\n\\n"'
	wrapper -max 1 -timeout 2.5 -max-time 2.5
	run -0 wire "get 1 $PWD/nap" "get 2 $PWD/nap" "get 3 $PWD/nap" \
		"get 4 $PWD/nap" 'ends 4' 'tell 1 2 3 4'
	[[ $output != *504* ]]
	[ "$(grep -c 'A: b' <<<"$output")" -eq 4 ]
}

@test "a program that ignores TERM gets KILL after -grace, not before" {
	export PIDFILE=$PWD/pid
	wrapper -max-time 2 -grace 3 -env PIDFILE
	local from
	from=$(now_ms)
	run -0 get "$CGI/stubborn"
	[[ $output == *'Status: 504'* ]]
	# The reply has not waited for that.
	[ $(($(now_ms) - from)) -lt 2900 ] || [ -n "${INSTRUMENTED:-}" ]
	alive "$(cat pid)"
	wait_for gone_of pid
	[ $(($(now_ms) - from)) -ge 4900 ]
}

@test "children that ignore TERM get KILL after -grace, though their parent has ended" {
	family
	wrapper -max-time 2 -grace 3 -env PIDS
	local from
	from=$(now_ms)
	run -0 get "$PWD/family"
	[[ $output == *'Status: 504'* ]]
	family_is_there
	wait_for gone "$(tail -n 1 pids)"
	alive "$(head -n 1 pids)"
	wait_for gone "$(head -n 1 pids)"
	[ $(($(now_ms) - from)) -ge 4900 ]
}

# Ends at once and leaves in its group what prints on; its pid is in pid.
leaves() {
	program leaves <<-'END'
		#!/bin/sh
		printf 'A: b\n\n'
		(trap "$TRAP" TERM; while :; do echo more || :; sleep 0.1; done) &
		echo $! >"$PIDFILE"
	END
	export PIDFILE=$PWD/pid TRAP=${1--}
}

@test "-max-time ends what an ended program left in its group, while the request is not over" {
	leaves
	wrapper -max-time 2 -env PIDFILE -env TRAP
	run -0 get "$PWD/leaves"
	[[ $output == *'more'*-max-time*'END 143 0'* ]]
	wait_for gone_of pid
}

@test "what an ended program left in its group gets KILL after -grace, if it ignores TERM" {
	leaves ''
	wrapper -max-time 2 -grace 3 -env PIDFILE -env TRAP
	local from
	from=$(now_ms)
	run -0 get "$PWD/leaves"
	alive "$(cat pid)"
	wait_for gone_of pid
	[ $(($(now_ms) - from)) -ge 4900 ]
}

@test "-timeout, an abort and a closed connection end what an ended program left in its group" {
	program pours <<-'END'
		#!/bin/sh
		printf 'A: b\n\n'
		yes &
		echo $! >"$PIDFILE"
	END
	leaves
	wrapper -timeout 1 -env PIDFILE -env TRAP
	start deaf "$BUILD/wire" "$SOCK" "get 1 $PWD/pours" 'stall 20000'
	wait_for logged '-timeout of 1.000 s'
	wait_for gone_of pid
	stop deaf
	rm pid
	run -0 wire "get 1 $PWD/leaves" "await $PWD/pid" 'out 1 more\nmore' \
		'abort 1' 'end 1'
	wait_for gone_of pid
	rm pid
	run -0 wire "get 1 $PWD/leaves" "await $PWD/pid" 'out 1 more\nmore' \
		'close'
	wait_for gone_of pid
}

@test "TERM to the wrapper: what an ended program left is ended after -grace, while the request is not over" {
	leaves
	wrapper -grace 1 -env PIDFILE -env TRAP
	start client "$BUILD/wire" "$SOCK" "get 1 $PWD/leaves" \
		'out 1 more\nmore' "create $PWD/more" 'end 1' 'tell 1'
	wait_for [ -e more ]
	stop_wrapper
	[ "$STATUS" -eq 0 ]
	wait_for gone_of pid
	ended client
	[ "$STATUS" -eq 0 ]
	grep -q '1 END 0 0' client.log
}

@test "an ended program whose request goes on gives its place under -max back" {
	leaves
	wrapper -max 1 -queue 0 -env PIDFILE -env TRAP
	run -0 wire "get 1 $PWD/leaves" 'out 1 more\nmore' \
		"get 2 $CGI/hello" 'end 2' 'tell 2' 'abort 1' 'end 1'
	[[ $output == *'2 STDOUT Content-Type'* ]]
	wait_for gone_of pid
}

@test "a program that has left its group for another one is ended all the same, by TERM or KILL" {
	program moves <<-'END'
		#!/usr/bin/perl
		$SIG{TERM} = $ENV{ON_TERM};
		pipe R, W;
		if (!($other = fork)) {
			setpgrp;
			close W;
			exit;
		}
		close W;
		<R>;
		setpgrp 0, $other or die;
		open F, ">", "$ENV{PIDFILE}.new" and print F $$;
		close F;
		rename "$ENV{PIDFILE}.new", $ENV{PIDFILE};
		sleep 1 while 1;
	END
	export PIDFILE=$PWD/pid
	wrapper -grace 1 -max 1 -env PIDFILE
	local on_term
	for on_term in DEFAULT IGNORE; do
		run -0 wire "get 1 $PWD/moves ON_TERM=$on_term" \
			"await $PWD/pid" 'abort 1' 'end 1' 'tell 1'
		[[ $output == *'1 END 143 0'* ]]
		wait_for gone_of pid
		rm pid
	done
	run -0 get "$CGI/hello"
	[[ $output == *'1 STDOUT Content-Type'* ]]
}

@test "-grace 0: KILL follows at once" {
	family
	wrapper -grace 0 -env PIDS
	run -0 wire "get 1 $PWD/family" "await $PWD/pids" 'abort 1' 'end 1'
	wait_for family_is_there
	# Words are wanted.
	# shellcheck disable=SC2046
	PATIENCE=2 wait_for gone $(cat pids)
}

@test "a stopped program that is to end is continued, so that it ends on TERM" {
	program stopped <<-'END'
		#!/bin/sh
		trap 'echo ended >"$PIDFILE.trap"; exit' TERM
		echo $$ >"$PIDFILE"
		kill -STOP $$
		while :; do sleep 0.02; done
	END
	export PIDFILE=$PWD/pid
	wrapper -max-time 2 -grace 30 -env PIDFILE
	run -0 get "$PWD/stopped"
	[[ $output == *'Status: 504'* ]]
	wait_for gone_of pid
	[ -e pid.trap ]
}

@test "-limit sets each kind, soft and hard, in the units that -help names" {
	[ "${INSTRUMENTED:-}" != valgrind ] || return 0
	program limits <<<$'#!/bin/sh\nprintf "A: b\\n\\n"\nexec cat /proc/self/limits'
	wrapper -limit cpu=7 -limit as=512 -limit nproc=4321 -limit nofile=77 \
		-limit fsize=3 -limit core=0
	ROOT=$PWD run -0 ask /limits -content
	local kind value
	while read -r kind value; do
		[[ $output =~ Max\ $kind\ +$value\ +$value\  ]] || {
			echo "$kind is not $value"
			return 1
		}
	done <<-END
		cpu.time 7
		address.space 536870912
		processes 4321
		open.files 77
		file.size 3145728
		core.file.size 0
	END
}

@test "-limit: what goes beyond ends or fails, and the wrapper says how it ended" {
	[ "${INSTRUMENTED:-}" != valgrind ] || return 0
	program spin <<<$'#!/bin/sh\nwhile :; do :; done'
	program grow <<-'END'
		#!/usr/bin/perl
		print "A: b\n\n";
		my $x = 'x' x (300 << 20);
		print "grown\n";
	END
	program write <<-'END'
		#!/bin/sh
		printf 'A: b\n\n'
		head -c 2000000 /dev/zero >"$FILE" || echo cannot
	END
	wrapper -limit cpu=1 -limit as=200 -limit fsize=1 -limit core=0
	run -0 get "$PWD/spin"
	[[ $output == *'Status: 500'*'killed by signal'* ]]
	run -0 get "$PWD/grow"
	[[ $output != *grown* && $output != *'END 0 '* ]]
	run -0 get "$PWD/write" "FILE=$PWD/big"
	[[ $output == *cannot* ]]
	[ "$(stat -c %s big)" -le 1048576 ]
}

@test "a time that is given is never 0, which is none, however short it is; it may begin with a dot" {
	local option
	program quiet <<<$'#!/bin/sh\nexec sleep 100'
	for option in -max-time -timeout; do
		wrapper $option 0.0001
		run -0 get "$PWD/quiet"
		[[ $output == *'Status: 504'* ]] || return
		stop_wrapper
	done
	wrapper -max-time .02
	run -0 get "$CGI_C/sleeper" "WAIT=$PWD/go"
	logged '-max-time of 0.020'
	stop_wrapper
	# Zeros are none, as many as there are.
	wrapper -max-time 0.0000
	run -0 wire "get 1 $CGI/deaf WAIT=$PWD/go" 'out 1 \n\n' \
		"create $PWD/go" 'end 1' 'tell 1'
	[[ $output == *'END 0 0'* ]]
}

@test "-limit beyond a hard limit that may not be raised is an error at the start" {
	[ "${INSTRUMENTED:-}" != valgrind ] || return 0
	local user=()
	[ "$(id -u)" -ne 0 ] || user=(-user 61234)
	run -1 timeout 20 sh -c 'ulimit -n 500 && exec "$@"' sh "$CGI_FCGI" "${user[@]}" \
		-listen "$SOCK" -limit cpu=1 -limit nofile=501
	[[ $output == *'-limit nofile=501: the hard limit is lower: '* ]]
	[ ! -e "$SOCK" ]
	(ulimit -n 500 && wrapper "${user[@]}" -limit nofile=500)
	run -0 get "$CGI_C/world"
	[[ $output == *'nofile=500\n'* ]]
	# Who may raise it does.
	(ulimit -n 500 && ulimit -n 501) 2>/dev/null || return 0
	stop_wrapper
	(ulimit -n 500 && wrapper -limit nofile=501)
	run -0 get "$CGI_C/world"
	[[ $output == *'nofile=501\n'* ]]
}

@test "-limit does not bind the wrapper itself" {
	[ "${INSTRUMENTED:-}" != valgrind ] || return 0
	wrapper -limit nofile=20 -limit fsize=0
	local i items=()
	for i in {1..30}; do
		items+=("get $i $CGI_C/sleeper WAIT=$PWD/go")
	done
	run -0 wire "${items[@]}" 'get-values FCGI_MAX_CONNS' \
		'records 1' "create $PWD/go" 'ends 30' \
		"open 99 $CGI/count" 'stdin 99 abc' 'stdin 99' 'end 99' \
		'tell 99'
	[[ $output == *'3 3\n'* ]]
}

@test "-idle does not end it while a request runs, nor while a program goes on alone" {
	export WAIT=$PWD/go
	# It would end before all templates are ready.
	PRELOAD='' wrapper -idle 3 -env WAIT
	run -0 get "$CGI/early"
	sleep 3.5
	alive "$WRAPPER"
	run -0 wire "get 1 $CGI/deaf" 'out 1 \n\n' 'stall 3500' \
		"create $PWD/go" 'end 1' 'tell 1'
	[[ $output == *'deaf\n'* ]]
	ended wrapper
	[ "$STATUS" -eq 0 ]
	[ ! -e "$SOCK" ]
}

@test "-idle does not end it while what an ended program left may still print, in whichever worker" {
	program job <<-'END'
		#!/bin/sh
		printf 'A: b\n\n'
		(until [ -e "$WAIT" ]; do sleep 0.05; done
		echo more && echo printed >"$WAIT.done") &
	END
	export WAIT=$PWD/go
	local workers
	for workers in 1 2; do
		PRELOAD='' wrapper -idle 3 -env WAIT -workers $workers
		run -0 get "$PWD/job"
		sleep 3.6
		alive "$WRAPPER"
		touch go
		wait_for [ -e go.done ]
		ended wrapper
		[ "$STATUS" -eq 0 ]
		rm go go.done
	done
}

@test "programs have the soft limit of descriptors that the wrapper was given, and it has the hard one" {
	[ "${INSTRUMENTED:-}" != valgrind ] || return 0
	program files <<-'END'
		#!/bin/sh
		printf 'A: b\n\n'
		ulimit -Sn
		ulimit -Hn
	END
	ulimit -Sn 100
	ulimit -Hn 500
	wrapper
	run -0 get "$PWD/files"
	[[ $output == *'\n\n100\n500\n'* ]]
	grep -q '^Max open files *500 *500 ' "/proc/$WRAPPER/limits"
}

@test "TERM to the wrapper while a program is in its -grace already prolongs nothing" {
	export PIDFILE=$PWD/pid
	wrapper -max-time 2 -grace 2 -env PIDFILE
	run -0 get "$CGI/stubborn"
	alive "$(cat pid)"
	stop_wrapper
	[ "$STATUS" -eq 0 ]
	gone "$(cat pid)"
}

@test "with hardly a descriptor FCGI_MAX_CONNS is 1" {
	ulimit -Sn 32
	ulimit -Hn 32
	wrapper
	run -0 wire 'get-values FCGI_MAX_CONNS' 'records 1' 'show'
	[[ $output == *'FCGI_MAX_CONNS1' ]]
}

@test "-timeout: a silent program is ended while another's reply on its connection is taken slowly" {
	program silent <<-'END'
		#!/bin/sh
		exec sleep 100
	END
	wrapper -timeout 2
	run -0 perl -MIO::Socket::UNIX -e '
		my ($path, @programs) = @ARGV;
		my $s = IO::Socket::UNIX->new(Peer => $path) or die $!;
		for my $id (1, 2) {
			my $file = $programs[$id - 1];
			$file = pack("CC", 15, length $file) . "SCRIPT_FILENAME$file" .
				pack("CC", 12, 6) . "QUERY_STRING990000";
			for ([1, pack("nCx5", 1, 1)], [4, $file], [4, ""], [5, ""]) {
				print $s pack("CCnnCC", 1, $$_[0], $id, length $$_[1],
					0, 0), $$_[1];
			}
		}
		$s->flush;
		for (1 .. 100) {
			sysread $s, my $bytes, 8192;
			select undef, undef, undef, 0.05;
		}' "$SOCK" "$PWD/silent" "$CGI_C/pour"
	grep -q '/silent\[[0-9]*\]: ended: no byte moved' wrapper.log
	run ! grep -q '/pour\[[0-9]*\]: ended' wrapper.log
}

@test "TERM to the wrapper: what is left of a program that is being ended gets KILL, too" {
	family
	wrapper -max-time 2 -grace 3 -env PIDS
	run -0 get "$PWD/family"
	[[ $output == *'Status: 504'* ]]
	wait_for gone "$(tail -n 1 pids)"
	alive "$(head -n 1 pids)"
	stop_wrapper
	wait_for gone "$(head -n 1 pids)"
}

@test "TERM to the wrapper: when -grace is over no program is started, what waits is a 503" {
	program waits <<-'END'
		#!/bin/sh
		echo "$1" >>starts
		printf 'Content-Type: text/plain\n\n'
		exec sleep 30
	END
	queued() {
		get /x SCRIPT_NAME=/status | grep -qF 'queued: 1\n'
	}
	wrapper -max 1 -grace 1 -status /status
	start first "$BUILD/wire" "$SOCK" "get 1 $PWD/waits" 'end 1'
	wait_for [ -s starts ]
	start second "$BUILD/wire" "$SOCK" "get 1 $PWD/waits" 'end 1' 'tell 1'
	wait_for queued
	stop_wrapper
	ended first
	ended second
	[ "$STATUS" -eq 0 ]
	grep -q 'Status: 503' second.log
	[ "$(wc -l <starts)" -eq 1 ]
}
