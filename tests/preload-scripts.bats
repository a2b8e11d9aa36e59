# -preload: scripts of Perl, Python and Ruby answer as without, and so do those
# whose #! line is no common one.
bats_require_minimum_version 1.5.0
load helpers
load templates

@test "a script with a mistake says so to whoever asks, as without" {
	program bad.py <<-'END'
		#!/usr/bin/python3
		print("A: b\n"
	END
	program bad.pl <<-'END'
		#!/usr/bin/perl
		print "A: b\n\n;
	END
	program bad.rb <<-'END'
		#!/usr/bin/ruby
		puts "A: b
	END
	local name i
	serve
	for name in bad.py bad.pl bad.rb; do
		for i in 1 2 3 4 5 6; do
			run -0 get "$PWD/$name"
			[[ $output == *'Status: 500'*"line "* ||
				$output == *'Status: 500'*"bad.rb:2:"* ]]
		done
	done
	program late.py <<-'END'
		#!/usr/bin/python3
		import os
		if "LATE" in os.environ:
		    import no_such_module
		print("A: b\n")
		raise SystemExit("over")
	END
	warm "$PWD/late.py"
	[[ $output == *'STDERR over'*'END 1 0'* ]]
	forked "$PWD/late.py" LATE=x
	[[ $output == *"No module named 'no_such_module'"*'END 1 0'* ]]
	[[ $output != *template.py* ]]
}

@test "a change of the script, or of a module that it uses, counts from the next request on" {
	cat >Mine.pm <<<'package Mine; sub text { "pm one" } 1;'
	cat >mine.py <<<'text = "py one"'
	cat >mine.rb <<<'load "./other.rb"'
	cat >other.rb <<<'$text = "rb one"'
	program it.pl <<-'END'
		#!/usr/bin/perl
		use lib '.';
		use Mine;
		print "A: b\n\n", Mine::text(), " script one\n";
	END
	program it.py <<-'END'
		#!/usr/bin/python3
		import mine
		print("A: b\n\n" + mine.text + " script one")
	END
	program it.rb <<-'END'
		#!/usr/bin/ruby
		require_relative "mine"
		puts "A: b\n\n#{$text} script one"
	END
	local kind
	export PYTHONDONTWRITEBYTECODE=1
	serve -env PYTHONDONTWRITEBYTECODE
	for kind in pl py rb; do
		warm "$PWD/it.$kind"
		[[ $output == *one*one* ]]
		sed -i 's/script one/script two/' "it.$kind"
		run -0 get "$PWD/it.$kind"
		[[ $output == *one*two* ]]
		warm "$PWD/it.$kind"
		[[ $output == *one*two* ]]
	done
	sed -i 's/one/two/' Mine.pm mine.py other.rb
	for kind in pl py rb; do
		run -0 get "$PWD/it.$kind"
		[[ $output == *two*two* ]]
		warm "$PWD/it.$kind"
		[[ $output == *two*two* ]]
	done
}

@test "random numbers, the time and the data of a script are each request's own" {
	program it.pl <<-'END'
		#!/usr/bin/perl
		use POSIX ();
		BEGIN { rand }
		print "A: b\n\n", rand(), ' ', time - $^T, ' ',
			length join('', <DATA>);
		__END__
	END
	head -c 100000 /dev/zero | tr '\0' '\n' >>it.pl
	program it.py <<-'END'
		#!/usr/bin/python3
		import random
		print("A: b\n\n" + str(random.random()))
	END
	program it.rb <<-'END'
		#!/usr/bin/ruby
		require "securerandom"
		require_relative "early"
		puts "A: b\n\n#{rand} 0.#{SecureRandom.hex.to_i(16)}"
	END
	echo 'rand; SecureRandom.hex' >early.rb
	serve
	warm "$PWD/it.pl"
	sleep 1.1
	for i in 1 2 3; do
		forked "$PWD/it.pl"
		[[ $output == *' 0 100000'* ]]
		grep -o '0\.[0-9]*' <<<"$output" >>numbers
	done
	warm "$PWD/it.py"
	for i in 1 2 3; do
		forked "$PWD/it.py"
		grep -o '0\.[0-9]*' <<<"$output" >>numbers
	done
	for i in 1 2 3; do
		warm "$PWD/it.rb"
		grep -o '0\.[0-9]*' <<<"$output" >>numbers
	done
	[ "$(sort -u numbers | wc -l)" -eq 12 ]
}

@test "what a Python script leaves to its end is done: buffers, atexit, threads" {
	program it.py <<-'END'
		#!/usr/bin/python3
		import atexit, sys, threading, time
		def late():
		    time.sleep(0.2)
		    print("thread")
		print("A: b\n")
		atexit.register(print, "atexit")
		threading.Thread(target=late).start()
		print("last", end="")
	END
	serve
	warm "$PWD/it.py"
	[[ $output == *'lastthread\natexit\n'*'END 0 0'* ]]
}

@test "what a Python module wants done before and after a fork is done both, as by os.fork" {
	program it.py <<-'END'
		#!/usr/bin/python3
		import forked
		print("A: b\n\n", forked.steps, forked.lock.locked())
	END
	cat >forked.py <<-'END'
		import os, threading
		lock, steps = threading.Lock(), []
		os.register_at_fork(
		    before=lambda: steps.append("before") or lock.acquire(),
		    after_in_child=lambda: steps.append("after") or lock.release())
	END
	serve
	warm "$PWD/it.py"
	forked "$PWD/it.py"
	[[ $output == *"['before', 'after'] False"*'END 0 0'* ]]
	[[ $output != *STDERR* ]]
}

@test "with -T a Perl script's variables are not to be trusted, as without" {
	program it.pl <<-'END'
		#!/usr/bin/perl -T
		use Scalar::Util 'tainted';
		print "A: b\n\n", join ' ', map { tainted($ENV{$_}) }
			'QUERY_STRING', 'PATH';
	END
	serve
	warm "$PWD/it.pl" QUERY_STRING=x
	[[ $output == *'\n\n1 1\n'* || $output == *'\n\n1 1'* ]]
}

@test "#! lines that are no common ones: what can be a template is one, all are run as always" {
	[ "${INSTRUMENTED:-}" != valgrind ] || return 0
	local i name
	program blanks < <(printf '#! \t /bin/sh \t -e \t \nprintf "A: b\\n\\n"\n')
	program relative <<<'#!bin/sh'
	program split <<-'END'
		#!/usr/bin/env -S sh -e
		printf 'A: b\n\n'
	END
	program unknown <<<'#!/usr/bin/env no-such-interpreter'
	program a0 <<<"#!/bin/sh"
	for i in 1 2 3 4 5; do
		program a$i <<<"#!$PWD/a$((i - 1))"
	done
	program text <<<"printf 'A: b\n\n'"
	cp "$CGI_C/world" foreign
	printf '\xf0\xf0' | dd of=foreign bs=1 seek=18 conv=notrunc status=none
	program closed <<-'END'
		#!/bin/sh
		printf 'A: b\n\n'
	END
	serve
	warm "$PWD/blanks"
	for name in relative split unknown a5 text foreign; do
		for i in 1 2 3 4; do get "$PWD/$name" >/dev/null; done
	done
	logged "$PWD/relative: is not preloaded: its interpreter has no absolute path"
	logged "$PWD/a5: is not preloaded: too many #! lines"
	logged "$PWD/text: is not preloaded: it is no program"
	logged "$PWD/foreign: is not preloaded: it is of another machine"
	run -0 get "$PWD/split"
	[[ $output == *'END 0 0'* ]]
}

@test "what a #! line names is not opened if it is no file" {
	mkfifo pipe
	chmod 755 pipe
	program cgi/device <<<"#!$PWD/pipe"
	# It waits for one who opens the other end.
	start writer sh -c 'exec echo opened >pipe'
	serve -preload "$PWD/cgi/device"
	run get "$PWD/cgi/device"
	[[ $output == *'Status: 500'* ]]
	logged 'cgi/device: is not preloaded: it is no file'
	alive "$(cat writer.pid)"
	stop_wrapper
	alive "$(cat writer.pid)"
	stop writer
}

# interpreter FILE WORD: one that says the word.
interpreter() {
	mkdir -p "$(dirname "$1")"
	cc -o "$1" -x c - <<-END
		#include <stdio.h>
		int main(void)
		{
			printf("A: b\\n\\n$2\\n");
			return 0;
		}
	END
}

@test "an interpreter that env finds is the same as without: in -env's PATH, in the program's folder, by a name with a slash" {
	interpreter bin/ours wrong
	interpreter env/ours right
	interpreter env/own/one wrong
	interpreter cgi/own/one right
	interpreter bin/beside wrong
	interpreter cgi/beside right
	program cgi/searched <<<'#!/usr/bin/env ours'
	program cgi/slash <<<'#!/usr/bin/env own/one'
	program cgi/empty <<<'#!/usr/bin/env beside'
	PATH=$PWD/bin:$PATH serve -env PATH=/none -env "PATH=$PWD/env::$PWD/bin"
	local name
	warm "$PWD/cgi/searched"
	[[ $output == *right* ]]
	for name in slash empty; do
		for _ in {1..6}; do
			run get "$PWD/cgi/$name"
			[[ $output == *right* ]] || return
		done
		logged "cgi/$name: is not preloaded: its interpreter has no absolute"
	done
}

@test "what a Python script leaves open at its end is written out, closed and removed, as without" {
	program it.py <<-'END'
		#!/usr/bin/python3
		import bz2, os, signal, sys, tempfile, held
		def text():
		    return "words\n"
		class Thing:
		    def __del__(self): os.write(1, b"thing ends\n")
		print("A: b\n", flush=True)
		thing = Thing()
		plain = open("plain", "w")
		packed = bz2.open("packed", "wt")
		held.mine = open("mine", "w")
		left = tempfile.NamedTemporaryFile(prefix="left", dir=".")
		for file in plain, packed, held.mine, held.own:
		    file.write(text())
		signal.signal(signal.SIGUSR1, lambda *_: text())
		sys.excepthook = lambda *_: text()
	END
	echo 'own = open("own", "a")' >held.py
	serve
	warm "$PWD/it.py"
	rm plain packed mine own
	forked "$PWD/it.py"
	[[ $output == *'thing ends\n'*'END 0 0'* ]]
	[ "$(cat plain mine; bzcat packed)" = "$(yes words | head -n 3)" ]
	[ -z "$(ls | grep '^left')" ]
}

@test "what a Python script does before it imports a module counts for that, as without" {
	program it.py <<-'END'
		#!/usr/bin/python3
		"""A text, and a name"""
		version = "1"
		import os, sys, early
		os.environ["CHOSEN"] = "yes"
		sys.path.insert(0, "own")
		import late
		print("A: b\n\n" + early.text, late.text)
	END
	mkdir own
	echo 'import os; text = "early " + str(os.getpid())' >early.py
	echo 'text = "wrong"' >late.py
	echo 'import os; text = os.environ["CHOSEN"]' >own/late.py
	serve
	warm "$PWD/it.py"
	[[ $output == *'early '*' yes\n'* ]]
	before=$output
	forked "$PWD/it.py"
	[ "$output" = "$before" ]
}

@test "a Python script finds its modules where it would without: behind a symbolic link, and with -I" {
	mkdir app bin
	program app/it.py <<-'END'
		#!/usr/bin/python3
		import sys, helper
		print("A: b\n\n" + helper.text, sys.argv[1:])
	END
	echo 'text = "found"' >app/helper.py
	ln -s ../app/it.py bin/it
	serve -- "$PWD/bin/it" one
	warm "$PWD/bin/it"
	[[ $output == *"found ['one']"*'END 0 0'* ]]
	stop_wrapper
	program app/alone.py <<-'END'
		#!/usr/bin/python3 -I
		import sys
		print("A: b\n\n" + ":".join(sys.path))
	END
	serve
	warm "$PWD/app/alone.py"
	[[ $output == *"n$(app/alone.py | tail -n 1)"* ]]
}

@test "a module that a #! line of Python names is run for requests alone, and with the script alone" {
	program it <<<'#!/usr/bin/python3 -Bmtool'
	cat >tool.py <<-'END'
		import sys
		print(*sys.argv[1:], file=open("runs", "a"))
		print("A: b\n\nfine")
	END
	serve
	warm "$PWD/it"
	forked "$PWD/it"
	[[ $output == *fine* ]]
	[ "$(sort -u runs)" = "$PWD/it" ]
}

@test "a preloaded Python script has the locale's variable and the loader that it has without" {
	program it.py <<-'END'
		#!/usr/bin/python3
		import os
		print("A: b\n\n" + str(sorted(os.environ)), flush=True)
		os.system("echo $LC_CTYPE")
		print(__loader__.get_data(__file__) == open(__file__, "rb").read())
	END
	local plain
	wrapper
	run get "$PWD/it.py"
	plain=$output
	stop_wrapper
	serve
	warm "$PWD/it.py"
	[[ $output == *'True\n'*'END 0 0'* ]]
	[ "$output" = "$plain" ]
}

@test "a preloaded Python script wraps its stdin and stdout anew, and finds that they are pipes" {
	program it.py <<-'END'
		#!/usr/bin/python3
		import io, os, sys, noisy
		kinds = sys.stdin.seekable(), sys.stdout.seekable()
		sys.stdin = io.TextIOWrapper(sys.stdin.buffer, encoding="latin-1")
		sys.stdout = io.TextIOWrapper(sys.stdout.detach(), encoding="utf-8")
		print("A: b\n\n\xe9", *kinds, sys.stdin.read())
		print(sorted(map(int, os.listdir("/proc/self/fd"))))
	END
	cat >noisy.py <<-'END'
		import os
		if "SCRIPT_FILENAME" not in os.environ:  # in the template
		    os.write(1, b"x" * 60000)
	END
	serve
	warm "$PWD/it.py"
	run -0 wire "post 1 $PWD/it.py body" 'end 1' 'tell 1'
	[[ $output == *'A: b\n\n'$'\303\251'' False False body\n[0, 1, 2, 3]\n'*'END 0 0'* ]]
}

@test "a preloaded Ruby script is what it is without: self, names, data, variables, encodings, its end" {
	program it.rb <<-'END'
		#!/usr/bin/env ruby
		# frozen_string_literal: true

		=begin
		What is required comes first.
		=end
		require 'cgi' # a comment
		require("set")
		require_relative 'mine'
		print "A: b\n\n"
		p self, __FILE__, $0, __FILE__ == $0, __LINE__, __dir__, ARGV
		p caller, TOPLEVEL_BINDING.receiver.equal?(self)
		p binding.local_variables, Module.nesting, global_variables.sort
		p Object.constants.sort, Object.private_instance_methods(false)
		p ENV.to_h.sort, `echo $MINE $QUERY_STRING`
		p DATA.read, DATA.pos, $., $?.class, $!, $~, $_, $;, $,, $-w, $VERBOSE
		p Encoding.default_external, Encoding.find("locale"), __ENCODING__
		p $LOAD_PATH, $LOADED_FEATURES.sort, $stdin.read, $stdout.sync
		value = 1
		p TOPLEVEL_BINDING.local_variables, eval("value", TOPLEVEL_BINDING)
		def deep(n) = n.zero? ? raise(ArgumentError, "deep") : deep(n - 1)
		at_exit { puts "first"; exit 7 if ENV["QUERY_STRING"] == "at_exit" }
		at_exit { puts "second #{$!.inspect}" }
		case ENV["QUERY_STRING"]
		when "exit" then exit 5
		when "abort" then abort "over"
		when "exit!" then $stdout.flush; exit! 6
		when "throw" then throw :nowhere
		when "signal" then Process.kill :TERM, $$; sleep
		when "exec" then $stdout.flush; exec "echo", "another"
		end
		print "not flushed"
		deep 2
		__END__
		data
		more
	END
	cat >mine.rb <<-'END'
		ENV["MINE"] = "changed"
		module Mine; end
	END
	local how
	for how in exit abort exit! throw signal exec at_exit; do
		as_without "$PWD/it.rb" QUERY_STRING=$how
		[[ $output == *'"data\\nmore\\n"'* ]]
	done
	[[ $output == *'not flushed'*'deep (ArgumentError)'*'END 7 0'* ]]
	as_without "$PWD/it.rb"
	[[ $output == *'deep (ArgumentError)'*'END 1 0'* ]]
}

@test "a preloaded Ruby script's process has all that a Ruby has: threads, time limits, signals, programs that it starts" {
	program it.rb <<-'END'
		#!/usr/bin/ruby
		require "timeout"
		require "open3"
		puts "A: b\n\n"
		p $$ == Process.pid, `echo $PPID`.to_i == $$
		p system("exit 3"), $?.exitstatus, `echo text`
		p IO.popen("cat", "r+") { |to| to.write "pipe"; to.close_write; to.read }
		p Open3.capture2("cat", stdin_data: "three")[0]
		child = fork { exit!(Process.ppid == Process.getpgrp ? 4 : 5) }
		p Process.wait2(child)[1].exitstatus
		begin
		  Timeout.timeout(0.05) { sleep }
		rescue Timeout::Error => error
		  p error
		end
		queue = Queue.new
		workers = Array.new(3) { |n| Thread.new { sleep 0.01; queue << n; n } }
		p workers.map(&:value), queue.size, Thread.list.size
		trap("USR1") { queue << :signal }
		Process.kill("USR1", $$)
		sleep 0.01 until queue.size == 4
		trap("CHLD") { queue << :child }
		spawn("true")
		sleep 0.01 until queue.size == 5
		begin
		  Process.kill("INT", $$)
		  sleep
		rescue Interrupt
		  p :interrupt
		end
		Thread.report_on_exception = false
		Thread.new { raise "in a thread" }.join
	END
	as_without "$PWD/it.rb"
	[[ $output == *'"pipe"\n"three"\n4\n'*':interrupt'*'in a thread'*'END 1 0'* ]]
}

@test "what a Ruby script does before it requires something counts for that, as without" {
	program it.rb <<-'END'
		#!/usr/bin/ruby
		require "set"
		$LOAD_PATH.unshift "own"
		ENV["CHOSEN"] = "yes"
		require "late"
		puts "A: b\n\n#{TEXT}"
	END
	program first.rb <<-'END'
		#!/usr/bin/ruby
		require "json"
		require "late"
		puts "A: b\n\n#{TEXT}"
		BEGIN { $LOAD_PATH.unshift "own"; ENV["CHOSEN"] = "first" }
	END
	mkdir own
	echo 'TEXT = "wrong"' >late.rb
	echo 'TEXT = ENV["CHOSEN"] + ENV["QUERY_STRING"]' >own/late.rb
	as_without "$PWD/it.rb" QUERY_STRING=1
	[[ $output == *yes1* ]]
	as_without "$PWD/first.rb" QUERY_STRING=2
	[[ $output == *first2* ]]
}

@test "a Ruby script whose request brings what ruby reads at its start has it read" {
	program it.rb <<-'END'
		#!/usr/bin/ruby
		require "set"
		puts "A: b\n\n#{Encoding.default_external} #{$VERBOSE.inspect}"
		puts DATA.read, $stdin.read, $0, Time.at(0).hour
		__END__
		data
	END
	as_without "$PWD/it.rb" LC_ALL=C.UTF-8 RUBYOPT=-w TZ=UTC-5
	[[ $output == *'UTF-8 true\ndata\n\n'*'it.rb\n5\n'* ]]
	as_without "$PWD/it.rb" TZ=UTC-7
	[[ $output == *'US-ASCII false\ndata\n\n'*'it.rb\n7\n'* ]]
}

@test "a Ruby script that is read in another way is run as always, and never for nothing" {
	program loop.rb <<-'END'
		#!/usr/bin/ruby -n
		BEGIN { puts "A: b\n\n" }
		File.write("runs", "x", mode: "a")
		puts $_.upcase
	END
	program folder.rb <<-END
		#!/usr/bin/ruby -C/
		File.write("$PWD/runs", "x", mode: "a")
		puts "A: b\n\n#{Dir.pwd}"
	END
	cat >other.x <<-'END'
		#!/bin/sh
		exec ruby -x "$0"
		#!ruby
		File.write("runs", "x", mode: "a")
		puts "A: b\n\nother"
	END
	local name i
	serve -handler .x=/usr/bin/ruby
	for name in loop.rb folder.rb other.x; do
		: >runs
		for i in 1 2 3 4 5; do
			run -0 wire "post 1 $PWD/$name body" 'end 1' 'tell 1'
			[[ $output == *BODY* || $output == *'\n\n/\n'* ||
				$output == *other* ]]
		done
		wait_for logged "$PWD/$name: cannot be preloaded: by its options"
		[ "$(cat runs)" = xxxxx ]
	done
	[ "$(preloaded)" -eq 0 ]
}

@test "a Ruby script whose libraries have a fork of their own, or end all that trace, is never run for nothing" {
	local name
	echo 'def Process.fork = nil' >fork.rb
	echo 'ObjectSpace.each_object(TracePoint, &:disable)' >trace.rb
	serve
	for name in fork trace; do
		program it-$name <<-END
			#!/usr/bin/ruby
			require_relative "$name"
			File.write("$PWD/runs", "x\\n", mode: "a")
			puts "A: b\\n\\nhello"
		END
		rm -f runs asked
		# From its template, or the log says that it has none.
		wait_for eval 'get "$PWD/it-$name" && echo x >>asked &&
			{ logged "it-$name: is not" || [ "$(preloaded)" -gt 0 ]; }'
		[ "$(wc -l <runs)" -eq "$(wc -l <asked)" ]
	done
	logged 'cannot be preloaded: by its fork'
	[ "$(preloaded)" -gt 0 ]
}
