# -workers: several processes on the same sockets that keep the limits together,
# and what happens when one of them dies.
bats_require_minimum_version 1.5.0
load helpers

workers() {
	local pid
	for pid in $(children_of "$WRAPPER"); do
		gone "$pid" || echo "$pid"
	done
}

worker_count_is() {
	[ "$(workers | wc -l)" -eq "$1" ]
}

runs() {
	[ "$(programs_of "$WRAPPER" | wc -w)" -eq "$1" ]
}

# starts_anew PID: whether that worker has gone and another has its place.
starts_anew() {
	gone "$1" && worker_count_is "${2:-2}"
}

# client NAME ITEM...: in the background, on a connection of its own.
client() {
	local name=$1
	shift
	# Some wait for all that a test does meanwhile.
	start "$name" "$BUILD/wire" "$SOCK" 'timeout 60' "$@"
}

programs_in() {
	local pid
	for pid in $(children_of "$1"); do
		is_template "$pid" || echo "$pid"
	done | wc -w
}

@test "every worker serves, on every socket" {
	wrapper -workers 3 -listen "$PWD/two"
	wait_for listens "$PWD/two"
	wait_for worker_count_is 3
	# Each in its turn is the only one that is awake.
	local all pid other
	all=$(workers)
	for pid in $all; do
		for other in $all; do
			[ "$other" = "$pid" ] || kill -STOP "$other"
		done
		run -0 get "$CGI/hello"
		[[ $output == *hello* ]]
		ADDR=$PWD/two run -0 get "$CGI/hello"
		[[ $output == *hello* ]]
		# Words are wanted.
		# shellcheck disable=SC2086
		kill -CONT $all
	done
}

@test "-queue holds for all together: one waits, the others are refused" {
	wrapper -workers 3 -max 2 -queue 1
	wait_for worker_count_is 3
	local i
	for i in 1 2; do
		client "run$i" "get 1 $CGI_C/sleeper WAIT=$PWD/go" 'end 1' 'tell 1'
		wait_for runs "$i"
	done
	client waits "get 1 $CGI/hello" 'get-values FCGI_MAX_CONNS' \
		'records 1' "create $PWD/waits" 'end 1' 'tell 1'
	wait_for [ -e waits ]
	for i in {1..6}; do
		run -0 get "$CGI/hello"
		[[ $output == *'Status: 503'* ]]
	done
	touch go
	for i in run1 run2 waits; do
		ended "$i"
		[ "$STATUS" -eq 0 ]
	done
	grep -q 'STDOUT Content-Type.*hello' waits.log
}

@test "a request that waits in one worker starts when a program of another ends" {
	wrapper -workers 2 -max 1
	wait_for worker_count_is 2
	client first "get 1 $CGI_C/sleeper WAIT=$PWD/go" 'end 1'
	wait_for runs 1
	# Until the worker that runs nothing has got one, too.
	local i
	for i in {1..12}; do
		client "wait$i" "get 1 $CGI/hello" 'get-values FCGI_MAX_CONNS' \
			'records 1' "create $PWD/waits$i" 'end 1'
		wait_for [ -e "waits$i" ]
	done
	runs 1
	touch go
	for i in first wait{1..12}; do
		ended "$i"
		[ "$STATUS" -eq 0 ]
	done
}

@test "no worker takes the bell from another whose request waits" {
	wrapper -workers 2 -max 1
	wait_for worker_count_is 2
	local one two
	read -r -d '' one two < <(workers) || :
	kill -STOP "$two"
	client first "get 1 $CGI_C/sleeper WAIT=$PWD/go" 'end 1' 'quiet 200'
	wait_for runs 1
	kill -STOP "$one"
	kill -CONT "$two"
	client second "get 1 $CGI/hello" 'get-values FCGI_MAX_CONNS' \
		'records 1' "create $PWD/waits" 'end 1'
	wait_for [ -e waits ]
	kill -STOP "$two"
	kill -CONT "$one"
	touch go
	ended first
	[ "$STATUS" -eq 0 ]
	kill -CONT "$two"
	ended second
	[ "$STATUS" -eq 0 ]
}

@test "a worker that is killed is replaced and logged, while the others serve" {
	wrapper -workers 2
	wait_for worker_count_is 2
	client one "get 1 $CGI_C/sleeper WAIT=$PWD/go" 'end 1' 'tell 1'
	wait_for runs 1
	local pid busy idle
	for pid in $(workers); do
		if [ "$(programs_in "$pid")" -gt 0 ]; then
			busy=$pid
		else
			idle=$pid
		fi
	done
	kill -KILL "$idle"
	run -0 get "$CGI/hello"
	[[ $output == *hello* ]]
	wait_for starts_anew "$idle"
	logged "(pid $idle) was killed by signal 9; another takes its place"
	alive "$busy"
	touch go
	ended one
	[ "$STATUS" -eq 0 ]
	grep -q slept one.log
}

@test "a worker that is killed is replaced though the machine's clock was set back" {
	[ -z "${INSTRUMENTED:-}" ] || return 0
	cat >clock.c <<-'END'
		#define _GNU_SOURCE
		#include <sys/syscall.h>
		#include <time.h>
		#include <unistd.h>
		time_t time(time_t *t)
		{
			struct timespec now;
			syscall(SYS_clock_gettime, CLOCK_REALTIME, &now);
			now.tv_sec -= access("set-back", F_OK) ? 0 : 3600;
			if (t)
				*t = now.tv_sec;
			return now.tv_sec;
		}
	END
	cc -shared -fPIC -o clock.so clock.c
	LD_PRELOAD=$PWD/clock.so wrapper -workers 2
	wait_for worker_count_is 2
	local pid
	pid=$(workers | head -1)
	touch set-back
	kill -KILL "$pid"
	wait_for starts_anew "$pid"
}

@test "a killed worker's programs end, and their places under -max are free again" {
	export PIDFILE=$PWD/pid
	wrapper -workers 2 -max 1 -queue 0 -env PIDFILE
	wait_for worker_count_is 2
	client one "get 1 $CGI/silent" 'eof'
	wait_for [ -s pid ]
	run -0 get "$CGI/hello"
	[[ $output == *'Status: 503'* ]]
	local pid
	for pid in $(workers); do
		[ "$(programs_in "$pid")" -eq 0 ] || break
	done
	kill -KILL "$pid"
	ended one
	[ "$STATUS" -eq 0 ]
	wait_for gone "$(cat pid)"
	served() { get "$CGI/hello" | grep -q 'STDOUT Content-Type.*hello'; }
	wait_for served
}

@test "a program that has not begun when its wrapper, or worker, is killed never does" {
	program late <<-'END'
		#!/bin/sh
		: >"$PIDFILE"
		exec sleep 60
	END
	export PIDFILE=$PWD/ran
	local number pid servers traced
	begins() {
		for pid in $servers; do
			[ -z "$(children_of "$pid")" ] || return 0
		done
		return 1
	}
	for number in 2 1; do
		wrapper -env PIDFILE -workers "$number"
		[ "$number" -eq 1 ] || wait_for worker_count_is "$number"
		servers=$(workers)
		servers=${servers:-$WRAPPER}
		# It waits before it asks to be told that its parent has died.
		traced=()
		for pid in $servers; do traced+=(-p "$pid"); done
		start strace strace -qq -f -o trace "${traced[@]}" \
			-e trace=prctl -e inject=prctl:delay_enter=5000000
		for pid in $servers; do
			wait_for grep -q "^TracerPid:.*[1-9]" "/proc/$pid/status"
		done
		client one "get 1 $PWD/late" 'eof'
		wait_for begins
		# shellcheck disable=SC2086
		kill -KILL $servers
		ended strace
		[ ! -e ran ]
		ended one
		[ "$number" -eq 1 ] || stop_wrapper
	done
}

@test "requests that waited in a killed worker count under -queue no longer" {
	wrapper -workers 2 -max 1 -queue 1 -status /status
	wait_for worker_count_is 2
	client one "get 1 $CGI_C/sleeper WAIT=$PWD/go" 'end 1'
	wait_for runs 1
	client two "get 1 $CGI/hello" 'get-values FCGI_MAX_CONNS' \
		'records 1' "create $PWD/waits" 'eof'
	wait_for [ -e waits ]
	local pid
	for pid in $(workers); do
		kill -KILL "$pid"
		wait_for starts_anew "$pid"
	done
	touch go
	ended one || :
	ended two
	run -0 get /x SCRIPT_NAME=/status
	[[ $output == *'queued: 0\n'* ]]
	[[ $output == *'running: 0\n'* ]]
	[[ $output == *'worker_deaths: 2\n'* ]]
	run -0 get "$CGI/hello"
	[[ $output == *hello* ]]
}

@test "TERM stops all workers: running requests end, the socket's file goes, exit 0" {
	wrapper -workers 3
	wait_for worker_count_is 3
	local i all
	for i in {1..6}; do
		client "client$i" "get 1 $CGI_C/sleeper WAIT=$PWD/go" 'end 1' \
			'tell 1'
	done
	wait_for runs 6
	all=$(workers)
	kill -TERM "$WRAPPER"
	wait_for deaf_at "$SOCK"
	[ ! -e "$SOCK" ]
	touch go
	for i in {1..6}; do
		ended "client$i"
		[ "$STATUS" -eq 0 ]
		grep -q slept "client$i.log"
	done
	ended wrapper
	[ "$STATUS" -eq 0 ]
	# Words are wanted.
	# shellcheck disable=SC2086
	gone $all
	run ! logged 'takes its place'
}

@test "a second TERM stops all workers at once, with their programs" {
	export PIDFILE=$PWD/pid
	wrapper -workers 2 -grace 100 -env PIDFILE
	wait_for worker_count_is 2
	client one "get 1 $CGI/stubborn" 'eof'
	wait_for [ -s pid ]
	kill -TERM "$WRAPPER"
	wait_for deaf_at "$SOCK"
	alive "$WRAPPER"
	stop_wrapper
	[ "$STATUS" -eq 0 ]
	wait_for gone "$(cat pid)"
	ended one
}

@test "USR1 lets the requests of all workers end without a limit" {
	wrapper -workers 2 -grace 0
	wait_for worker_count_is 2
	client one "get 1 $CGI_C/sleeper WAIT=$PWD/go" 'end 1' 'tell 1'
	wait_for runs 1
	kill -USR1 "$WRAPPER"
	wait_for deaf_at "$SOCK"
	wait_for worker_count_is 1
	touch go
	ended one
	[ "$STATUS" -eq 0 ]
	ended wrapper
	[ "$STATUS" -eq 0 ]
}

@test "workers end when their parent is killed" {
	wrapper -workers 2
	wait_for worker_count_is 2
	local all
	all=$(workers)
	stop_wrapper KILL
	# Words are wanted.
	# shellcheck disable=SC2086
	wait_for gone $all
	wrapper -workers 2
	run -0 get "$CGI/hello"
}

@test "TERM to the whole group, as Ctrl-C is INT to it, lets requests end; to the wrapper once more it ends them" {
	export STEPS=$PWD
	local again
	for again in '' TERM; do
		start wrapper setsid "$CGI_FCGI" -listen "$SOCK" -workers 2 \
			-grace 100 -env STEPS
		WRAPPER=$PID
		wait_for worker_count_is 2
		client one "get 1 $CGI/steps" 'out 1 \n\na' \
			"create $PWD/started" 'end 1' 'tell 1'
		wait_for [ -e started ]
		kill -TERM -- "-$WRAPPER"
		wait_for deaf_at "$SOCK"
		# Each worker has been told twice, and goes on.
		sleep 0.5
		wait_for worker_count_is 1
		alive "$WRAPPER"
		if [ "$again" ]; then
			# The first one may have come together with the group's.
			wait_for eval 'kill -TERM "$WRAPPER"; gone "$WRAPPER"'
			ended one
			run ! grep -q 'abcd$' one.log
		else
			touch a b c d
			ended one
			grep -q 'abcd$' one.log
			ended wrapper
			[ "$STATUS" -eq 0 ]
		fi
		rm -f started a b c d
	done
}

@test "-idle ends all workers when none had a connection so long" {
	wrapper -workers 2 -idle 3
	wait_for worker_count_is 2
	client one "get 1 $CGI_C/sleeper WAIT=$PWD/go" 'end 1'
	wait_for runs 1
	sleep 3.5
	alive "$WRAPPER"
	worker_count_is 2
	touch go
	ended one
	ended wrapper
	[ "$STATUS" -eq 0 ]
	[ ! -e "$SOCK" ]
}

@test "-idle does not end workers of which one was in use a moment ago" {
	wrapper -workers 2 -idle 3
	wait_for worker_count_is 2
	local end
	end=$(($(now_ms) + 6000))
	# One worker serves all; the other one has nothing to do.
	while [ "$(now_ms)" -lt $end ]; do
		run -0 get "$CGI/hello"
		sleep 0.1
	done
	ended wrapper
	[ "$STATUS" -eq 0 ]
}

@test "one connection wakes one worker, not all of them" {
	wrapper -workers 4
	wait_for worker_count_is 4
	run -0 get "$CGI/hello"
	switches() {
		local pid sum=0 n
		for pid in $(workers); do
			n=$(awk '/^voluntary_ctxt/ { print $2 }' \
				"/proc/$pid/status")
			sum=$((sum + n))
		done
		echo $sum
	}
	asleep() {
		local before
		before=$(switches)
		sleep 0.2
		[ "$(switches)" -eq "$before" ]
	}
	wait_for asleep
	local before i
	before=$(switches)
	for i in {1..40}; do
		wire 'get-values FCGI_MAX_CONNS' 'records 1'
	done
	wait_for asleep
	# Accepting, reading and the close are three sleeps at most; a herd of
	# four would be at least 40 * 4 and those.
	[ $(($(switches) - before)) -le 160 ]
}
