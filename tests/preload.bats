# -preload: unmodified programs, forked from a template of themselves.
bats_require_minimum_version 1.5.0
load helpers
load templates

@test "a preloaded program answers as it does without: arguments, folder, variables, exit status" {
	local name plain
	for name in $ALL; do
		wrapper
		run get "$PWD/cgi/$name" QUERY=a=1
		plain=$(sed 's/n1 [0-9]* /n1 PID /' <<<"$output")
		stop_wrapper
		[[ $plain == *"n1 PID $PWD/cgi/$name a=1 $PWD/cgi "*'END 3 0'* ]]
		serve
		warm "$PWD/cgi/$name"
		forked "$PWD/cgi/$name" QUERY=a=1
		[ "$(sed 's/n1 [0-9]* /n1 PID /' <<<"$output")" = "$plain" ]
		stop_wrapper
	done
}

@test "each request has a process of its own, and nothing of the one before it" {
	local name pid
	# The second word that a program prints.
	pid_told() { sed -n 's/.*\\n\\n1 \([0-9]*\) .*/\1/p' <<<"$output"; }
	serve
	for name in $ALL; do
		warm "$PWD/cgi/$name" QUERY=one
		pid=$(pid_told)
		[ -n "$pid" ]
		forked "$PWD/cgi/$name"
		[[ $output == *" none "* ]]
		[ -n "$(pid_told)" ]
		[ "$(pid_told)" != "$pid" ]
		run -0 wire "post 1 $PWD/cgi/$name body" 'end 1' 'tell 1'
		[[ $output == *" none $PWD/cgi body"* ]]
	done
}

@test "a program is made a template of when it is asked for often, or by name, and never run for nothing" {
	program counted <<-'END'
		#!/bin/sh
		echo >>"${0%/*}/runs"
		printf 'A: b\n\n'
	END
	cp counted once
	serve -preload "$PWD/counted"
	wait_for whole "$WRAPPER"
	warm "$PWD/counted"
	forked "$PWD/counted"
	forked "$PWD/counted"
	run -0 get "$PWD/once"
	run -0 get "$PWD/once"
	asked=$(wc -l <runs)
	[ "$asked" -ge 5 ]
	wait_for whole "$WRAPPER"
	stop_wrapper
	[ "$(wc -l <runs)" -eq "$asked" ]
}

@test "what cannot be a template is run as always, and the log says so once" {
	local i
	cp "$(command -v busybox)" static
	cat >main.c <<-'END'
		#include <stdio.h>
		int main(void) { puts("A: b\n\nhello"); return 0; }
	END
	cc -static -o static main.c
	cc -o changes main.c
	chmod u+s changes
	musl-gcc -o other main.c
	program script <<<"#!$PWD/static"
	serve
	for name in static changes other script; do
		for i in 1 2 3 4 5; do
			run -0 get "$PWD/$name"
			[[ $output == *hello* ]]
		done
		[ "$(grep -c "$PWD/$name: is not preloaded" wrapper.log)" -eq 1 ]
	done
	[ "$(preloaded)" -eq 0 ]
	logged "$PWD/static: is not preloaded: it is linked statically"
	logged "$PWD/changes: is not preloaded: it changes its rights"
	logged "$PWD/other: is not preloaded: it has another C library"
	childless "$WRAPPER"
}

@test "a program's file that is a terabyte of nothing holds nobody up" {
	sed 's/__libc_start_main/__libc_smart_tain/g' "$CGI_C/nonce" >it
	chmod 755 it
	truncate -s 1T it
	wrapper -preload all
	local i
	for i in 1 2 3; do
		run -0 wire 'timeout 10' "get 1 $PWD/it" 'end 1'
	done
	run -0 get "$CGI/hello"
	logged "$PWD/it: is not preloaded: it does not begin as C programs do"
}

@test "a program that does not begin as C programs do, as those of Go, is run as always, and never for nothing" {
	local i
	cc -nostartfiles -o it -x c - <<-END
		#include <fcntl.h>
		#include <unistd.h>
		/* Its stack is not as C functions have it: nothing of stdio. */
		void _start(void)
		{
			static const char page[] = "A: b\\n\\nhello\\n";
			int fd = open("$PWD/runs", O_RDWR | O_CREAT | O_APPEND,
				      0600);
			write(fd, "x\\n", 2);
			write(1, page, sizeof(page) - 1);
			_exit(0);
		}
	END
	serve
	for i in 1 2 3 4 5; do
		run -0 get "$PWD/it"
		[[ $output == *hello* ]]
	done
	logged "$PWD/it: is not preloaded: it does not begin as C programs do"
	[ "$(wc -l <runs)" -eq 5 ]
}

@test "with -preload-max and -preload-time a program is loaded anew after so many requests, or so long" {
	program it.pl <<-'END'
		#!/usr/bin/perl
		my $loaded; BEGIN { $loaded = "$$ " . (stat '/proc/self')[10] }
		print "A: b\n\n", "loaded $loaded";
	END
	# loads: each loading that has answered so far, once
	loads() { grep -oh 'loaded [0-9 ]*' answers | uniq | wc -l; }
	serve -preload-max 3
	warm "$PWD/it.pl"
	for i in 1 2 3 4; do
		forked "$PWD/it.pl" || warm "$PWD/it.pl"
		echo "$output" >>answers
	done
	[ "$(loads)" -eq 2 ]
	stop_wrapper
	: >answers
	serve -preload-time 0.5
	warm "$PWD/it.pl"
	echo "$output" >>answers
	renewed() {
		warm "$PWD/it.pl"
		echo "$output" >>answers
		[ "$(loads)" -ge 2 ]
	}
	wait_for renewed
}

@test "limits, aborts and deaths end a preloaded program and all that it started" {
	program slow <<-'END'
		#!/bin/sh
		case $QUERY_STRING in
		die) kill -9 $$ ;;
		hang) sleep 1000 & echo $! $$ >"${0%/*}/pids"
			printf 'A: b\n\n'; wait ;;
		esac
		printf 'A: b\n\nfine\n'
	END
	local pid
	serve -max-time 3
	warm "$PWD/slow"
	forked "$PWD/slow" QUERY_STRING=die
	[[ $output == *'Status: 500'*'END 137 0'* ]]
	forked "$PWD/slow" QUERY_STRING=hang
	[[ $output == *'END 143 0'* ]]
	for pid in $(cat pids); do wait_for gone "$pid"; done
	run -0 wire "get 1 $PWD/slow QUERY_STRING=hang" 'out 1 \n\n' 'abort 1' \
		'end 1'
	for pid in $(cat pids); do wait_for gone "$pid"; done
	warm "$PWD/slow"
	[[ $output == *fine* ]]
}

@test "a template that dies, or whose waiting child does, is made again, and no request is lost" {
	local pid i
	serve
	warm "$PWD/cgi/sh"
	for i in 1 2 3 4; do
		for pid in $(children_of "$WRAPPER"); do
			# Its child goes with a template.
			run kill -9 "$pid"
			run -0 get "$PWD/cgi/sh" QUERY=x
			[[ $output == *' x '*'END 3 0'* ]]
		done
		warm "$PWD/cgi/sh"
	done
}

@test "four requests find a child that waits already; who finds none is not held up by its template for long" {
	local before i pid template
	serve
	warm "$PWD/cgi/c"
	wait_for whole "$WRAPPER"
	for pid in $(children_of "$WRAPPER"); do
		[ "$(ps -o pgid= -p "$pid" | tr -d ' ')" -ne "$pid" ] ||
			template=$pid
	done
	kill -STOP "$template"
	for i in 1 2 3 4; do
		forked "$PWD/cgi/c"
	done
	before=$(preloaded)
	run -0 get "$PWD/cgi/c" QUERY=x
	[[ $output == *' x '*'END 3 0'* ]]
	[ "$(preloaded)" -eq "$before" ]
	kill -CONT "$template"
	warm "$PWD/cgi/c"
	wait_for whole "$WRAPPER"
	[ -e "/proc/$template" ]
}

@test "no template outlives the wrapper, however it ends" {
	local how pids pid
	for how in TERM KILL; do
		serve -workers 2
		warm "$PWD/cgi/c"
		warm "$PWD/cgi/python"
		pids=$(pgrep -f "$PWD/cgi/")
		[ "$(wc -w <<<"$pids")" -ge 4 ]
		if [ $how = TERM ]; then
			stop_wrapper
		else
			kill -9 $(children_of "$WRAPPER") "$WRAPPER"
			wait_for gone "$WRAPPER"
		fi
		for pid in $pids; do wait_for gone "$pid"; done
		rm -f "$SOCK"
	done
}

@test "a template that starts threads, or does not get ready, does no harm" {
	program it.py <<-'END'
		#!/usr/bin/python3
		import busy
		print("A: b\n\nfine")
	END
	cat >busy.py <<-'END'
		import threading, time
		threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
	END
	local i
	serve
	for i in 1 2 3 4 5 6; do
		run -0 get "$PWD/it.py"
		[[ $output == *fine* ]]
	done
	wait_for logged 'it has started threads'
	# Nothing of the system's has failed.
	run ! grep 'started threads: ' wrapper.log
	wait_for logged "$PWD/it.py: is not preloaded"
	wait_for childless "$WRAPPER"
	run -0 get "$PWD/it.py"
	[[ $output == *fine* ]]
}

@test "what a program does to its template's channel while it is loaded harms nobody else" {
	program it.py <<-'END'
		#!/usr/bin/python3
		import lie
		print("A: b\n\nfine", flush=True)
		import os, time
		time.sleep(float(os.environ.get("QUERY_STRING") or 0))
	END
	cat >lie.py <<-'END'
		import array, os, socket, struct
		victim = int(open("victim").read())
		pipe = os.pipe()  # nothing ever comes out of it
		def lie():
		    channel = socket.socket(fileno=100)
		    open("lied", "w").close()
		    for pid in victim, 1, -1, 0:
		        channel.sendmsg([struct.pack("i", pid)],
		                        [(socket.SOL_SOCKET, socket.SCM_RIGHTS,
		                          array.array("i", pipe[:1]))])
		    channel.detach()
		try:
		    lie()
		except OSError:  # it is no template
		    pass
	END
	start victim setsid sleep 1000
	echo "$PID" >victim
	serve -max-time 3
	for i in 1 2 3 4 5 6; do
		run -0 get "$PWD/it.py"
		[[ $output == *fine* ]]
	done
	run -0 get "$PWD/it.py" QUERY_STRING=10
	[[ $output == *'END 143 0'* ]]
	[ -e lied ]
	alive "$(cat victim)"
	run -0 get "$CGI/hello"
}

@test "a process that a template announces more than once is given one request" {
	cat >main.c <<-'END'
		#define _GNU_SOURCE
		#include <fcntl.h>
		#include <sched.h>
		#include <signal.h>
		#include <stdio.h>
		#include <stdlib.h>
		#include <string.h>
		#include <sys/socket.h>
		#include <sys/syscall.h>
		#include <unistd.h>
		static void announce(int times)
		{
			char room[CMSG_SPACE(sizeof(int))] = {0};
			int ends[2]; /* nothing ever comes out of them */
			struct cmsghdr header = {.cmsg_len = CMSG_LEN(sizeof(int)),
				.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
			pipe(ends);
			memcpy(room, &header, sizeof(header));
			memcpy(room + CMSG_LEN(0), ends, sizeof(int));
			pid_t pid = syscall(SYS_clone, CLONE_PARENT | SIGCHLD,
					    0, 0, 0, 0);
			if (pid == 0)
				for (;;)
					pause();
			struct iovec part = {&pid, sizeof(pid)};
			struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1,
				.msg_control = room, .msg_controllen = sizeof(room)};
			while (times-- > 0)
				sendmsg(0, &message, MSG_NOSIGNAL);
		}
		__attribute__((constructor)) static void lie(void)
		{
			if (!getenv("CGI_FCGI_TEMPLATE"))
				return;
			announce(1);
			announce(3);
			close(open("lied", O_CREAT | O_WRONLY, 0600));
			for (;;)
				pause();
		}
		int main(void)
		{
			puts("A: b\n\nfine");
		}
	END
	cc -o twice main.c
	serve -max-time 2
	local i
	for i in 1 2 3; do
		run -0 get "$PWD/twice"
		[[ $output == *fine* ]]
	done
	wait_for [ -e lied ]
	run -0 wire 'timeout 20' "get 1 $PWD/twice" "get 2 $PWD/twice" \
		"get 3 $PWD/twice" "get 4 $PWD/twice" \
		'end 1' 'end 2' 'end 3' 'end 4'
	[ "$(preloaded)" -eq 2 ]
	nothing_runs() {
		"$CGI_FCGI" -connect "$SOCK" -url /status 3>&- |
			grep -qx 'running: 0'
	}
	wait_for nothing_runs
}

@test "a template whose user may have no more processes waits for one to end, and is not made anew for each request" {
	[ "$(id -u)" -eq 0 ]
	local i
	# Of which the wrapper is one, and who waits four are one too many.
	serve -user 61236:61236 -limit nproc=5
	warm "$PWD/cgi/perl"
	for i in {1..10}; do
		run -0 get "$PWD/cgi/perl" QUERY=x
		[[ $output == *' x '*'END 3 0'* ]]
	done
	[ "$(preloaded)" -ge 5 ]
	run ! logged 'cannot be preloaded'
}

@test "a template for whose children there was no descriptor when it was started is asked for them again" {
	serve
	for _ in 1 2; do
		run -0 get "$PWD/cgi/c"
	done
	# The first is the template's own.
	start strace strace -qq -o trace -e trace=socketpair \
		-e inject=socketpair:error=EMFILE:when=2 -p "$WRAPPER"
	wait_for grep -q "^TracerPid:.*[1-9]" "/proc/$WRAPPER/status"
	run -0 get "$PWD/cgi/c"
	wait_for grep -q INJECTED trace
	warm "$PWD/cgi/c"
	stop strace
}

@test "a template that cannot tell of changes, since the wrapper has no descriptor left, is made anew" {
	program it.py <<-'END'
		#!/usr/bin/python3
		import late
		print("A: b\n\n", late.word)
	END
	cat >late.py <<-'END'
		import os, time
		word = "old"
		while not os.path.exists("go"):
		    time.sleep(0.01)
	END
	touch go
	serve
	for _ in 1 2; do
		run -0 get "$PWD/it.py"
	done
	start strace strace -qq -o trace -e trace=recvmsg -p "$WRAPPER"
	wait_for grep -q "^TracerPid:.*[1-9]" "/proc/$WRAPPER/status"
	rm go
	start asker "$BUILD/wire" "$SOCK" "get 1 $PWD/it.py" \
		"create $PWD/asked" 'end 1'
	two() { [ "$(children_of "$WRAPPER" | wc -w)" -eq 2 ]; }
	wait_for two
	prlimit --pid "$WRAPPER" --nofile=1:
	touch go
	ended asker
	wait_for grep -q CTRUNC trace
	prlimit --pid "$WRAPPER" --nofile=512:
	sed -i s/old/newer/ late.py
	run -0 get "$PWD/it.py"
	[[ $output == *new* ]]
	warm "$PWD/it.py"
	[[ $output == *new* ]]
	stop strace
}

@test "descriptors that a program sends while it is loaded are closed" {
	local i before
	cat >main.c <<-'END'
		#include <stdio.h>
		#include <string.h>
		#include <sys/socket.h>
		__attribute__((constructor)) static void send_many(void)
		{
			char room[CMSG_SPACE(2 * sizeof(int))] = {0};
			int fds[2] = {1, 2}, i;
			struct iovec part = {"x", 1};
			struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1,
				.msg_control = room, .msg_controllen = sizeof(room)};
			struct cmsghdr *header = CMSG_FIRSTHDR(&message);
			header->cmsg_level = SOL_SOCKET;
			header->cmsg_type = SCM_RIGHTS;
			header->cmsg_len = CMSG_LEN(sizeof(fds));
			memcpy(CMSG_DATA(header), fds, sizeof(fds));
			for (i = 0; i < 100; i++)
				sendmsg(0, &message, MSG_NOSIGNAL);
		}
		int main(void)
		{
			puts("A: b\n\nmany");
		}
	END
	cc -o many main.c
	serve
	run -0 get "$CGI/hello"
	before=$(fds_of "$WRAPPER")
	for i in 1 2 3 4 5 6; do
		run -0 get "$PWD/many"
		[[ $output == *many* ]]
	done
	wait_for logged "$PWD/many: is not preloaded"
	[ "$(fds_of "$WRAPPER")" -le $((before + 3)) ]
}

@test "a template that stops loses no request, and serves again when it goes on" {
	local i pid
	serve
	warm "$PWD/cgi/c"
	for pid in $(children_of "$WRAPPER"); do
		[ "$(ps -o pgid= -p "$pid" | tr -d ' ')" != "$pid" ] ||
			kill -STOP "$pid"
	done
	# It is waited for once: others would wait with it.
	start strace strace -qq -e trace=poll,ppoll -o trace -p "$WRAPPER"
	traced() { ! grep -q '^TracerPid:.0$' "/proc/$WRAPPER/status"; }
	wait_for traced
	for i in {1..10}; do
		run get "$PWD/cgi/c"
		[[ $output == *'END 3 0'* ]]
	done
	stop strace
	[ "$(grep -c ', 50) *= 0 (Timeout)' trace)" -eq 1 ]
	for pid in $(children_of "$WRAPPER"); do
		kill -CONT "$pid"
	done
	warm "$PWD/cgi/c"
}

@test "a template that is stopped ends with the wrapper" {
	local pids
	serve
	warm "$PWD/cgi/c"
	pids=$(children_of "$WRAPPER")
	# shellcheck disable=SC2086
	kill -STOP $pids
	stop_wrapper
	# shellcheck disable=SC2086
	wait_for gone $pids
}

@test "the status page tells templates and their memory" {
	serve
	warm "$PWD/cgi/perl"
	warm "$PWD/cgi/sh"
	run -0 "$CGI_FCGI" -connect "$SOCK" -url /status
	grep -qx 'templates: 2' <<<"$output"
	[ "$(sed -n 's/^templates_kib: //p' <<<"$output")" -gt 500 ]
}

@test "-root, -as-owner, -handler, -limit and -env hold for preloaded programs too" {
	[ "$(id -u)" -eq 0 ]
	# It lets nobody lower its own limits.
	[ "${INSTRUMENTED:-}" != valgrind ] || return 0
	program cgi/who <<-'END'
		#!/bin/sh
		printf 'A: b\n\n'
		echo "$(id -u) $(id -G) $(ulimit -n) $MINE"
		echo told >/dev/stderr
	END
	cat >cgi/x.pl <<<'print "A: b\n\n$0 $ENV{MINE}";'
	chown -R 61234:61235 cgi
	serve -root "$PWD/cgi" -as-owner 1000 -limit nofile=77 -env MINE=7 \
		-handler .pl=/usr/bin/perl
	warm "$PWD/cgi/who"
	[[ $output == *'61234 61235 77 7\n'* ]]
	[[ $output == *'STDERR told'* ]]
	warm "$PWD/cgi/x.pl"
	[[ $output == *'./x.pl 7'* ]]
	run -0 get "$CGI/hello"
	[[ $output == *'Status: 403'* ]]
}

@test "40 connections of 50 requests, 4 at once, with aborts, deaths and cuts: no wrong byte" {
	serve -queue 10000 -grace 1
	run -0 "$BUILD/storm" "$SOCK" "$CGI_C/nonce" 40 50 4 wild
	[[ $output == good* ]]
	[ "$(preloaded)" -gt 1000 ]
	wait_for whole "$WRAPPER"
	alive "$WRAPPER"
}

@test "without template.so the log says so, and everything is run as always" {
	# There it is a script that runs another.
	[ "${INSTRUMENTED:-}" != valgrind ] || return 0
	cp "$CGI_FCGI" alone
	CGI_FCGI=$PWD/alone wrapper -preload all
	run -0 get "$PWD/cgi/sh"
	[[ $output == *'END 3 0'* ]]
	logged 'template.so is not found'
}

@test "with -as-owner a program whose owner cannot read template.so is run as always, and never for nothing" {
	[ "$(id -u)" -eq 0 ]
	# There it is a script that runs another.
	[ "${INSTRUMENTED:-}" != valgrind ] || return 0
	program cgi/counts <<-'END'
		#!/bin/sh
		echo >>runs
		printf 'A: b\n\n'
	END
	chown -R 61243:61244 cgi
	mkdir closed
	cp -r "$CGI_FCGI" "${CGI_FCGI%/*}/preload" closed
	chmod 700 closed
	local i
	CGI_FCGI=$PWD/closed/${CGI_FCGI##*/} serve -as-owner 1000
	for i in 1 2 3 4; do
		run -0 get "$PWD/cgi/counts"
	done
	logged 'cgi/counts: is not preloaded: Permission denied'
	childless "$WRAPPER"
	[ "$(wc -l <cgi/runs)" -eq 4 ]
}

@test "where the path of template.so cannot be told to a loader, everything is run as always, and nothing for nothing" {
	# There it is a script that runs another.
	[ "${INSTRUMENTED:-}" != valgrind ] || return 0
	program counts <<-'END'
		#!/bin/sh
		echo >>runs
		printf 'A: b\n\n'
	END
	mkdir 'of two words'
	cp -r "$CGI_FCGI" "${CGI_FCGI%/*}/preload" 'of two words'
	local i
	CGI_FCGI="$PWD/of two words/${CGI_FCGI##*/}" serve
	for i in 1 2 3 4; do
		run -0 get "$PWD/counts"
	done
	logged 'nothing is preloaded'
	stop_wrapper
	[ "$(wc -l <runs)" -eq 4 ]
}

@test "a template that cannot be started is told once, and nobody is sent a signal for it" {
	[ "${INSTRUMENTED:-}" != valgrind ] || return 0
	mkdir bin
	cp "$CGI_C/world" bin/interpreter
	chmod 644 bin/interpreter
	program script <<<"#!$PWD/bin/interpreter"
	local i
	serve
	start strace strace -qq -e trace=kill -o trace -p "$WRAPPER"
	traced() { ! grep -q '^TracerPid:.0$' "/proc/$WRAPPER/status"; }
	wait_for traced
	for i in 1 2 3 4 5; do
		run -0 get "$PWD/script"
		[[ $output == *'Status: 500'* ]]
	done
	[ "$(grep -c 'script: is not preloaded: Permission denied' wrapper.log)" -eq 1 ]
	stop strace
	run ! grep 'kill(.*SIG' trace
	# Once it can be run it is.
	chmod 755 bin/interpreter
	touch script
	warm "$PWD/script"
	[[ $output == *argv* ]]
}

@test "a program that -preload names twice has one template" {
	cp cgi/c other
	ln -s "$PWD/other" link
	serve -preload "$PWD/other" -preload "$PWD/link" -preload "$PWD/other"
	wait_for whole "$WRAPPER"
	warm "$PWD/other"
	forked "$PWD/other"
	wait_for whole "$WRAPPER"
}

@test "-env counts in a template as in a program: the last one of a name" {
	program cgi/early <<-'END'
		#!/usr/bin/perl
		my $early;
		BEGIN { $early = "$ENV{NAME} $ENV{PATH}" }
		print "A: b\n\n$early, $ENV{NAME} $ENV{PATH}\n";
	END
	serve -env NAME=first -env NAME=last -env PATH=/only
	warm "$PWD/cgi/early"
	[[ $output == *'last /only, last /only'* ]]
}

@test "with -env LD_PRELOAD nothing is preloaded, and no program runs for nothing" {
	program cgi/notes <<-END
		#!/bin/sh
		echo ran >>$PWD/ran
		printf 'A: b\n\n%s' "\$LD_PRELOAD"
	END
	: >ran
	cc -shared -o other.so -x c - <<<'int other_library;'
	serve -preload "$PWD/cgi/notes" -env "LD_PRELOAD=$PWD/other.so"
	for _ in {1..5}; do
		run -0 get "$PWD/cgi/notes"
		[[ $output == *"$PWD/other.so"* ]]
	done
	[ "$(wc -l <ran)" -eq 5 ]
	[ "$(grep -c 'preload' wrapper.log)" -eq 1 ]
	logged '-env LD_PRELOAD'
}

@test "of more programs than templates are kept for, those that were asked for last have one" {
	local i
	for i in {1..33}; do ln cgi/c "cgi/c$i"; done
	serve
	for i in {1..33}; do
		get "$PWD/cgi/c$i" >/dev/null
		get "$PWD/cgi/c$i" >/dev/null
		get "$PWD/cgi/c$i" >/dev/null
	done
	run -0 "$CGI_FCGI" -connect "$SOCK" -url /status
	grep -qx 'templates: 32' <<<"$output"
	warm "$PWD/cgi/c33"
	forked "$PWD/cgi/c2"
	# That of the first was given up for the last.
	i=$(preloaded)
	get "$PWD/cgi/c1" >/dev/null
	[ "$(preloaded)" -eq "$i" ]
}

@test "a program that does not get ready in 30 seconds is told, ended and run as always" {
	program it.py <<-'END'
		#!/usr/bin/python3
		import slow
		print("A: b\n\nfine")
	END
	cat >slow.py <<-'END'
		import os, time
		if "LD_PRELOAD" in os.environ or os.path.exists("/proc/self/fd/100"):
		    time.sleep(1000)
	END
	local i
	serve
	for i in 1 2 3 4; do
		run -0 get "$PWD/it.py"
		[[ $output == *fine* ]]
	done
	PATIENCE=40 wait_for logged "$PWD/it.py: is not preloaded: it does not get ready"
	wait_for childless "$WRAPPER"
	run -0 get "$PWD/it.py"
	[[ $output == *fine* ]]
}

@test "the status page forgets the templates of a worker that died" {
	told() {
		[ "$("$CGI_FCGI" -connect "$SOCK" -url /status 3>&- |
			sed -n 's/^templates: //p')" = "$1" ]
	}
	serve -workers 2 -preload "$PWD/cgi/sh"
	wait_for told 2
	full() {
		# shellcheck disable=SC2046
		set -- $(children_of "$WRAPPER")
		whole "$1" && whole "$2"
	}
	wait_for full
	kill -9 "$(children_of "$WRAPPER" | cut -d ' ' -f 1)"
	wait_for logged 'another takes its place'
	wait_for full
	told 2
}

@test "a file that two names lead to has a template for each -handler, and for none" {
	program page.cgi <<-'END'
		#!/bin/sh
		printf 'A: b\n\nran\n'
	END
	program show <<-'END'
		#!/bin/sh
		printf 'A: b\n\nshown '
		tail -n 1 "$1"
	END
	ln -s page.cgi page.txt
	serve -handler .txt="$PWD/show"
	warm "$PWD/page.cgi"
	[[ $output == *'\n\nran'* ]]
	run -0 get "$PWD/page.txt"
	[[ $output == *shown* ]]
	warm "$PWD/page.txt"
	[[ $output == *shown* ]]
	forked "$PWD/page.cgi"
	[[ $output == *'\n\nran'* ]]
}

@test "what a library has registered for forks is done for each request" {
	cc -shared -fPIC -o libsecret.so -x c - <<-'END'
		#include <pthread.h>
		int locked, secret, told;
		static void prepare(void) { locked++; }
		static void parent(void) { locked--; told++; }
		static void child(void) { locked--; secret = told + 1; }
		__attribute__((constructor)) static void load(void)
		{
			pthread_atfork(prepare, parent, child);
		}
	END
	cc -o it -x c - -L. -lsecret -Wl,-rpath,"$PWD" <<-'END'
		#include <stdio.h>
		extern int locked, secret;
		int main(void)
		{
			printf("A: b\n\nlocked %d secret %d\n", locked, secret);
			return 0;
		}
	END
	local i
	serve
	warm "$PWD/it"
	for i in 1 2 3; do
		forked "$PWD/it"
		[[ $output == *'locked 0 secret '[1-9]* ]]
		grep -o 'secret [0-9]*' <<<"$output" >>secrets
	done
	[ "$(sort -u secrets | wc -l)" -eq 3 ]
}

@test "a script that may not be executed is a 403 however often it is asked for, named or not" {
	chmod -x cgi/perl
	serve
	local i
	for i in 1 2 3 4 5 6; do
		run -0 get "$PWD/cgi/perl"
		[[ $output == *'Status: 403'* ]] || return
	done
	stop_wrapper
	chmod +x cgi/perl
	serve -preload "$PWD/cgi/perl"
	warm "$PWD/cgi/perl"
	chmod -x cgi/perl
	for i in 1 2 3 4; do
		run -0 get "$PWD/cgi/perl"
		[[ $output == *'Status: 403'* ]] || return
		sleep 0.2
	done
}

@test "-as-owner: an owner's template is given neither the log nor /dev/null" {
	[ "$(id -u)" -eq 0 ]
	program cgi/greedy <<-'END'
		#!/usr/bin/perl
		BEGIN { open our $kept, '>&', \*STDERR; truncate $kept, 0; }
		our $kept;
		print "A: b\n\n", readlink('/proc/self/fd/' . fileno $kept), "\n";
	END
	chown -R 61243:61244 cgi
	serve -as-owner 1000 -preload all
	warm "$PWD/cgi/greedy"
	[[ $output == *'/dev/null'* ]]
	grep 'listening on' wrapper.log
	local file
	for file in wrapper.log /dev/null; do
		[ "$(stat -c %u:%g "$file")" != 61243:61244 ] || return
	done
}

# c_program FILE: from stdin.
c_program() {
	cc -w -fno-builtin -o "$1" -x c -
}

@test "a preloaded program may have functions of its own that are named as the C library's, and need its main" {
	{
		echo 'int puts(const char *text);
			void abort(void);
			static int begun;'
		printf 'long %s() { return begun ? 0 : (abort(), 0); }\n' \
			read write close stat fstat open fcntl lseek poll \
			open64 fcntl64 lseek64 dup2 dup3 pipe2 prctl recvmsg \
			sendmsg eventfd fchdir memfd_create dprintf \
			inotify_init1 inotify_add_watch
		echo 'int main(void) { begun = 1; puts("A: b\n\nran"); }'
	} | c_program it
	as_without "$PWD/it"
	[[ $output == *'ran\n'*'END 0 0'* ]]
}

@test "a preloaded program finds no mistake of the system's calls before its own" {
	c_program it <<-'END'
		#include <errno.h>
		#include <stdio.h>
		int main(void) { return printf("A: b\n\n%d\n", errno) < 0; }
	END
	program it.pl <<<$'#!/usr/bin/perl\ndie "at once"'
	as_without "$PWD/it"
	[[ $output == *'\n0\n'* ]]
	as_without "$PWD/it.pl"
}

@test "what is done to variables while a program is loaded is done to each request's, and what they bring counts" {
	cat >load.c <<-'END'
		#include <stdlib.h>
		__attribute__((constructor)) static void load(void)
		{
			setenv("HAD", "changed", 1);
			unsetenv("GONE");
			setenv("NEW", "new", 1);
			setenv("PUT", "default", 0);
		}
	END
	cat >show.c <<-'END'
		#include <stdio.h>
		#include <stdlib.h>
		#define SHOW(name) (getenv(name) ? getenv(name) : "none")
		int main(void)
		{
			printf("A: b\n\n%s %s %s %s\n", SHOW("NEW"),
			       SHOW("PUT"), SHOW("HAD"), SHOW("GONE"));
			return 0;
		}
	END
	cc -o it show.c load.c
	# A library's come before the program's, in the list as it was given.
	cc -shared -fPIC -o libload.so load.c
	cc -o linked show.c -Wl,--no-as-needed,-rpath,"$PWD" ./libload.so
	program it.pl <<-'END'
		#!/usr/bin/perl -T
		BEGIN {
			@ENV{qw(NEW HAD PATH)} = qw(new changed /usr/bin:/bin);
			$ENV{PUT} ||= 'default';
			delete $ENV{GONE};
		}
		print "A: b\n\n", join(' ', map { $_ // 'none' }
			@ENV{qw(NEW PUT HAD GONE)}), "\n";
		system "echo $ENV{NEW}";
	END
	program it.py <<-'END'
		#!/usr/bin/python3
		import os, early
		print("A: b\n")
		print(*(os.environ.get(name, "none")
			for name in ("NEW", "PUT", "HAD", "GONE")))
	END
	cat >early.py <<-'END'
		import os
		os.environ.update(NEW="new", HAD="changed")
		os.environ.setdefault("PUT", "default")
		os.environ.pop("GONE", None)
	END
	program it.rb <<-'END'
		#!/usr/bin/ruby
		require_relative "early"
		puts "A: b\n\n"
		puts %w[NEW PUT HAD GONE].map { |name| ENV[name] || "none" }.join(" ")
	END
	cat >early.rb <<-'END'
		ENV.update("NEW" => "new", "HAD" => "changed")
		ENV["PUT"] ||= "default"
		ENV.delete("GONE")
	END
	local file wrapped
	wrapped=$(declare -f wrapper)
	eval "bare_$wrapped"
	wrapper() {
		bare_wrapper "$@" -env HAD=given -env GONE=given \
			-env PATH=/usr/bin:/bin
	}
	for file in it linked it.pl it.py it.rb; do
		as_without "$PWD/$file"
		[[ $output == *'new default changed none\n'* ]]
		as_without "$PWD/$file" PUT=brought
		[[ $output == *'new brought changed none\n'* ]]
	done
}
