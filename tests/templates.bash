# What the tests of templates (-preload) have in common: a program of each kind,
# and whether a template has answered.

# The programs in cgi, made once.
ALL='c sh perl python ruby'

setup_file() {
	local made=$BATS_FILE_TMPDIR/cgi
	mkdir "$made"
	cc -o "$made/c" -x c - <<-'END'
		#include <stdio.h>
		#include <stdlib.h>
		#include <unistd.h>
		int main(int argc, char **argv)
		{
			char folder[4096], body[100] = "";
			const char *query = getenv("QUERY");
			scanf("%99s", body);
			printf("A: b\n\n%d %d %s %s %s %s\n", argc, getpid(),
			       argv[0], query ? query : "none",
			       getcwd(folder, sizeof(folder)), body);
			return 3;
		}
	END
	program "$made"/sh <<-'END'
		#!/bin/sh
		read body
		printf 'A: b\n\n%s %s %s %s %s %s\n' 1 $$ "$0" \
			"${QUERY-none}" "$PWD" "$body"
		exit 3
	END
	program "$made"/perl <<-'END'
		#!/usr/bin/perl -w
		use strict;
		use Cwd;
		$| = 1;
		my $body = <STDIN> // '';
		print "A: b\n\n", join(' ', 1, $$, $0,
			$ENV{QUERY} // 'none', getcwd(), $body), "\n";
		exit 3;
	END
	program "$made"/python <<-'END'
		#!/usr/bin/env python3
		import os, sys
		body = sys.stdin.read()
		print("A: b\n")
		print(len(sys.argv), os.getpid(), sys.argv[0],
		      os.environ.get("QUERY", "none"), os.getcwd(), body)
		sys.exit(3)
	END
	program "$made"/ruby <<-'END'
		#!/usr/bin/env ruby
		require "English"
		body = $stdin.read
		puts "A: b\n\n"
		puts [ARGV.size + 1, $PID, $0, ENV["QUERY"] || "none", Dir.pwd,
		      body].join(" ")
		exit 3
	END
}

setup() {
	here
	cp -r "$BATS_FILE_TMPDIR/cgi" .
}

# A template and its children that wait.
WHOLE=5

# whole PID: whether a wrapper has one template, and nothing else.
whole() {
	[ "$(children_of "$1" | wc -w)" -eq $WHOLE ]
}

preloaded() {
	"$CGI_FCGI" -connect "$SOCK" -url /status 3>&- |
		sed -n 's/^preloaded: //p'
}

# warm FILE: asks until a template has answered; the answer is in $output.
warm() {
	local before end=$((SECONDS + 20))
	before=$(preloaded)
	until run get "$@" && [ "$(preloaded)" -gt "$before" ]; do
		((SECONDS < end)) || return
	done
}

# serve [OPTION...]
serve() {
	wrapper -preload all -status /status "$@"
}

# forked ARG...: get, and that a template has answered it.
forked() {
	local before
	before=$(preloaded)
	run get "$@"
	[ "$(preloaded)" -eq $((before + 1)) ]
}

childless() {
	[ -z "$(children_of "$1")" ]
}

# as_without FILE [NAME=VALUE...]: its answer by a template is the one without.
as_without() {
	local plain
	unnumbered() { sed 's/\[[0-9]*\]: \(was killed\|ended\)/[PID]: \1/'; }
	wrapper
	run get "$@"
	plain=$output
	stop_wrapper
	serve
	warm "$@"
	warm "$@"
	stop_wrapper
	diff <(unnumbered <<<"$plain") <(unnumbered <<<"$output")
}
