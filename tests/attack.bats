# Those who mean harm, and beside them a client that does not: it gets its
# replies, each right and in good time, and the wrapper stays small.
# ATTACK=long: more of each.
bats_require_minimum_version 1.5.0
load helpers

# attack KIND N [PROGRAM]: under way when this returns, until over.
attack() {
	rm -f gate
	mkfifo gate
	start attack bash -c '"$@" <gate' attack "$BUILD/attack" "$SOCK" \
		"$1" "$2" "${3:-$CGI_C/nonce}"
	exec {GATE}>gate
	wait_for grep -q 'under way' attack.log
}

over() {
	exec {GATE}>&-
	PATIENCE=60 wait_for gone "$(cat attack.pid)"
	wait_for idle
}

# idle: nothing of the attack is left.
idle() {
	alive "$WRAPPER" && [ -z "$(programs_of "$WRAPPER")" ] &&
		[ "$(fds_of "$WRAPPER")" -le "$before" ]
}

# serves: 400 requests on 4 connections, each answer compared, in 10 s.
serves() {
	local from limit=10000
	memory_counts || limit=100000
	from=$(now_ms)
	run -0 "$BUILD/storm" "$SOCK" "$CGI_C/nonce" 4 100 1 plain
	[ "$output" = 'good 400 died 0 aborted 0 cut 0' ]
	[ $(($(now_ms) - from)) -lt $limit ] || {
		echo "$(($(now_ms) - from)) ms" >&2
		return 1
	}
}

# small KIB: it has no more than so much of its own.
small() {
	memory_counts || return 0
	[ "$(private_kib "$WRAPPER")" -lt "$1" ] || {
		echo "$(private_kib "$WRAPPER") KiB" >&2
		return 1
	}
}

# target [OPTION]...
target() {
	wrapper -grace 0.5 "$@"
	run -0 get "$CGI/hello"
	before=$(fds_of "$WRAPPER")
}

# many SHORT LONG: of the two, what is asked for.
many() {
	if [ "${ATTACK:-}" = long ]; then echo "$2"; else echo "$1"; fi
}

@test "connections with records that come byte by byte hold nobody up, and cost little" {
	target
	local n
	n=$(many 2000 9000)
	attack slow "$n"
	serves
	small $((2000 + n * 2))
	over
}

@test "a flood of connections holds nobody up" {
	target
	attack flood "$(many 20000 500000)"
	serves
	over
	serves
}

@test "requests whose variables never end have no more than 64 MiB, and usual ones are served" {
	target
	attack params "$(many 150 3000)"
	serves
	small 75000
	over
	wait_for small 5000
}

@test "70,000 variables with names chosen to collide hold nobody up" {
	target
	attack names 70000
	run -0 wire 'timeout 3' "get 1 $CGI/hello" 'end 1'
	serves
	over
}

@test "a variable of the wrapper's own that is sent 80,000 times holds nobody up" {
	target
	attack repeats "$(many 40 400)"
	run -0 wire 'timeout 3' "get 1 $CGI/hello" 'end 1'
	serves
	over
}

@test "a descriptor that is sent to the socket, and takes a minute to close, holds nobody up" {
	descriptors_can_be_refused || return 0
	target
	attack descriptors 1
	serves
	over
}

@test "63,000 requests on 1,000 connections, whichever ids they have, hold nobody up" {
	target
	attack alike 1000
	serves
	over
}

@test "a request that never is complete does not hold up the end" {
	target
	attack params 3
	stop wrapper
	[ "$STATUS" -eq 0 ]
	exec {GATE}>&-
	ended attack
}

@test "65,535 requests on one connection are all answered, and hold nobody up" {
	target
	attack ids 65535
	serves
	PATIENCE=60 wait_for gone "$(cat attack.pid)"
	grep -x '65535 answered' attack.log
	wait_for idle
}

@test "20,000 status pages that nobody reads take no memory beside their requests" {
	target -status /status
	attack pages 20000 /status
	small 120000
	serves
	over
}

@test "the end of a connection with 65,535 requests that nobody reads the end of holds nobody up" {
	target
	attack aborts 65535
	serves
	exec {GATE}>&-
	ended attack
	run -0 wire 'timeout 3' "get 1 $CGI/hello" 'end 1'
	wait_for idle
}

@test "programs that print without end, read or not, hold nobody up" {
	target -max 40
	attack runs "$(many 8 30)"
	serves
	small 12000
	over
	attack unread "$(many 8 30)"
	serves
	small 12000
	over
}

@test "a program that complains to the log without end holds nobody up" {
	program loud <<-'END'
		#!/bin/sh
		exec yes e >&2
	END
	target -stderr log
	start loud "$BUILD/wire" "$SOCK" 'timeout 60' "get 1 $PWD/loud" 'end 1'
	wait_for logged 'loud['
	run -0 wire 'timeout 5' "get 1 $CGI/hello" 'end 1'
	stop loud
	wait_for idle
}

@test "programs that do not end have -max places, and what waits for one is in order" {
	target -max 6 -max-time 2
	attack runs 6 "$CGI/silent"
	serves
	over
}

@test "bodies far past CONTENT_LENGTH, to programs deaf to them, hold nobody up: memory stays flat" {
	target -max 40 -spool "$PWD" -env WAIT="$PWD/never"
	attack pours "$(many 4 20)" "$CGI_C/sleeper"
	serves
	small 12000
	over
}

@test "a log that nobody reads stops nothing, and what was lost of it is told" {
	mkfifo unread
	exec {LOG}<>unread
	SOCK=$PWD/sock
	start wrapper sh -c 'exec "$@" 2>unread' sh "$CGI_FCGI" -listen "$SOCK" \
		-verbose
	wait_for listens "$SOCK"
	# More lines than a pipe holds.
	for i in 1 2 3; do serves; done
	timeout 5 head -c 40000 <&$LOG >log
	grep -q 'nonce' log
	serves
	timeout 5 grep -m 1 'lines were not read and are lost' <&$LOG
	exec {LOG}>&-
}

# read_log PERL...: on a log in a FIFO, which the wrapper has, this is its
# reader; what it reads is in read.log.
read_log() {
	mkfifo log
	start reader perl -e '
		open $log, "<", "log" or die $!;
		open $read, ">", "read.log" or die $!;
		$read->autoflush(1);
		sub waiting {
			my $n = pack "i", 0;
			ioctl $log, 0x541b, $n; # FIONREAD
			unpack "i", $n;
		}
		sub take { sysread $log, $_, shift and print $read $_ }
		'"$1"
	SOCK=$PWD/sock
	start wrapper sh -c 'exec "$@" 2>log' sh "$CGI_FCGI" -listen "$SOCK" \
		-stderr log
	wait_for listens "$SOCK"
	WRAPPER=$PID
}

@test "a log that is read slowly, and a program that fills it, hold nobody up" {
	program loud <<-'END'
		#!/bin/sh
		yes 'this is a warning of a script that warns in a loop' >&2
		: its stdout stays open
	END
	read_log 'select undef, undef, undef, 0.2 while take(4096)'
	start loud "$BUILD/wire" "$SOCK" 'timeout 60' "get 1 $PWD/loud" 'end 1'
	wait_for grep -q 'lines were not read and are lost' read.log
	serves
	# Its lines go on as they can.
	local lines
	lines=$(grep -c loud read.log)
	more_lines() { [ "$(grep -c loud read.log)" -gt $((lines + 1000)) ]; }
	wait_for more_lines
	stop loud
}

@test "a log whose reader pauses for a moment loses no line" {
	program warns <<-'END'
		#!/usr/bin/perl
		print "A: b\n\n";
		print STDERR "line $_ ", "x" x 40, "\n" for 1 .. 3000;
	END
	# Until the pipe is full.
	read_log 'select undef, undef, undef, 0.01 until waiting() > 60000;
		1 while take(65536)'
	run -0 get "$PWD/warns"
	stop_wrapper
	ended reader
	[ "$(grep -c ': line [0-9]* x' read.log)" -eq 3000 ]
	run ! grep -q lost read.log
}
