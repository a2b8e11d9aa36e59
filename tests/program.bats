# Which program serves a request, and what its path leaves for PATH_INFO.
bats_require_minimum_version 1.5.0
load helpers

setup() {
	here
	mkdir -p www/sub
	cp "$CGI_C/world" www/prog
	cp "$CGI_C/world" www/program
	cp "$CGI_C/world" www/sub/prog.cgi
	echo text >www/plain
}

# world_of PARAM...: what the program that serves these says of its world, a
# fact a line.
world_of() {
	wire 'begin 1' "params 1 $*" 'params 1' 'stdin 1' 'end 1' 'tell 1' |
		sed 's/\\n/\n/g'
}

# paths PARAM... -- SCRIPT_FILENAME SCRIPT_NAME PATH_INFO: what comes of them.
paths() {
	local params=()
	while [ "$1" != -- ]; do
		params+=("$1")
		shift
	done
	run -0 world_of "${params[@]}"
	grep -qxF "env SCRIPT_FILENAME=$2" <<<"$output" &&
		grep -qxF "env SCRIPT_NAME=$3" <<<"$output" || return
	if [ -n "$4" ]; then
		grep -qxF "env PATH_INFO=$4" <<<"$output"
	else
		run ! grep -q '^env PATH_INFO=.' <<<"$output"
	fi
}

# refused STATUS WORD PARAM...: the reply is STATUS, FCGI_STDERR holds WORD in
# one line, the log has it too, and the reply names no path.
refused() {
	local want=$1 word=$2 out err
	shift 2
	run -0 world_of "$@"
	out=$(grep -A 20 ' STDOUT ' <<<"$output" | sed '/STDERR/,$d')
	err=$(grep ' STDERR ' <<<"$output")
	[[ $out == *"STDOUT Status: $want"* ]] || return
	[[ $err == *"$word"* ]] || return
	logged "$word" || return
	if [[ $out == *"$BATS_TEST_TMPDIR"* ]]; then
		return 1
	fi
	grep -q '^1 END [0-9]* 0$' <<<"$output"
}

@test "SCRIPT_FILENAME names the program" {
	wrapper
	paths "SCRIPT_FILENAME=$PWD/www/prog" SCRIPT_NAME=/prog -- \
		"$PWD/www/prog" /prog ''
}

@test "without SCRIPT_FILENAME it is DOCUMENT_ROOT and SCRIPT_NAME" {
	wrapper
	paths "DOCUMENT_ROOT=$PWD/www" SCRIPT_NAME=/sub/prog.cgi -- \
		"$PWD/www/sub/prog.cgi" /sub/prog.cgi ''
	paths "DOCUMENT_ROOT=$PWD/www/" SCRIPT_NAME=/prog/more -- \
		"$PWD/www//prog" /prog /more ||
		paths "DOCUMENT_ROOT=$PWD/www/" SCRIPT_NAME=/prog/more -- \
			"$PWD/www/prog" /prog /more
}

@test "PROGRAM of the command line runs whatever the request names" {
	wrapper "$CGI_C/world" one 'two words'
	run -0 world_of SCRIPT_FILENAME=/no/such SCRIPT_NAME=/no PATH_INFO=/x
	grep -qxF 'argv[1]=one' <<<"$output"
	grep -qxF 'argv[2]=two words' <<<"$output"
	grep -qxF 'env PATH_INFO=/x' <<<"$output"
	run -0 world_of A=B
	grep -qxF 'env A=B' <<<"$output"
}

@test "what follows the first existing file is PATH_INFO (RFC 3875 4.1.5)" {
	wrapper
	local f=$PWD/www
	paths "SCRIPT_FILENAME=$f/prog/a/b" SCRIPT_NAME=/prog/a/b -- \
		"$f/prog" /prog /a/b
	paths "SCRIPT_FILENAME=$f/sub/prog.cgi/a" SCRIPT_NAME=/x/prog.cgi/a -- \
		"$f/sub/prog.cgi" /x/prog.cgi /a
	paths "SCRIPT_FILENAME=$f/prog/" SCRIPT_NAME=/prog/ -- \
		"$f/prog" /prog /
	paths "SCRIPT_FILENAME=$f/prog//a//" SCRIPT_NAME=/prog//a// -- \
		"$f/prog" /prog //a//
}

@test "a program whose name begins like another's is its own" {
	wrapper
	local f=$PWD/www
	paths "SCRIPT_FILENAME=$f/program/x" SCRIPT_NAME=/program/x -- \
		"$f/program" /program /x
	paths "SCRIPT_FILENAME=$f/prog/ram" SCRIPT_NAME=/prog/ram -- \
		"$f/prog" /prog /ram
	refused 404 programme "SCRIPT_FILENAME=$f/programme"
}

@test "percent signs, blanks, newlines, UTF-8 and dots in PATH_INFO stay as they came" {
	wrapper
	local f=$PWD/www info
	for info in '/%2e%2e/%00' '/a\sb' '/é/ü' '/../../etc' '/a/./b' '/*?[x]' \
		'/;ls|&$HOME' '/+=&'; do
		paths "SCRIPT_FILENAME=$f/prog$info" "SCRIPT_NAME=/prog$info" \
			-- "$f/prog" /prog "${info//\\s/ }"
	done
	run -0 wire 'begin 1' "params 1 SCRIPT_FILENAME=$f/prog/a\\nb" \
		'params 1' 'stdin 1' 'end 1' 'tell 1'
	[[ $output == *'PATH_INFO=/a\nb\n'* ]]
}

@test "a program's own name may have blanks, newlines, percent signs, UTF-8 and quotes" {
	wrapper
	local name
	for name in 'a b' 'é' '50%' "it's" '"q"' '-rf' '$x' '*'; do
		cp "$CGI_C/world" "www/$name"
		paths "SCRIPT_FILENAME=$PWD/www/${name// /\\s}/x" \
			"SCRIPT_NAME=/${name// /\\s}/x" -- \
			"$PWD/www/$name" "/$name" /x
	done
	cp "$CGI_C/world" www/$'new\nline'
	run -0 wire 'begin 1' "params 1 SCRIPT_FILENAME=$PWD/www/new\\nline" \
		'params 1' 'stdin 1' 'end 1' 'tell 1'
	[[ $output == *'1 END 0 0'* ]]
}

@test "PATH_TRANSLATED is DOCUMENT_ROOT and PATH_INFO (RFC 3875 4.1.6)" {
	wrapper
	run -0 world_of "DOCUMENT_ROOT=$PWD/www" \
		"SCRIPT_FILENAME=$PWD/www/prog/a/b" SCRIPT_NAME=/prog/a/b
	grep -qxF "env PATH_TRANSLATED=$PWD/www/a/b" <<<"$output"
}

@test "a PATH_INFO that the server sent for an existing file stays as sent" {
	wrapper
	paths "SCRIPT_FILENAME=$PWD/www/prog" SCRIPT_NAME=/prog \
		PATH_INFO=/other -- "$PWD/www/prog" /prog /other
}

@test "Apache's proxy:fcgi:// prefix on SCRIPT_FILENAME is taken off" {
	wrapper
	paths "SCRIPT_FILENAME=proxy:fcgi://localhost$PWD/www/prog" \
		SCRIPT_NAME=/prog -- "$PWD/www/prog" /prog ''
	paths "SCRIPT_FILENAME=proxy:fcgi://127.0.0.1:9000$PWD/www/prog/x" \
		SCRIPT_NAME=/prog/x -- "$PWD/www/prog" /prog /x
}

@test "behind Apache's prefix a path that SCRIPT_NAME shows to be encoded is decoded, but no slash, dot or NUL" {
	wrapper -root "$PWD/www"
	local to="SCRIPT_FILENAME=proxy:fcgi://localhost$PWD/www" f=$PWD/www
	cp "$CGI_C/world" 'www/a b'
	paths "$to/prog/%C3%A9%20%zz%" 'SCRIPT_NAME=/p/prog/é\s%zz%' -- \
		"$f/prog" /p/prog '/é %zz%'
	paths "$to/a%20b" 'SCRIPT_NAME=/p/a\sb' -- "$f/a b" '/p/a b' ''
	# Where its end has nothing encoded.
	paths "$to/a%20b/x" 'SCRIPT_NAME=/p/a\sb/x' -- "$f/a b" '/p/a b' /x
	paths "$to/prog/%2e%2F%00%20" 'SCRIPT_NAME=/p/prog/%2e%2F%00\s' -- \
		"$f/prog" /p/prog '/%2e%2F%00 '
	refused 404 "$f/%2e%2e/www/prog" "$to/%2e%2e/www/prog" SCRIPT_NAME=/x
	refused 404 "$f/sub%2Fprog.cgi" "$to/sub%2Fprog.cgi" SCRIPT_NAME=/x
	# Not encoded: SCRIPT_NAME ends as the path does, or is not there.
	paths "$to/prog/a%20b" SCRIPT_NAME=/p/prog/a%20b -- \
		"$f/prog" /p/prog /a%20b
	refused 404 "$f/a%20b" "$to/a%20b" SCRIPT_NAME=/p/a%20b
	refused 404 "$f/a%20b" "$to/a%20b" SCRIPT_NAME=/p/a%20b.html
	refused 404 "$f/a%20b" "$to/a%20b"
	# Called otherwise outside: it cannot be told.
	refused 404 "$f/a%20b" "$to/a%20b" SCRIPT_NAME=/other
	refused 404 "$f/pro%67" "$to/pro%67" SCRIPT_NAME=/x/pro%67/g
	refused 404 "$f/a%20b" "SCRIPT_FILENAME=$f/a%20b" 'SCRIPT_NAME=/a\sb'
}

@test "a decoded path is held to -root and -allow as any other" {
	mkdir outside
	cp "$CGI_C/world" outside/prog
	ln -s "$PWD/outside" 'www/o t'
	wrapper -root "$PWD/www" -allow "$PWD/www/prog"
	local to="SCRIPT_FILENAME=proxy:fcgi://localhost$PWD/www"
	refused 403 -root "$to/o%20t/prog" 'SCRIPT_NAME=/o\st/prog'
	cp "$CGI_C/world" 'www/a b'
	refused 403 -allow "$to/a%20b" 'SCRIPT_NAME=/a\sb'
}

@test "SCRIPT_NAME stays where the server sends PATH_INFO beside it and both are the same" {
	wrapper
	cp "$CGI_C/world" www/git
	paths "SCRIPT_FILENAME=$PWD/www/git/git" SCRIPT_NAME=/git \
		PATH_INFO=/git -- "$PWD/www/git" /git /git
	# Of the two in one it is the last part.
	paths "SCRIPT_FILENAME=$PWD/www/git/git" SCRIPT_NAME=/git/git \
		PATH_INFO=/git -- "$PWD/www/git" /git /git
	paths "SCRIPT_FILENAME=$PWD/www/git/git" SCRIPT_NAME=/git -- \
		"$PWD/www/git" '' /git
}

@test "no name at all, a relative one, an empty one, one with a NUL: refused, with the variable's name" {
	wrapper
	refused 403 'neither SCRIPT_FILENAME nor' A=B
	refused 403 'www/prog: SCRIPT_FILENAME is not an absolute path' \
		SCRIPT_FILENAME=www/prog
	refused 403 '(empty): SCRIPT_FILENAME is not' SCRIPT_FILENAME=
	refused 403 '(empty): SCRIPT_FILENAME is not' SCRIPT_FILENAME= \
		"DOCUMENT_ROOT=$PWD/www" SCRIPT_NAME=/prog
	refused 403 'neither SCRIPT_FILENAME nor' \
		"SCRIPT_FILENAME=$PWD/www/prog\\0.cgi"
}

@test "a program that is not there is a 404 that says which part of the path failed" {
	wrapper
	refused 404 "$PWD/www/nothing: no such program ($PWD/www is there" \
		"SCRIPT_FILENAME=$PWD/www/nothing"
	refused 404 "($PWD is there" "SCRIPT_FILENAME=$PWD/no/such/thing"
	refused 404 '/no/such/thing: no such program' \
		SCRIPT_FILENAME=/no/such/thing
}

@test "a folder, a file that is not executable, a device: 403" {
	wrapper
	refused 403 "$PWD/www/sub" "SCRIPT_FILENAME=$PWD/www/sub"
	! exec_tells ||
		refused 403 "$PWD/www/plain" "SCRIPT_FILENAME=$PWD/www/plain"
	refused 403 /dev/null SCRIPT_FILENAME=/dev/null
	mkfifo www/fifo
	chmod +x www/fifo
	refused 403 "$PWD/www/fifo" "SCRIPT_FILENAME=$PWD/www/fifo"
}

@test "a permission that is missing is a 403, and the log says whose: -user's, or a number" {
	[ "$(id -u)" -eq 0 ] || return 0
	exec_tells || return 0
	mkdir www/shut
	cp "$CGI_C/world" www/shut
	chmod 700 www/shut www/prog
	wrapper -user daemon -mode 0666
	refused 403 '(user daemon) may not enter' \
		"SCRIPT_FILENAME=$PWD/www/shut/world"
	refused 403 '(user daemon) may not execute' \
		"SCRIPT_FILENAME=$PWD/www/prog"
	stop_wrapper
	rm -f "$SOCK"
	chmod 777 .
	start wrapper setpriv --reuid 61234 --clear-groups "$CGI_FCGI" \
		-listen "$SOCK"
	wait_for listens "$SOCK"
	refused 403 '(user 61234) may not enter' \
		"SCRIPT_FILENAME=$PWD/www/shut/world"
}

@test "a path of 5000 bytes is refused, not cut" {
	wrapper
	local long
	long=$(printf '/x%.0s' {1..2500})
	run -0 world_of "SCRIPT_FILENAME=$PWD/www/prog$long" SCRIPT_NAME=/p
	[[ $output == *'STDOUT Status: '* || $output == *"PATH_INFO=$long"* ]]
}

@test "exec's failures are 500s, each told apart in the log" {
	wrapper
	program www/nointerp <<<'#!/no/such/interpreter'
	program www/crlf < <(printf '#!/bin/sh\r\necho\r\n')
	program www/nobang <<<'echo hello'
	program www/empty </dev/null
	program www/bom < <(printf '\xef\xbb\xbf#!/bin/sh\necho\n')
	# e_machine of another kind: bytes 18 and 19.
	cp "$CGI_C/world" www/foreign
	printf '\xf0\xf0' | dd of=www/foreign bs=1 seek=18 conv=notrunc \
		status=none
	exec_tells || return 0
	refused 500 /no/such/interpreter "SCRIPT_FILENAME=$PWD/www/nointerp"
	refused 500 CR "SCRIPT_FILENAME=$PWD/www/crlf" ||
		refused 500 carriage "SCRIPT_FILENAME=$PWD/www/crlf"
	refused 500 '#!' "SCRIPT_FILENAME=$PWD/www/nobang"
	refused 500 "$PWD/www/empty" "SCRIPT_FILENAME=$PWD/www/empty"
	refused 500 'byte order mark' "SCRIPT_FILENAME=$PWD/www/bom"
	refused 500 'another kind of machine' "SCRIPT_FILENAME=$PWD/www/foreign"
	[ "$(sort -u wrapper.log | grep -c "$PWD/www")" -ge 4 ]
}

@test "-root runs only what lies below it when every link is resolved" {
	mkdir outside
	cp "$CGI_C/world" outside/prog
	ln -s "$PWD/outside/prog" www/out
	ln -s ../outside www/outdir
	ln -s prog www/in
	ln -s "$PWD/www/prog" outside/in
	cp -r www www2
	wrapper -root "$PWD/www"
	paths "SCRIPT_FILENAME=$PWD/www/in/x" SCRIPT_NAME=/in/x -- \
		"$PWD/www/in" /in /x ||
		paths "SCRIPT_FILENAME=$PWD/www/in/x" SCRIPT_NAME=/in/x -- \
			"$PWD/www/prog" /in /x
	refused 403 outside "SCRIPT_FILENAME=$PWD/www/out"
	refused 403 outside "SCRIPT_FILENAME=$PWD/www/outdir/prog"
	refused 403 outside "SCRIPT_FILENAME=$PWD/www/../outside/prog"
	refused 403 root "SCRIPT_FILENAME=$PWD/www2/prog"
	refused 403 root SCRIPT_FILENAME=/bin/sh
	run -0 world_of "SCRIPT_FILENAME=$PWD/outside/in"
	[[ $output == *'argv[0]'* ]]
}

@test "-root may be a link itself, or have a slash at its end" {
	ln -s www rootlink
	wrapper -root "$PWD/rootlink/"
	run -0 world_of "SCRIPT_FILENAME=$PWD/www/prog"
	[[ $output == *'argv[0]'* ]]
	run -0 world_of "SCRIPT_FILENAME=$PWD/rootlink/prog/x"
	[[ $output == *'PATH_INFO=/x'* ]]
}

@test "-root holds while a link in the path is changed under it" {
	mkdir outside
	program outside/prog <<<$'#!/bin/sh\nprintf "A: b\n\nESCAPED"'
	program www/sub/prog <<<$'#!/bin/sh\nprintf "A: b\n\nINSIDE"'
	wrapper -root "$PWD/www"
	start swapper sh -c 'while :; do
		ln -sfn "$0/outside" www/dir
		ln -sfn "$0/www/sub" www/dir
	done' "$PWD"
	local i
	{
		for i in {1..300}; do
			echo "get $i $PWD/www/dir/prog"
			echo "end $i"
		done
		echo 'ends 300'
		echo "tell $(echo {1..300})"
	} >script
	wire - <script >answers
	stop swapper
	grep -q INSIDE answers
	# It was swapped while this was asked.
	grep -q 'outside the folder given by -root' answers
	run ! grep -q ESCAPED answers
}

@test "-allow runs only the programs it names" {
	wrapper -allow "$PWD/www/prog" -allow "$PWD/www/sub/prog.cgi"
	paths "SCRIPT_FILENAME=$PWD/www/prog/x" SCRIPT_NAME=/prog/x -- \
		"$PWD/www/prog" /prog /x
	paths "SCRIPT_FILENAME=$PWD/www/sub/prog.cgi" SCRIPT_NAME=/p -- \
		"$PWD/www/sub/prog.cgi" /p ''
	refused 403 allow "SCRIPT_FILENAME=$PWD/www/program"
}

@test "-handler runs its program with the script as argument; the script needs no x bit" {
	cat >www/script.pl <<-'END'
		print "A: b\n\nperl $0 ", join(',', @ARGV), " $ENV{PATH_INFO}\n";
	END
	wrapper -handler .pl=/usr/bin/perl
	run -0 world_of "SCRIPT_FILENAME=$PWD/www/script.pl/x" \
		SCRIPT_NAME=/script.pl/x
	[[ $output == *"perl $PWD/www/script.pl  /x"* ]]
	paths "SCRIPT_FILENAME=$PWD/www/prog" SCRIPT_NAME=/p -- \
		"$PWD/www/prog" /p ''
	! exec_tells ||
		refused 403 "$PWD/www/plain" "SCRIPT_FILENAME=$PWD/www/plain"
	refused 404 "$PWD/www/no.pl" "SCRIPT_FILENAME=$PWD/www/no.pl"
}

@test "the program runs in its own folder" {
	wrapper
	run -0 world_of "SCRIPT_FILENAME=$PWD/www/sub/prog.cgi/a"
	grep -qxF "cwd=$PWD/www/sub" <<<"$output"
}

@test "a program is there again as soon as it is installed" {
	wrapper
	refused 404 "$PWD/www/new" "SCRIPT_FILENAME=$PWD/www/new"
	cp "$CGI_C/world" www/new
	paths "SCRIPT_FILENAME=$PWD/www/new" SCRIPT_NAME=/new -- \
		"$PWD/www/new" /new ''
}

@test "links that lead in a circle, and a name longer than any file has, are a 404" {
	wrapper
	ln -s round www/round
	refused 404 "$PWD/www/round" "SCRIPT_FILENAME=$PWD/www/round"
	refused 404 "$PWD/www" \
		"SCRIPT_FILENAME=$PWD/www/$(printf 'x%.0s' {1..300})"
}

@test "a program that somebody has open for writing is a 500 that says so" {
	exec_tells || return 0
	wrapper
	cp /bin/true www/busy
	exec 6<>www/busy
	refused 500 'open for writing' "SCRIPT_FILENAME=$PWD/www/busy"
	exec 6>&-
}

@test "an interpreter that may not be executed is a 500 that says so" {
	[ "$(id -u)" -eq 0 ] || return 0
	exec_tells || return 0
	cp "$CGI_C/world" interpreter
	chmod 644 interpreter
	program www/script <<<"#!$PWD/interpreter"
	wrapper
	refused 500 "#!$PWD/interpreter: its interpreter may not be executed" \
		"SCRIPT_FILENAME=$PWD/www/script"
}

@test "names that no server should send: refused, each" {
	wrapper
	refused 403 'not an absolute path' SCRIPT_FILENAME=proxy:nonsense
	refused 403 'not an absolute path' SCRIPT_FILENAME=proxy:fcgi://host
	refused 403 SCRIPT_NAME "DOCUMENT_ROOT=$PWD/www"
	refused 403 'not an absolute path' DOCUMENT_ROOT= SCRIPT_NAME=
	refused 404 'no such program' SCRIPT_FILENAME=/no-such-program
	refused 403 'a folder' SCRIPT_FILENAME=/
}

@test "a program whose file the system does not give yet holds nobody else up" {
	goes_on || return 0
	wrapper
	cp "$CGI/hello" late
	leases "$PWD/late"
	run -0 wire 'timeout 20' "get 1 $PWD/late" "get 2 $CGI/hello" 'end 2' \
		"create $PWD/go" 'end 1' 'tell 1 2'
	[[ $output == *'1 STDOUT Content-Type'*'2 STDOUT Content-Type'* ]]
}

@test "a program whose file the system does not give yet holds nobody else up among many that start at once" {
	goes_on || return 0
	wrapper
	cp "$CGI/hello" late
	leases "$PWD/late"
	local i n id=0 asks=() ends=() late=()
	# Of eight places each that is late takes one.
	for n in 8 7 6 5 4 3 2; do
		for ((i = 0; i < n; i++)); do
			asks+=("get $((++id)) $CGI/hello")
			ends+=("end $id")
		done
		asks+=("get $((++id)) $PWD/late")
		late+=("end $id")
	done
	# It starts all of them in one turn, before they run.
	taskset -cp 0 "$WRAPPER"
	kill -STOP "$WRAPPER"
	start asker "$BUILD/wire" "$SOCK" 'timeout 60' "${asks[@]}" \
		"create $PWD/asked" "${ends[@]}" "create $PWD/go" "${late[@]}"
	wait_for [ -e asked ]
	kill -CONT "$WRAPPER"
	PATIENCE=60 ended asker
	[ "$STATUS" -eq 0 ]
}

@test "of programs whose files the system does not give yet none holds up the wrapper: who comes after eight waits its turn" {
	goes_on || return 0
	wrapper -status /status
	cp "$CGI/hello" late
	leases "$PWD/late"
	local i asks=() ends=()
	for i in {1..9}; do
		asks+=("get $i $PWD/late")
		ends+=("end $i")
	done
	start asker "$BUILD/wire" "$SOCK" 'timeout 60' "${asks[@]}" \
		"get 10 $CGI/hello" "${ends[@]}" 'end 10'
	two_wait() {
		"$CGI_FCGI" -connect "$SOCK" -url /status -timeout 3 |
			grep -qx 'queued: 2'
	}
	wait_for two_wait
	touch go
	ended asker
	[ "$STATUS" -eq 0 ]
}

@test "a program that has not begun yet holds none of the pipes of others" {
	goes_on || return 0
	# Beside valgrind each is waited for.
	[ "${INSTRUMENTED:-}" != valgrind ] || return 0
	wrapper
	cp "$CGI/hello" late
	leases "$PWD/late"
	start asker "$BUILD/wire" "$SOCK" 'timeout 60' "get 1 $PWD/late" \
		"get 2 $PWD/late" 'end 1' 'end 2' 'tell 1 2'
	three_each() {
		local pid
		[ "$(for pid in $(beginning); do
			ls "/proc/$pid/fd"
		done | sort | uniq -c | xargs)" = '2 0 2 1 2 2' ]
	}
	wait_for three_each
	touch go
	ended asker
	[ "$STATUS" -eq 0 ]
}

@test "a request that is aborted before its program could begin leaves nothing" {
	goes_on || return 0
	wrapper -grace 0.5
	cp "$CGI/hello" late
	leases "$PWD/late"
	run -0 wire "get 1 $PWD/late" "get 2 $CGI/hello" 'end 2' 'abort 1' \
		'end 1' 'tell 1'
	[[ $output == *'1 END 143 0'* ]]
	nothing_left() {
		[ -z "$(beginning)$(programs_of "$WRAPPER")" ]
	}
	wait_for nothing_left
	touch go
}

@test "a start that lasts wakes the wrapper ever less often" {
	goes_on || return 0
	wrapper
	cp "$CGI/hello" late
	leases "$PWD/late"
	start asker "$BUILD/wire" "$SOCK" 'timeout 60' "get 1 $PWD/late" \
		'end 1' 'tell 1'
	start strace strace -qq -e trace=epoll_wait,epoll_pwait -o trace \
		-p "$WRAPPER"
	wait_for grep -Eq ', [5-9][0-9]{2}(, NULL, 8)?\)' trace
	touch go
	wait_for gone "$(cat asker.pid)"
	grep -q "1 END 0 0" asker.log
}

# filtered CALL INSTRUCTIONS: a wrapper, and what of that call (of clone or
# set_tid_address) four instructions of seccomp(2) say.
filtered() {
	start wrapper perl -e '
		my ($name, $rest, @command) = @ARGV;
		my $here = `uname -m` =~ /x86/ ? 0 : 1;
		my %call = (clone => [56, 220], set_tid_address => [218, 96]);
		my $code = pack "(SCCL)*", 0x20, 0, 0, 0,
			0x15, 0, 4, $call{$name}[$here], eval $rest,
			6, 0, 0, 0x7fff0000;
		my $prctl = $here ? 167 : 157;
		syscall($prctl, 38, 1, 0, 0, 0) == 0 or die "$!";
		syscall($prctl, 22, 2, pack "Sx![P]P", 7, $code) == 0 or
			die "$!";
		exec @command' "$1" "$2" "$CGI_FCGI" -listen "$SOCK"
	wait_for listens "$SOCK"
	WRAPPER=$(cat wrapper.pid)
}

@test "where a process beside the wrapper is unknown, as in some sandboxes, programs are waited for" {
	# CLONE_VM without CLONE_VFORK: EINVAL.
	filtered clone '(0x20, 0, 0, 16, 0x45, 0, 2, 0x100, 0x45, 1, 0, 0x4000,
		6, 0, 0, 0x50016)'
	local i
	for i in 1 2 3; do
		run -0 get "$CGI/hello"
		[[ $output == *'1 STDOUT Content-Type'* ]]
	done
}

@test "where the system does not tell that a program has begun, as gVisor, its end does" {
	# It succeeds, and nothing is done.
	filtered set_tid_address '(6, 0, 0, 0x50000) x 4'
	pipes() {
		find "/proc/$WRAPPER/fd" -lname 'pipe:*' | wc -l
	}
	before=$(pipes)
	all_over() { [ "$(pipes)" -eq "$before" ]; }
	local i
	for i in 1 2 3; do
		run -0 get "$CGI/hello"
		[[ $output == *'1 STDOUT Content-Type'* ]]
	done
	wait_for all_over
}
