# The bridge changes nothing: every byte, in both directions, of any size, with
# flat memory, at the moment that it comes.
bats_require_minimum_version 1.5.0
load helpers
load bridge

bridge_peak() {
	memory_counts || return 0
	[ "$1" -lt "$2" ] || {
		echo "peak memory $1 KiB" >&2
		return 1
	}
}

# cgi NAME=VALUE...: as a CGI program, with exactly these variables.
cgi() {
	env -i "$@" "$CGI_FCGI" -bind -connect "$SOCK" 3>&-
}

@test "variables' bytes are as they are: empty, newlines, not UTF-8, =, 127 and 128 bytes" {
	app
	local n127 n128
	n127=$(printf 'x%.0s' {1..127})
	n128=$(printf 'y%.0s' {1..128})
	cgi DO=env EMPTY= $'LINES=a\nb\n\nc' BYTES=$'\xff\xfe\x01\x7f' 'EQUAL==a=b=' "L127=$n127" "L128=$n128" \
		"$n127=1" "$n128=2" | tr '\0' '\001' >got
	local want
	for want in EMPTY= $'BYTES=\xff\xfe\x01\x7f' 'EQUAL==a=b=' "L127=$n127" \
		"L128=$n128" "$n127=1" "$n128=2"; do
		grep -aqF "$want" got || return
	done
	tr '\n' '\002' <got | grep -aqF $'LINES=a\002b\002\002c\001'
}

@test "values of 64 KiB to 1 MiB to a libfcgi application; -f has room for them" {
	app
	local size
	for size in 65000 65520 65535 65536 131000 1048576; do
		{
			printf '#! the arguments\n-connect %s -url / -env DO=env\n' \
				"$SOCK"
			printf -- '-env "BIG='
			head -c $size /dev/zero | tr '\0' z
			printf '"\n-env LAST=1'
		} >words
		"$CGI_FCGI" -f words | tr '\0' '\n' >got
		[ "$(grep '^BIG=' got | tr -d '\n' | wc -c)" -eq $((size + 4)) ] &&
			grep -qx LAST=1 got || return
	done
}

@test "no pair is cut over two records unless it fits in none" {
	bad params stdin 'out A: b\n\n' 'end 0'
	local variables=() i big
	for i in {1..600}; do
		variables+=("NAME_$i=$(printf '%*s' $((i % 200)) '')")
	done
	big=$(printf '%060000d' 0)
	cgi "${variables[@]}" "BIG=$big" "BIG2=$big" "BIG3=$big" AFTER=1
	[ "$(grep -c 'FCGI_PARAMS.*whole' seen)" -ge 4 ]
	run ! grep cut seen
	stop bad
	# One of 70,000: alone in two records, those around it whole.
	bad params stdin 'out A: b\n\n' 'end 0'
	cgi BEFORE=1 "HUGE=$(printf '%070000d' 0)" AFTER=1
	[ "$(grep -c cut seen)" -eq 1 ]
	[ "$(grep -c whole seen)" -eq 3 ]
}

@test "every size of a pair around a record's end goes through" {
	app
	local n fill
	fill=$(printf '%065000d' 0)
	for n in {505..545} {65500..65540}; do
		printf -- '-connect %s -url / -env DO=env -env F=%s -env "P=%s"' \
			"$SOCK" "$fill" "$(printf "%0${n}d" 0)" >words
		"$CGI_FCGI" -f words | tr '\0' '\n' >got
		[ "$(grep -c -e '^F=0*$' -e '^P=0*$' got)" -eq 2 ] &&
			[ "$(grep '^P=' got | tr -d '\n' | wc -c)" -eq $((n + 2)) ] ||
			return
	done
}

@test "bodies of 0, 1, 65527 to 65537 bytes and 1 MiB come back as they were" {
	app
	local n
	for n in 0 1 7 8 65527 65528 65529 65535 65536 65537 1048576; do
		head -c $n /dev/urandom >sent
		cgi DO=echo CONTENT_LENGTH=$n <sent >got
		tail -c +29 got | cmp - sent || return
	done
}

@test "never more than CONTENT_LENGTH is read from stdin; nothing without it" {
	app
	{
		cgi DO=echo CONTENT_LENGTH=5 >got
		cat >rest
	} < <(printf 'helloREST')
	grep -q 'hello$' got
	[ "$(cat rest)" = REST ]
	{
		cgi DO=echo >got
		cgi DO=echo CONTENT_LENGTH= >>got
		cgi DO=echo CONTENT_LENGTH=0 >>got
		cat >rest
	} < <(printf 'untouched')
	[ "$(cat rest)" = untouched ]
}

@test "a byte that is written to stdin is sent on at once, a byte that comes back is printed at once" {
	wrapper
	mkfifo in out
	env -i REQUEST_METHOD=POST CONTENT_LENGTH=4 \
		SCRIPT_FILENAME="$CGI/echo" \
		"$CGI_FCGI" -connect "$SOCK" -content <in >out 3>&- &
	exec 7>in 8<out
	local c got
	for c in a b c d; do
		printf %s $c >&7
		LC_ALL=C IFS= read -r -t 10 -n 1 got <&8
		[ "$got" = $c ] || return
	done
	exec 7>&-
	wait $!
	exec 8<&-
}

@test "a reply of 1 GiB: every byte, memory flat" {
	app
	env -i DO=pour=1073741824 sh -c \
		'"$1" -connect "$2" -content & pid=$!
		while kill -0 $pid 2>/dev/null; do
			sed -n "s/^VmHWM:[^0-9]*\([0-9]*\).*/\1/p" /proc/$pid/status >>peak
			sleep 0.1
		done; wait $pid' sh "$CGI_FCGI" "$SOCK" 3>&- 2>/dev/null | wc -c >count
	[ "$(cat count)" -eq 1073741824 ]
	bridge_peak "$(sort -n peak | tail -n 1)" 4000
}

@test "a body of 1 GiB: every byte, memory flat" {
	app
	truncate -s 1073741824 body
	env -i DO=sum CONTENT_LENGTH=1073741824 "$CGI_FCGI" -connect "$SOCK" \
		-content <body >got 3>&- &
	local pid=$! peak=0
	while kill -0 $pid 2>/dev/null; do
		peak=$(peak_kib $pid 2>/dev/null) || :
		echo "${peak:-0}" >>peaks
		sleep 0.1
	done
	wait $pid
	[ "$(cut -d ' ' -f 1 got)" -eq 1073741824 ]
	bridge_peak "$(sort -n peaks | tail -n 1)" 4000
}

@test "both ways at once: an echo of 64 MiB through pipes of a host that first writes" {
	wrapper
	head -c 67108864 /dev/urandom >sent
	# The host's own pipes: nobody reads stdout before all is written, as
	# far as the program lets it.
	env -i REQUEST_METHOD=POST CONTENT_LENGTH=67108864 \
		SCRIPT_FILENAME="$CGI/echo" "$CGI_FCGI" -connect "$SOCK" \
		-content < <(cat sent) 3>&- | cmp - sent
}

@test "the body goes on while stdout is full: a host that reads nothing before it has written all" {
	bad params 'fill 150000' stdin 'out done' 'end 0'
	head -c 3000000 /dev/zero >sent
	mkfifo out
	exec 7<>out
	env -i CONTENT_LENGTH=3000000 "$CGI_FCGI" -connect "$SOCK" <sent >&7 \
		3>&- &
	wait_for saw 'FCGI_STDIN 1 0'
	head -c 150004 <&7 | wc -c >count
	wait $!
	exec 7>&-
	[ "$(cat count)" -eq 150004 ]
}

@test "without a header, with binary, with any bytes: printed as it came" {
	app
	head -c 100000 /dev/urandom >sent
	cgi DO=echo CONTENT_LENGTH=100000 <sent | tail -c 100000 | cmp - sent
	[ "$(cgi DO=bare=anything)" = anything ]
}

@test "stderr goes to stderr, byte for byte and in order" {
	bad params stdin 'err one ' 'err two\n' 'out A: b\n\nbody' \
		'err \xff\x01three' 'end 0'
	cgi A=b >out 2>err
	printf 'one two\n\xff\x01three' | cmp - err
	[ "$(tail -n 1 out)" = body ]
}

@test "started with any of fd 0, 1 and 2 closed it does what it can" {
	bare || return 0
	app
	run -0 eval 'url /?x <&-'
	[ "$output" = 'hello x' ]
	run -7 eval 'url /?exit=7 >&-'
	[ -z "$output" ]
	run -0 eval 'url /?err=gone 2>&-'
	[ "$output" = err ]
	run -7 eval 'url /?exit=7 <&- >&- 2>&-'
	run -7 eval 'ADDR=/no/thing url / <&- >&- 2>&-'
	run -26 eval 'cgi DO=sum CONTENT_LENGTH=3 <&- 2>/dev/null'
}

@test "started with a thousand inherited descriptors" {
	app
	run -0 perl -e 'use POSIX; $^F = 100000;
		POSIX::dup2(0, $_) for 10 .. 1000;
		exec @ARGV' "$CGI_FCGI" -connect "$SOCK" -url /?x
	[ "$output" = 'hello x' ]
}

@test "a non-blocking stdout and stdin" {
	app
	perl -e 'use Fcntl; for (*STDIN, *STDOUT) {
			fcntl($_, F_SETFL, fcntl($_, F_GETFL, 0) | O_NONBLOCK) or die }
		exec @ARGV' env -i DO=echo CONTENT_LENGTH=3000000 \
		"$CGI_FCGI" -connect "$SOCK" -content \
		< <(head -c 1500000 /dev/zero; sleep 0.2; head -c 1500000 /dev/zero) \
		3>&- | { sleep 0.3; wc -c; } >count
	[ "$(cat count)" -eq 3000000 ]
}

@test "stdout's flags are left alone: whoever shares it is not made non-blocking" {
	app
	{
		cgi DO=pour=200000
		perl -e 'use Fcntl; exit(fcntl(STDOUT, F_GETFL, 0) & O_NONBLOCK ? 1 : 0)'
		echo $? >flags
	} | cat >/dev/null
	[ "$(cat flags)" -eq 0 ]
}

# old_kernel [ARG...]: the bridge where pwritev2(2) cannot be asked not to wait.
old_kernel() {
	# Who is traced cannot be searched for leaks.
	ASAN_OPTIONS="${ASAN_OPTIONS:-}:detect_leaks=0" strace -qq -o /dev/null -e inject=pwritev2:error=EOPNOTSUPP \
		"$CGI_FCGI" -connect "$SOCK" "$@" 3>&-
}

@test "kernels before 6.4, which cannot write to a pipe without waiting: the same" {
	app
	old_kernel -url '/?pour=3000000' | { sleep 0.2; wc -c; } >count
	[ "$(cat count)" -eq 3000000 ]
	mkfifo out
	exec 7<>out
	run -28 eval 'old_kernel -url "/?pour=3000000" -timeout 0.4 >&7'
	exec 7>&-
	stop app
	bad 'fill 150000' stdin 'out done' 'end 0'
	head -c 3000000 /dev/zero >sent
	exec 7<>out
	old_kernel -url / -body sent >&7 &
	wait_for saw 'FCGI_STDIN 1 0'
	head -c 150004 <&7 | wc -c >count
	wait $!
	exec 7>&-
	[ "$(cat count)" -eq 150004 ]
}

@test "sockets as stdin and stdout, as some servers have them" {
	app
	head -c 500000 /dev/urandom >sent
	socat -t 20 - "EXEC:env -i DO=echo CONTENT_LENGTH=500000 '$CGI_FCGI' -connect '$SOCK' -content" \
		<sent >got
	cmp sent got
}

@test "a terminal as stdout" {
	app
	script -qec "'$CGI_FCGI' -connect '$SOCK' -url '/?pour=100000'" /dev/null \
		</dev/null 3>&- | tr -d '\r\n' | wc -c >count
	[ "$(cat count)" -eq 100000 ]
}

@test "the master of a terminal as stdout" {
	app
	run -0 python3 -c 'if True:
		import os, subprocess, sys, tty
		master, slave = os.openpty()
		tty.setraw(slave)
		done = subprocess.run(sys.argv[1:], stdout=master)
		os.set_blocking(slave, False)
		print(done.returncode, os.read(slave, 99).decode(), end="")
		' "$CGI_FCGI" -connect "$SOCK" -url '/?x' 3>&-
	[ "$output" = '0 hello x' ]
}

@test "at a terminal, where the environment is no request, a line says what makes one" {
	app
	on_terminal() {
		script -qec "env -i $1 '$CGI_FCGI' -connect '$SOCK' $2" \
			/dev/null </dev/null 3>&-
	}
	hint='no request in the environment: -url PATH makes one'
	run on_terminal '' ''
	[[ $output == *"cgi-fcgi: $SOCK: $hint"* ]]
	local words
	for words in ' -url /' 'REQUEST_METHOD=GET ' 'GATEWAY_INTERFACE=CGI/1.1 ' \
		' -env DO=env' ' -values'; do
		run on_terminal "${words%% *}" "${words#* }"
		# What the application, or who knows its values, has said.
		[[ $output == *hello* || $output == *FCGI_M* || $output == *DO=env* ]]
		[[ $output != *"$hint"* ]]
	done
	run -0 --separate-stderr env -i "$CGI_FCGI" -connect "$SOCK"
	[ -z "$stderr" ]
}

@test "a chunked request has its body taken in first and sent with its length" {
	app
	head -c 300000 /dev/urandom >sent
	cat sent | cgi HTTP_TRANSFER_ENCODING=Chunked DO=echo | tail -c 300000 |
		cmp - sent
	cgi HTTP_TRANSFER_ENCODING=chunked DO=env <sent | tr '\0' '\n' >got
	grep -qx CONTENT_LENGTH=300000 got
	run ! grep -q TRANSFER_ENCODING got
	export TMPDIR=/no/such/folder
	run -26 --separate-stderr env -i TMPDIR=/no/such \
		HTTP_TRANSFER_ENCODING=chunked "$CGI_FCGI" -connect "$SOCK" <sent
	[[ $stderr == *'temporary file'* ]]
}

@test "fifty bridges at once, each with its own body" {
	app 4
	local i
	for i in {1..50}; do
		head -c $((i * 5000)) /dev/urandom >"sent$i"
	done
	seq 1 50 | xargs -P 20 -I {} sh -c \
		'"$1" -connect "$2" -url / -env DO=echo -body sent{} >got{}' \
		sh "$CGI_FCGI" "$SOCK" 3>&-
	for i in {1..50}; do
		cmp "sent$i" "got$i" || return
	done
}

@test "-f FILE: blanks, tabs, CRLF, quotes, comments, no newline at the end" {
	app
	printf '#!/usr/bin/cgi-fcgi -f\r\n\t-connect\t%s\r\n# comment "\n-url "/?a b"# no\n\n-env "Q=x  y" -env R= -env S=a#b -env "" ' \
		"$SOCK" >words
	run -2 "$CGI_FCGI" -f words
	printf '#!/usr/bin/cgi-fcgi -f\r\n\t-connect\t%s\r\n# comment "\n-url "/?a b"\n\n-env "Q=x  y" -env R= -env S=a#b -env DO=env -env T="u v"w' \
		"$SOCK" >words
	"$CGI_FCGI" -f words -nonsense -listen ignored | tr '\0' '\n' >got
	local want
	for want in 'Q=x  y' 'R=' 'S=a#b' 'T=u vw' 'QUERY_STRING=a b'; do
		grep -qxF "$want" got || return
	done
	echo '-connect "open' >words
	run -2 --separate-stderr "$CGI_FCGI" -f words
	[[ $stderr == *'a double quote is not closed'* ]]
	printf -- '-connect x\0y' >words
	run -2 "$CGI_FCGI" -f words
	: >words
	run -2 "$CGI_FCGI" -f words
	run -2 "$CGI_FCGI" -f nothing
	run -2 "$CGI_FCGI" -f
}
