# The bridge starts applications: -start, APP, N, -supervise, -once.
bats_require_minimum_version 1.5.0
load helpers
load bridge

teardown() {
	end_copies
	end_everything || return
	[ -z "${PRIVATE:-}" ] || rm -rf "$PRIVATE"
}

starting() {
	"$CGI_FCGI" "$@" 3>&-
}

@test "-start starts N copies that survive it, with the socket as fd 0" {
	run -0 --separate-stderr starting -start -connect "$SOCK" "$APP" 3
	[ -z "$output$stderr" ]
	[ "$(copies)" -eq 3 ]
	run -0 url /?there
	[ "$output" = 'hello there' ]
	# A waiting whoever reads our output is not kept by them.
	[ "$(starting -start -connect "$SOCK.2" "$APP" 2>&1)" = '' ]
}

@test "one copy without N; each in a session of its own, with nothing but its socket" {
	exec 7</dev/null
	starting -start -connect "$SOCK" "$APP" 2>/dev/null
	exec 7<&-
	local pid
	pid=$(copy_pids)
	[ "$(ps -o sid= -p "$pid" | tr -d ' ')" = "$pid" ]
	[[ $(readlink "/proc/$pid/fd/0") == socket:* ]]
	[ "$(readlink "/proc/$pid/fd/1")" = /dev/null ]
	[ "$(fds_of "$pid")" -eq 3 ]
}

@test "a file as stderr stays the copies' own, a pipe does not" {
	starting -start -connect "$SOCK" "$APP" 2>messages
	[ "$(readlink "/proc/$(copy_pids)/fd/2")" = "$PWD/messages" ]
	end_copies
	starting -start -connect "$SOCK" "$APP" 2> >(cat)
	[ "$(readlink "/proc/$(copy_pids)/fd/2")" = /dev/null ]
}

@test "-start over TCP and on an abstract socket" {
	local port
	port=$(free_port)
	for ADDR in "127.0.0.1:$port" "@cgi-fcgi-start-$port" "[::1]:$port"; do
		starting -start -connect "$ADDR" "$APP" 2
		run -0 url /?x
		[ "$output" = 'hello x' ] || return
	done
}

@test ":PORT is loopback of both families, and no copy more than asked for" {
	local port
	port=$(free_port)
	starting -start -connect ":$port" "$APP" 4
	[ "$(copies)" -eq 4 ]
	ss -Htln "sport = :$port" | awk '{ print $4 }' | sort >bound
	printf '%s\n' "127.0.0.1:$port" "[::1]:$port" | diff - bound
	for ADDR in "127.0.0.1:$port" "[::1]:$port" ":$port" \
		"localhost:$port"; do
		url /?x | grep -qx 'hello x' || return
	done
	end_copies
	# Neither of the two may be without anybody who accepts.
	starting -start -connect ":$port" "$APP"
	[ "$(copies)" -eq 2 ]
	for ADDR in "127.0.0.1:$port" "[::1]:$port"; do
		url /?x -timeout 5 | grep -qx 'hello x'
	done
}

@test "-connect ADDR APP answers whether or not somebody listens, and starts once" {
	local first
	first=$(url /?pid "$APP" 2)
	[ "$(copies)" -eq 2 ]
	url /?pid "$APP" 2 | grep -qxE '[0-9]+'
	[ "$(copies)" -eq 2 ]
	copy_pids | grep -qx "$first"
}

@test "-connect ADDR APP [N] as a CGI program, fcgi2's form" {
	run -0 env -i GATEWAY_INTERFACE=CGI/1.1 DO=x REQUEST_METHOD=GET \
		"$CGI_FCGI" -connect "$SOCK" "$APP" 2 3>&-
	[[ $output == *'hello x' ]]
	[ "$(copies)" -eq 2 ]
}

@test "an application that runs and does not listen is started once" {
	program deaf <<-'END'
		#!/bin/sh
		echo >>started
		exec 0</dev/null
		exec sleep 1
	END
	run -7 --separate-stderr timeout 5 "$CGI_FCGI" -connect "$SOCK" -url / \
		"$PWD/deaf" 3>&-
	told 'connect: refused: nobody listens on this socket'
	[ "$(wc -l <started)" -eq 1 ]
}

@test "-bind and -start together connect, and start if nobody listens" {
	run -0 starting -bind -start -connect "$SOCK" -url /?x "$APP"
	[ "$output" = 'hello x' ]
	[ "$(copies)" -eq 1 ]
}

@test "-bind never starts anything" {
	run -7 starting -bind -connect "$SOCK" -url /?x "$APP"
	[ "$(copies)" -eq 0 ]
	[ ! -e "$SOCK" ]
}

@test "20 starters at once: one set of copies, 20 answers" {
	seq 1 20 | xargs -P 20 -I {} "$CGI_FCGI" -connect "$SOCK" \
		-url '/?number{}' "$APP" 3 >all 2>messages 3>&-
	[ ! -s messages ]
	[ "$(sort -u all | grep -c '^hello number')" -eq 20 ]
	[ "$(copies)" -eq 3 ]
}

@test "one starter removes no socket that another has made since it was found stale" {
	bad hang
	stop bad KILL
	[ -S "$SOCK" ]
	# It takes a second to remove what it has found.
	start slow env ASAN_OPTIONS=detect_leaks=0 strace -qq -o trace \
		-e trace=unlink -e inject=unlink:delay_enter=1000000 \
		"$CGI_FCGI" -connect "$SOCK" -url '/?one' "$APP"
	wait_for grep -q unlink trace
	run -0 --separate-stderr starting -connect "$SOCK" -url '/?two' "$APP"
	[ "$output" = 'hello two' ]
	[ -z "$stderr" ]
	ended slow
	[ "$(cat slow.log)" = 'hello one' ]
	[ "$(copies)" -eq 1 ]
}

@test "20 starters at once over TCP: one set, 20 answers" {
	ADDR=127.0.0.1:$(free_port)
	seq 1 20 | xargs -P 20 -I {} "$CGI_FCGI" -connect "$ADDR" \
		-url '/?number{}' "$APP" 2 >all 2>messages 3>&-
	[ ! -s messages ]
	[ "$(sort -u all | grep -c '^hello number')" -eq 20 ]
	[ "$(copies)" -eq 2 ]
}

@test "none of the request's variables is in the copies' environment, others are" {
	run -0 env -i GATEWAY_INTERFACE=CGI/1.1 QUERY_STRING=own HTTP_X=1 \
		HTTP_PROXY=evil CONTENT_TYPE=text/x REMOTE_ADDR=1.2.3.4 \
		SCRIPT_NAME=/x HTTPS=on SERVER_NAME=s REQUEST_METHOD=GET \
		PATH_INFO=/p PATH="$PATH" LANG=C.UTF-8 PERL5LIB=/lib/mine \
		FCGI_WEB_SERVER_ADDRS=127.0.0.1 SSL_CLIENT_CERT=theirs \
		SSL_CERT_FILE=/etc/mine SSL_CERT_DIR=/etc/mine \
		"$CGI_FCGI" -connect "$SOCK" "$APP" 3>&-
	tr '\0' '\n' <"/proc/$(copy_pids)/environ" | sort >got
	printf '%s\n' FCGI_WEB_SERVER_ADDRS=127.0.0.1 LANG=C.UTF-8 \
		"PATH=$PATH" PERL5LIB=/lib/mine SSL_CERT_DIR=/etc/mine \
		SSL_CERT_FILE=/etc/mine >want
	bare || grep -xFf want got >less
	bare || mv less got
	diff want got
	run ! grep -E '^(GATEWAY|QUERY|HTTP|CONTENT|REMOTE|SCRIPT|SERVER|REQUEST|PATH_)' \
		"/proc/$(copy_pids)/environ"
	end_copies
	# From a shell or a unit there is no request that they could be of.
	run -0 env -i SERVER_NAME=s HTTP_PROXY=http://proxy FCGI_CHDIR=- \
		LISTEN_FDS=1 "$CGI_FCGI" -start -connect "$SOCK" "$APP" 3>&-
	tr '\0' '\n' <"/proc/$(copy_pids)/environ" | sort >got
	printf '%s\n' FCGI_CHDIR=- HTTP_PROXY=http://proxy SERVER_NAME=s >want
	bare || grep -xFf want got >less
	bare || mv less got
	diff want got
}

@test "-start on a live socket is an error and leaves it alone" {
	starting -start -connect "$SOCK" "$APP"
	run -7 --separate-stderr starting -start -connect "$SOCK" "$APP" 5
	told 'start: someone is already listening there'
	[ "$(copies)" -eq 1 ]
	url /?x
}

@test "a stale socket file is replaced" {
	starting -start -connect "$SOCK" "$APP"
	end_copies
	[ -S "$SOCK" ]
	starting -start -connect "$SOCK" "$APP"
	url /?x
}

@test "what is no socket is never touched" {
	echo mine >"$SOCK"
	run -7 --separate-stderr starting -start -connect "$SOCK" "$APP"
	[[ $stderr == *'not a socket'* ]]
	run -7 --separate-stderr url /?x "$APP"
	[ "$(cat "$SOCK")" = mine ]
	[ "$(copies)" -eq 0 ]
}

@test "an APP that is not there, cannot be run, or ends at once: an error within a second that says so, and no socket stays" {
	program noexec <<<'#!/bin/sh'
	chmod 644 noexec
	program broken <<<'#!/no/such/interpreter'
	program ends <<<$'#!/bin/sh\nexit 7'
	program dies <<<$'#!/bin/sh\nkill -SEGV $$'
	local want begin form
	bare || chmod 644 broken
	bare || broken=Permission
	for want in 'nothing:cannot be run: No such file' \
		'noexec:cannot be run: Permission denied' \
		"broken:cannot be run: ${broken:-No such file}" \
		'ends:ended at once with exit status 7' \
		'dies:ended at once with signal 11'; do
		for form in -start '-url /'; do
			begin=$(now_ms)
			# Words of an option.
			# shellcheck disable=SC2086
			run -7 --separate-stderr starting $form \
				-connect "$SOCK" "$PWD/${want%%:*}" 2
			memory_counts && [ $(($(now_ms) - begin)) -gt 1500 ] &&
				return 1
			[[ $stderr == "cgi-fcgi: $SOCK: start: $PWD/${want%%:*}: ${want#*:}"* ]] ||
				return
			[ ! -e "$SOCK" ] || return
		done
	done
}

@test "one copy of several that dies at once ends all of them" {
	program second <<-END
		#!/bin/sh
		mkdir "$PWD/taken" 2>/dev/null || exit 4
		exec "$APP"
	END
	run -7 --separate-stderr starting -start -connect "$SOCK" "$PWD/second" 3
	told "start: $PWD/second: ended at once with exit status 4"
	wait_for copies_are 0
	[ ! -e "$SOCK" ]
}

@test "-mode, -owner and -backlog of the socket that -start makes" {
	local owner
	owner=$(id -u):$(id -g)
	[ "$(id -u)" -ne 0 ] || owner=65534:65534
	starting -start -connect "$SOCK" -mode 0604 -owner "$owner" \
		-backlog 7 "$APP"
	[ "$(stat -c '%a %u:%g' "$SOCK")" = "604 $owner" ]
	[ "$(ss -Hxl src "$SOCK" | awk '{ print $4 }')" -eq 7 ]
	run -2 starting -start -connect "$SOCK.2" -mode 999 "$APP"
	run -2 starting -start -connect "$SOCK.2" -owner nobody-at-all "$APP"
}

@test "-supervise stays and restarts copies that end; TERM ends all and removes the socket" {
	start supervisor "$CGI_FCGI" -supervise -connect "$SOCK" "$APP" 2
	wait_for copies_are 2
	# It has seen them live, and waits for signals.
	wait_for grep -q sigtimedwait "/proc/$PID/wchan"
	local victim
	victim=$(copy_pids | head -n 1)
	kill -KILL "$victim"
	wait_for eval 'gone "$victim" && copies_are 2'
	url /?x
	grep -q "$APP (process $victim) has ended with signal 9: starting it again" \
		supervisor.log
	stop supervisor TERM
	[ "$STATUS" -eq 143 ]
	[ "$(copies)" -eq 0 ]
	[ ! -e "$SOCK" ]
}

@test "-supervise under nohup is not ended by HUP" {
	start supervisor nohup "$CGI_FCGI" -supervise -connect "$SOCK" "$APP" 1
	wait_for copies_are 1
	wait_for grep -q sigtimedwait "/proc/$PID/wchan"
	kill -HUP "$PID"
	sleep 0.3
	alive "$PID"
	url /?x
	stop supervisor TERM
	[ "$STATUS" -eq 143 ]
}

@test "copies that TERM does not end are ended together" {
	local from
	program stubborn <<-'END'
		#!/bin/sh
		trap '' TERM
		echo up >>ups
		while :; do sleep 0.1; done
	END
	start supervisor "$CGI_FCGI" -supervise -connect "$SOCK" \
		"$PWD/stubborn" 3
	wait_for eval '[ "$(grep -c . ups)" -eq 3 ]'
	wait_for grep -q sigtimedwait "/proc/$PID/wchan"
	from=$(now_ms)
	stop supervisor TERM
	[ $(($(now_ms) - from)) -lt 3500 ]
	[ "$STATUS" -eq 143 ]
}

@test "a copy that ends again and again is not started in a whirl" {
	program brief <<-END
		#!/bin/sh
		echo started >>"$PWD/starts"
		sleep 0.3
	END
	start supervisor "$CGI_FCGI" -supervise -connect "$SOCK" "$PWD/brief"
	local from
	wait_for [ -s starts ]
	from=$(now_ms)
	wait_for eval '[ "$(grep -c . starts)" -ge 3 ]'
	# It lives for 0.3 s, and is started again after a second.
	[ $(($(now_ms) - from)) -ge 1700 ]
	stop supervisor INT
	[ "$STATUS" -eq 130 ]
}

@test "-once asks one request of an application that lives no longer" {
	run -0 --separate-stderr starting -once -url '/?x' "$APP"
	[ "$output" = 'hello x' ]
	[ -z "$stderr" ]
	[ "$(copies)" -eq 0 ]
	run -7 starting -once -url '/?exit=7' "$APP"
	run -18 --separate-stderr starting -once -url '/?die=3' "$APP"
	run -0 starting -once -values "$APP"
	[[ $output == *FCGI_MPXS_CONNS=* ]]
}

@test "-once leaves nothing, whatever ends it" {
	# One with a long name would not be used.
	PRIVATE=$(mktemp -d -p /tmp once.XXXXXX)
	export TMPDIR=$PRIVATE
	run -28 --separate-stderr starting -once -url '/?sleep=5000' \
		-timeout 0.3 "$APP"
	[ "$(copies)" -eq 0 ]
	local signal
	for signal in TERM INT KILL; do
		start asking env --default-signal=INT "$CGI_FCGI" -once \
			-url '/?sleep=9000' "$APP"
		wait_for copies_are 1
		stop asking $signal
		wait_for copies_are 0
	done
	# What valgrind leaves when it is killed is not ours.
	bare || rm -f "$PRIVATE"/v*
	[ -z "$(ls -A "$PRIVATE")" ]
}

@test "-once of an application that finds its way by PATH_INFO, as the README has it" {
	program app.fcgi <<-'END'
		#!/usr/bin/perl
		use FCGI;
		my $r = FCGI::Request();
		$r->Accept();
		print $ENV{PATH_INFO} eq '/page' && $ENV{SCRIPT_NAME} eq ''
			? "Status: 200 OK\n\npage, $ENV{QUERY_STRING}"
			: "Status: 404 Not Found\n\n";
	END
	run -22 starting -once -url '/page?x=1' -fail ./app.fcgi
	run -0 starting -once -url '/page?x=1' -env SCRIPT_NAME= \
		-env PATH_INFO=/page -fail ./app.fcgi
	[ "$output" = 'page, x=1' ]
}

@test "-once says where it could make no folder for its socket: 7" {
	# valgrind needs one itself.
	bare || return 0
	TMPDIR=/no/such run -7 --separate-stderr starting -once -url / "$APP"
	[ "$stderr" = "cgi-fcgi: $APP: start: a private folder in /no/such: No such file or directory" ]
}

@test "a signal that comes while -once makes its socket leaves no folder" {
	# ASan's library must be the first.
	[ -z "${INSTRUMENTED:-}" ] || return 0
	cc -shared -fPIC -o early.so -x c - <<-'END'
		#define _GNU_SOURCE
		#include <dlfcn.h>
		#include <signal.h>
		char *mkdtemp(char *name)
		{
			char *(*real)(char *) = dlsym(RTLD_NEXT, "mkdtemp");

			name = real(name);
			raise(SIGTERM);
			return name;
		}
	END
	PRIVATE=$(mktemp -d -p /tmp once.XXXXXX)
	TMPDIR=$PRIVATE LD_PRELOAD=$PWD/early.so run -143 starting -once \
		-url '/?x' "$APP"
	[ -z "$(ls -A "$PRIVATE")" ]
}

@test "a signal ends -once while it waits for a name: 143" {
	# ASan's library must be the first.
	[ -z "${INSTRUMENTED:-}" ] || return 0
	cc -shared -fPIC -o slow.so -x c - <<-'END'
		#include <signal.h>
		#include <unistd.h>
		int getaddrinfo(void)
		{
			raise(SIGTERM);
			sleep(20);
			return 1;
		}
	END
	local from=$SECONDS
	LD_PRELOAD=$PWD/slow.so run -143 starting -once -url '/?x' \
		-connect name.example:0 "$APP"
	((SECONDS - from < 10))
}

@test "an APP of -once has SIGCHLD as it is by default, as any copy: its number stays its own until it is ended" {
	program ignores <<-END
		#!/usr/bin/awk -f
		BEGIN {
			while ((getline line <"/proc/self/status") > 0)
				if (line ~ /^SigIgn/)
					print line >"$PWD/ignored"
		}
	END
	run env --ignore-signal=CHLD "$CGI_FCGI" -once -url / "$PWD/ignores" 3>&-
	wait_for test -s ignored
	(((0x$(cut -f 2 ignored) >> ($(kill -l CHLD) - 1)) % 2 == 0))
}

@test "-once leaves nothing of an APP that ignores TERM, nor of what it started, whatever ends it; one that does not is not waited for" {
	local signal from
	program stubborn <<-END
		#!/bin/bash
		trap '' TERM
		set -m
		sleep 1000 &
		echo \$! >"$PWD/other"
		set +m
		sleep 1000 &
		echo \$! >"$PWD/same"
		echo \$\$ >"$PWD/itself"
		"$APP"
		while :; do sleep 1; done
	END
	nothing_stays() {
		gone_of itself && gone_of same && gone_of other &&
			copies_are 0
	}
	run -7 --separate-stderr starting -once -url '/?exit=7' "$PWD/stubborn"
	[ -z "$stderr" ]
	wait_for nothing_stays
	for signal in TERM INT HUP KILL; do
		rm itself
		start asking env --default-signal=INT,HUP "$CGI_FCGI" -once \
			-url '/?sleep=9000' "$PWD/stubborn"
		wait_for eval '[ -s itself ] && copies_are 1'
		stop asking $signal
		[ "$STATUS" -eq $((128 + $(kill -l $signal))) ]
		wait_for nothing_stays
	done
	from=$(now_ms)
	starting -once -url '/?x' "$APP"
	[ $(($(now_ms) - from)) -lt 1500 ] || [ -n "${INSTRUMENTED:-}" ]
}

@test "-once says how an APP ended that closed the connection too early, after its own last words" {
	run -18 --separate-stderr starting -once -url '/?die=3' "$APP"
	[[ $stderr == *'before FCGI_END_REQUEST: it ended with exit status 3' ]]
	program crashes <<-'END'
		#!/usr/bin/perl
		accept(my $c, STDIN);
		close $c;
		select undef, undef, undef, 0.05;
		syswrite STDERR, "last words\n";
		kill 'SEGV', $$;
	END
	run --separate-stderr starting -once -url / "$PWD/crashes"
	[ "${stderr_lines[0]}" = 'last words' ]
	[[ ${stderr_lines[1]} == *': it was killed by signal 11' ]]
	[ "${#stderr_lines[@]}" -eq 2 ]
	# One that goes on is ended by us, and that is no news.
	program goes-on <<-'END'
		#!/usr/bin/perl
		accept(my $c, STDIN);
		close $c;
		sleep 1000;
	END
	run --separate-stderr starting -once -url / "$PWD/goes-on"
	[[ $stderr != *': it '* && $stderr == *': is it a FastCGI application?'* ]]
}

@test "-once with an APP that is not there, or ends without listening" {
	run -7 --separate-stderr starting -once -url / "$PWD/nothing"
	[ "$stderr" = "cgi-fcgi: $PWD/nothing: start: $PWD/nothing: cannot be run: No such file or directory" ]
	run --separate-stderr starting -once -url / /bin/true
	[ "$status" -eq 52 ] || [ "$status" -eq 55 ] || [ "$status" -eq 56 ]
	[[ $stderr == *': is it a FastCGI application? A CGI program is none' ]]
}

@test "an APP that is there and whose interpreter is not, or that no folder of PATH has: the error says which" {
	program broken <<<'#!/no/such/interpreter'
	# valgrind looks at the interpreter itself.
	if bare; then
		run -7 "$CGI_FCGI" -once -url / ./broken
		[[ $output == *': cannot be run: No such file or directory (its interpreter)' ]]
	fi
	run -7 "$CGI_FCGI" -once -url / broken
	[[ $output == *': cannot be run: No such file or directory in PATH' ]]
}

@test "a host that does not exist is 6 where it is to be listened on, too" {
	run -6 --separate-stderr starting -start \
		-connect no-such-host.invalid:9000 "$APP"
	[[ $stderr == 'cgi-fcgi: no-such-host.invalid:9000: start: '* ]]
	run -7 starting -start -connect "$PWD/none/sock" "$APP"
}

@test "an option behind APP is an error that says where options go" {
	local words
	for words in -bind '2 -bind' '-env A=b'; do
		# Words of a command line.
		# shellcheck disable=SC2086
		run -2 starting -start -connect "$SOCK" "$APP" $words
		[[ $output == *": options go before APP"* ]] || return
	done
}

@test "usage errors: no APP, no number, too many words" {
	local words
	while read -r words; do
		# Words of a command line.
		# shellcheck disable=SC2086
		run -2 --separate-stderr starting $words
		[[ $stderr == *"try 'cgi-fcgi -help'" ]] || return
	done <<-END
		-start -connect $SOCK
		-supervise -connect $SOCK
		-once -url /
		-start -connect $SOCK $APP 0
		-start -connect $SOCK $APP many
		-start -connect $SOCK $APP 2 more
		-start -once -connect $SOCK $APP
	END
	[ ! -e "$SOCK" ]
}

@test "-start and -supervise ask nothing: a question is an error, not a success without an answer" {
	local form
	for form in '-start -url /' '-start -values' '-supervise -url /'; do
		# Words of a command line.
		# shellcheck disable=SC2086
		run -2 --separate-stderr starting $form -connect "$SOCK" "$APP"
		[[ ${stderr_lines[0]} == *' ask nothing: no -url or -values' ]]
	done
	[ "$(copies)" -eq 0 ]
}

@test ":PORT has a copy for each family though one is asked for" {
	local port
	port=$(free_port)
	starting -start -connect ":$port" "$APP" 1 2>/dev/null
	[ "$(copies)" -eq 2 ]
	for ADDR in "127.0.0.1:$port" "[::1]:$port"; do
		run -0 url /?x
		[ "$output" = 'hello x' ]
	done
}

@test "-supervise: a copy that ignores TERM is killed, one that is not there any more is tried again and again" {
	# It is ended within WATCH_MS if it is no application.
	program stubborn <<-'END'
		#!/bin/sh
		trap '' TERM
		while :; do sleep 1; done
	END
	start supervisor "$CGI_FCGI" -supervise -connect "$SOCK" "$PWD/stubborn"
	wait_for grep -q sigtimedwait "/proc/$PID/wchan"
	stop supervisor TERM
	[ "$STATUS" -eq 143 ]
	start supervisor "$CGI_FCGI" -supervise -connect "$SOCK" "$APP"
	wait_for copies_are 1
	wait_for grep -q sigtimedwait "/proc/$PID/wchan"
	mv "$APP" "$APP.gone"
	kill "$(find /proc -maxdepth 2 -path '/proc/[0-9]*/exe' -lname "$APP.gone" \
		2>/dev/null | cut -d / -f 3)"
	wait_for grep -q "$APP: cannot be run: No such file" supervisor.log
	mv "$APP.gone" "$APP"
	wait_for copies_are 1
	stop supervisor TERM
}

@test "without -once nobody could tell which port was chosen for port 0: 2" {
	local address
	for address in :0 127.0.0.1:0 '[::1]:0'; do
		run -2 starting -connect "$address" "$APP"
		[[ $output == *'a port from 1 to 65535'* ]]
		run -2 starting -start -connect "$address" "$APP"
	done
}

@test "-once over TCP asks at a port of the system's choice" {
	local address
	for address in 127.0.0.1:0 '[::1]:0' :0; do
		run -0 starting -once -connect "$address" -url '/?x' "$APP"
		[ "$output" = 'hello x' ]
	done
}
