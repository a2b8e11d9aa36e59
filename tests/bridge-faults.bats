# The bridge, when something is wrong: each failure ends in the time asked, with
# its exit status and one line that says what happened.
bats_require_minimum_version 1.5.0
load helpers
load bridge

# bounded SECONDS COMMAND...: it must end in that time.
bounded() {
	local begin limit=$1 status=0
	shift
	begin=$(now_ms)
	"$@" || status=$?
	if memory_counts && [ $(($(now_ms) - begin)) -ge $((limit * 1000)) ]
	then
		return 99
	fi
	return "$status"
}

@test "no such socket: 7" {
	run -7 --separate-stderr url /
	told 'connect: no socket: there is no such file'
}

@test "a socket that nobody listens on: 7, and told from one that is not there" {
	bad hang
	stop bad KILL
	run -7 --separate-stderr url /
	told 'connect: refused: nobody listens on this socket'
}

@test "a plain file is not a socket: 7" {
	echo text >"$SOCK"
	run -7 --separate-stderr url /
	told 'connect: this is not a socket'
	[ "$(cat "$SOCK")" = text ]
}

@test "a socket without permission: 7" {
	bad hang
	chmod 600 "$SOCK"
	local as=()
	[ "$(id -u)" -ne 0 ] || as=(setpriv --reuid 65534 --clear-groups
		env TMPDIR=/tmp)
	[ "$(id -u)" -eq 0 ] || chmod 000 "$SOCK"
	run -7 --separate-stderr "${as[@]}" "$CGI_FCGI" -connect "$SOCK" -url /
	told 'connect: no permission to use this socket'
}

@test "a datagram socket: 7" {
	start datagram socat -u "UNIX-RECV:$SOCK" OPEN:/dev/null
	wait_for [ -S "$SOCK" ]
	run -7 --separate-stderr url /
	told 'connect: this socket is not a stream socket'
}

@test "a port that nobody listens on: 7" {
	ADDR=127.0.0.1:$(free_port)
	run -7 --separate-stderr url /
	told 'connect: refused: nobody listens there'
}

@test "a host that does not exist: 6" {
	ADDR=no-such-host.invalid:9000
	run -6 --separate-stderr url /
	[[ $stderr == "cgi-fcgi: $ADDR: unknown host: "* ]]
}

@test "-retry does not wait for a name, and says so: 6" {
	ADDR=no-such-host.invalid:9000
	run -6 --separate-stderr bounded 10 url / -retry 60
	[[ $stderr == "cgi-fcgi: $ADDR: unknown host: "*' (-retry waits for no name)' ]]
	run -6 --separate-stderr url /
	[[ $stderr != *retry* ]]
}

@test "every address of a name is tried, also of one that has forty" {
	apart -mn true || skip 'no namespace of the network'
	local at
	for at in {1..40}; do
		echo "127.0.0.$at many.example"
	done >hosts
	cat >forty <<-'END'
		ip link set lo up
		mount --bind hosts /etc/hosts
		trap 'kill $!' EXIT
		for at in 1 20 40; do
			"$CGI_FCGI" -listen "127.0.0.$at:9000" "$CGI/hello" 2>&1 &
			until ss -Htln | grep -q 9000; do sleep 0.02; done
			"$CGI_FCGI" -connect many.example:9000 -url / || exit
			kill $!
			wait
		done
		trap - EXIT
		timeout 5 "$CGI_FCGI" -listen many.example:9000 "$CGI/hello"
	END
	run -1 --separate-stderr apart -mn bash forty 3>&-
	[ "$(grep -c hello <<<"$output")" -eq 3 ]
	[[ $stderr == *'the name has more than 16 addresses'* ]]
}

@test "a full backlog: as soon as there is room it goes on" {
	bad 'await room' params stdin 'out A: b\n\nhello' 'end 0'
	local i from
	# One is accepted, two wait for that, the others for room.
	for i in 1 2 3 4 5; do
		start "asking$i" "$CGI_FCGI" -connect "$SOCK" -url / \
			-connect-timeout 60
	done
	for i in 1 2 3 4 5; do
		wait_for waits_for_room "$(cat "asking$i.pid")"
	done
	from=$(now_ms)
	touch room
	for i in 1 2 3 4 5; do
		ended "asking$i"
		[ "$STATUS" -eq 0 ]
		[ "$(cat "asking$i.log")" = hello ]
	done
	[ $(($(now_ms) - from)) -lt 3000 ] || [ -n "${INSTRUMENTED:-}" ]
}

@test "a full backlog: 28 after -connect-timeout, which is 10 seconds" {
	bad deaf
	fill_backlog
	run -28 --separate-stderr bounded 5 url / -connect-timeout 0.3
	told 'connect: time is over: too many connections wait there'
	run -28 --separate-stderr bounded 5 url / -max-time 0.3
	run -28 --separate-stderr bounded 5 url / -timeout 0.3
	run -28 --separate-stderr bounded 5 url / -retry 0.3 \
		-connect-timeout 0.1
	local from
	from=$(now_ms)
	run -28 --separate-stderr bounded 15 url /
	[ $(($(now_ms) - from)) -ge 9500 ]
}

@test "stopped and continued while it waits for room in the backlog, it goes on waiting" {
	bad deaf
	fill_backlog
	start third "$CGI_FCGI" -connect "$SOCK" -url / -connect-timeout 3
	wait_for waits_for_room "$PID"
	kill -STOP "$PID"
	wait_for grep -q '^State:.T' "/proc/$PID/status"
	kill -CONT "$PID"
	ended third
	[ "$STATUS" -eq 28 ]
	grep -q 'time is over: too many connections wait there' third.log
}

@test "stopped for longer than -timeout in the middle of a body, it goes on" {
	bad params 'await go' stdin 'out A: b\n\nhello' end
	head -c 3000000 /dev/zero >sent
	start upload "$CGI_FCGI" -connect "$SOCK" -url / -body sent -timeout 3
	wait_for saw 'FCGI_PARAMS 1 0'
	sleep 0.2
	kill -STOP "$PID"
	wait_for grep -q '^State:.T' "/proc/$PID/status"
	touch go
	sleep 3.3
	kill -CONT "$PID"
	ended upload
	[ "$STATUS" -eq 0 ]
	[ "$(cat upload.log)" = hello ]
}

@test "-body and -data: a named pipe that nobody opens is 28, not for ever" {
	app
	mkfifo pipe
	run -28 --separate-stderr bounded 5 url / -body pipe -timeout 0.3
	told 'pipe: time is over: its end has not come'
	run -28 --separate-stderr bounded 5 url / -env DO=echo -body pipe \
		-max-time 0.3 -header 'Content-Length: 5'
	run -28 --separate-stderr bounded 5 url / -role filter -data pipe \
		-max-time 0.3
	(sleep 0.3 && echo late >pipe) 3>&- &
	run -0 bounded 5 url / -env DO=echo -body pipe
	[ "$output" = late ]
}

@test "a terminal that nobody reads holds up to -timeout, not for ever" {
	app
	cat >stuck.py <<-'END'
		import os, pty, subprocess, sys
		master, slave = pty.openpty()
		stdout = slave if sys.argv[1] == "1" else subprocess.DEVNULL
		asked = subprocess.Popen(sys.argv[2:], stdin=subprocess.DEVNULL,
		                         stdout=stdout, stderr=slave)
		try:
		    sys.exit(asked.wait(8))
		except subprocess.TimeoutExpired:
		    asked.kill()
		    sys.exit("it hangs")
	END
	run -28 python3 stuck.py 1 "$CGI_FCGI" -connect "$SOCK" \
		-url '/?pour=3000000' -timeout 0.5 3>&-
	run -28 python3 stuck.py 2 "$CGI_FCGI" -connect "$SOCK" \
		-url '/?pour=30000000' -trace -max-time 1 3>&-
}

@test "a machine without IPv6: :PORT is refused, tried again and started like any" {
	apart -n true || skip 'no namespace of the network'
	cat >without <<-'END'
		ip link set lo up
		echo 1 >/proc/sys/net/ipv6/conf/lo/disable_ipv6
		"$CGI_FCGI" -connect :9000 -url / 2>refused
		echo $?
		{ sleep 0.5; exec "$CGI_FCGI" -listen :9000 "$CGI/hello"; } 2>/dev/null &
		"$CGI_FCGI" -connect :9000 -url / -retry 5
		echo $?
		kill $!
		wait
		"$CGI_FCGI" -connect :9001 -url '/?x' "$APP"
		echo $?
		"$CGI_FCGI" -connect :9001 -url '/?pid' >pid && kill "$(cat pid)"
	END
	APP=$APP run -0 apart -n bash without 3>&-
	[ "$(cat refused)" = 'cgi-fcgi: :9000: connect: refused: nobody listens there' ]
	[ "${lines[0]}" = 7 ]
	[[ $output == *hello*0*'hello x'* ]]
	[ "${lines[-1]}" = 0 ]
}

@test "accepts and stays silent: 28 after -timeout, or after -max-time" {
	bad hang
	run -28 --separate-stderr bounded 5 url / -timeout 0.3
	told 'time is over: waited for the answer (-timeout)'
	run -28 --separate-stderr bounded 5 url / -max-time 0.3
	told 'time is over: waited for the answer (-max-time)'
	run -28 --separate-stderr bounded 5 bridge -timeout 0.3
}

@test "never accepts, with room in the backlog: 28" {
	bad deaf
	run -28 --separate-stderr bounded 5 url / -timeout 0.3
}

@test "stops in the middle of a header, of a content, of a padding: 28" {
	local step
	for step in 'raw \x01\x06\x00' 'head 6 1 100 0' 'head 6 1 0 100'; do
		bad params stdin "$step" 'hang'
		run -28 --separate-stderr bounded 5 url / -timeout 0.3
		stop bad
	done
}

@test "closes in the middle of a header, of a content, of a padding: 18" {
	local step
	for step in 'raw \x01\x06\x00' 'head 6 1 100 0' 'head 6 1 0 100' \
		'out Content-Type: text/plain\n\nhalf'; do
		bad params stdin "$step"
		run -18 --separate-stderr url /
		[[ $stderr == *': cut short: '* ]]
		stop bad
	done
}

@test "closes without a byte: 52" {
	bad params stdin
	run -52 --separate-stderr url /
	told 'no answer: the application closed the connection without a byte'
}

@test "never reads a large body: 28, and the answer's time is not prolonged by the sending" {
	bad 'await never'
	head -c 5000000 /dev/zero >body
	run -28 --separate-stderr bounded 5 url / -body body -timeout 0.3
	told 'time is over: waited for the application to read the request (-timeout)'
}

@test "closes without reading a large body: 55" {
	bad params
	head -c 5000000 /dev/zero >body
	run -55 --separate-stderr url / -body body
	[ -n "$stderr" ]
}

@test "answers without reading a large body, and closes: the answer counts" {
	bad params 'out Content-Type: text/plain\n\nenough' 'end 3'
	head -c 5000000 /dev/zero >body
	run -3 --separate-stderr url / -body body
	[ "$output" = enough ]
	[ -z "$stderr" ]
}

@test "a connection reset: 56" {
	ADDR=127.0.0.1:$(free_port)
	bad_at "$ADDR" params stdin reset
	run -56 --separate-stderr url /
	told 'the connection broke: Connection reset by peer'
}

@test "something that speaks HTTP: 8, and told so" {
	bad 'raw HTTP/1.1 400 Bad Request\n\n'
	run -8 --separate-stderr url /
	told 'not FastCGI: this looks like an HTTP server'
	bad 'raw HTTP/1.1 400 Bad Request\n\n'
	run -8 --separate-stderr bridge -values
	told 'not FastCGI: this looks like an HTTP server'
}

@test "garbage, and garbage after good records: 8" {
	bad params stdin 'raw \x00\xff\x13\x37'
	run -8 --separate-stderr url /
	told 'not FastCGI: the answer is no record of version 1'
	stop bad
	bad params stdin 'out Content-Type: text/plain\n\nhello' 'raw garbage'
	run -8 --separate-stderr url /
	[ "$output" = hello ]
}

@test "an FCGI_END_REQUEST that is too short: 8" {
	bad params stdin 'raw \x01\x03\x00\x01\x00\x04\x00\x00\x00\x00\x00\x00'
	run -8 --separate-stderr url /
	[[ $stderr == *'protocol error: FCGI_END_REQUEST is too short' ]]
}

@test "refusals are 69 and named" {
	local want
	for want in 1:FCGI_CANT_MPX_CONN 2:FCGI_OVERLOADED 3:FCGI_UNKNOWN_ROLE; do
		bad params stdin "end 0 ${want%%:*}"
		run -69 --separate-stderr url /
		[[ $stderr == *"refused: ${want#*:}"* ]] || return
		stop bad
	done
	bad params stdin 'end 0 77'
	run -69 --separate-stderr url /
	[[ $stderr == *'refused: protocolStatus 77' ]]
}

@test "records of id 0, of another request and of unknown types are passed over" {
	bad params stdin \
		'raw \x01\x0b\x00\x00\x00\x08\x00\x00AAAAAAAA' \
		'raw \x01\x06\x00\x02\x00\x05\x00\x00other' \
		'raw \x01\x03\x00\x02\x00\x08\x00\x00\x00\x00\x00\x09\x00AAA' \
		'raw \x01\x63\x00\x01\x00\x05\x03\x00whatsAAA' \
		'raw \x01\x06\x00\x00\x00\x04\x00\x00zero' \
		'out Content-Type: text/plain\n\nmine' 'end 4'
	run -4 --separate-stderr url /
	[ "$output" = mine ]
	[ -z "$stderr" ]
}

@test "endless records of another request, endless padding, endless empty output: 28 after -timeout" {
	local flood
	for flood in '6 2 8' '6 1 255' '11 0 0' '99 1 200'; do
		bad params stdin "flood $flood"
		run -28 --separate-stderr bounded 5 url / -timeout 0.4
		stop bad
	done
}

@test "a descriptor that an application sends, and that takes a minute to close: 28 after -timeout" {
	descriptors_can_be_refused || return 0
	start bad python3 -c '
import array, socket, struct, sys
app = socket.socket(socket.AF_UNIX)
app.bind(sys.argv[1])
app.listen()
deaf = socket.create_server(("127.0.0.1", 0))
late = socket.create_connection(deaf.getsockname())
late.setblocking(False)
try:
    while True:
        late.send(bytes(65536))
except BlockingIOError:
    pass
late.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 60))
bridge = app.accept()[0]
try:
    bridge.sendmsg([b"\1"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS,
                             array.array("i", [late.fileno()]))])
    late.close()
except PermissionError:
    pass
bridge.recv(65536)
while bridge.recv(65536):
    pass
' "$SOCK"
	wait_for listens "$SOCK"
	run -28 bounded 5 url / -timeout 0.4
}

@test "-values: endless records that answer nothing: 28 after -timeout" {
	bad 'fill 1000000000000'
	# Slowly, so that there is always something that is not read yet.
	run -28 env ASAN_OPTIONS=detect_leaks=0 timeout 8 strace -qq -o trace -e trace=recvfrom \
		-e inject=recvfrom:delay_exit=50000 \
		"$CGI_FCGI" -connect "$SOCK" -values -timeout 0.4
}

@test "an answer that comes in single bytes is whole" {
	bad params stdin 'split 1' 'out Content-Type: text/plain\n\nslow' \
		'err said so\n' 'head 7 1 0 7' 'raw 1234567' 'end 9'
	run -9 --separate-stderr url / -include
	[ "$output" = $'Content-Type: text/plain\n\nslow' ]
	[ "$stderr" = 'said so' ]
}

@test "appStatus is the exit status: 255 as it is, anything larger 255, never 0 by wrapping" {
	local want
	for want in 0:0 1:1 255:255 256:255 512:255 4294967295:255; do
		bad params stdin 'out A: b\n\n' "end ${want%%:*}"
		run --separate-stderr url /
		[ "$status" -eq "${want#*:}" ] && [ -z "$stderr" ] || return
		stop bad
	done
}

@test "an answer goes on while the application never ends it: what came is printed, then 28" {
	bad params stdin 'out A: b\n\nfirst\n' hang
	run -28 --separate-stderr bounded 5 url / -timeout 0.3
	[ "$output" = first ]
}

@test "the connection is closed at once after FCGI_END_REQUEST, though the application keeps it open" {
	bad params stdin 'out A: b\n\nhello' 'end 0' hang
	run -0 --separate-stderr bounded 2 url /
	[ "$output" = hello ]
	wait_for saw closed
}

@test "the connection is not half-closed before the answer" {
	bad params stdin 'await go' 'eof'
	start asking "$CGI_FCGI" -connect "$SOCK" -url /
	wait_for saw 'FCGI_STDIN 1 0'
	touch go
	# An end of file would show as closed.
	sleep 0.2
	run ! saw closed
	stop asking
	wait_for saw closed
}

@test "TERM, INT and HUP end it as a signal does, and close the connection" {
	local want
	for want in TERM:143 INT:130 HUP:129; do
		bad params stdin hang
		start asking env --default-signal=INT,HUP "$CGI_FCGI" \
			-connect "$SOCK" -url /
		wait_for saw 'FCGI_STDIN 1 0'
		stop asking "${want%%:*}"
		[ "$STATUS" -eq "${want#*:}" ] || return
		wait_for saw closed
		stop bad
	done
}

@test "a stdout that nobody reads any more is 23 and closes the connection, though the application is silent" {
	bad params stdin 'out A: b\n\nfirst\n' hang
	{
		url / -timeout 20 2>err || echo $? >status
	} | head -n 1 >first
	[ "$(cat first)" = first ]
	[ "$(cat status)" -eq 23 ]
	grep -qx "cgi-fcgi: $SOCK: stdout: nobody reads it any more" err
	wait_for saw closed
}

@test "a full disk as stdout: 23" {
	bad params stdin 'out A: b\n\nhello' 'end 0'
	run -23 --separate-stderr eval 'url / >/dev/full'
	told 'stdout: No space left on device'
}

@test "a stderr that nobody reads any more costs messages and nothing else" {
	bad params stdin 'err gone\n' 'out A: b\n\nhello' 'end 5'
	exec 7> >(exec true)
	wait_for eval '! [ -e /proc/$!/fd ]'
	run -5 eval 'url / 2>&7'
	exec 7>&-
	[ "$output" = hello ]
}

@test "a stderr that nobody reads holds up to -timeout, not for ever" {
	# More than a pipe holds.
	local pad=() i
	for i in {1..40}; do pad+=("$(printf 'err %04000d' "$i")"); done
	bad params stdin "${pad[@]}" 'out A: b\n\nhello' 'end 0'
	mkfifo pipe
	exec 7<>pipe
	run -28 bounded 5 eval 'url / -timeout 0.4 2>&7'
	exec 7>&-
}

@test "a body that ends early is aborted, never ended: 26" {
	bad stdin eof
	run -26 --separate-stderr eval 'echo hello | env -i CONTENT_LENGTH=100 \
		"$CGI_FCGI" -connect "$SOCK"'
	told 'stdin: ended early (94 bytes are missing)'
	wait_for saw closed
	saw 'FCGI_ABORT_REQUEST 1 0'
	run ! saw 'FCGI_STDIN 1 0'
	saw 'FCGI_STDIN 1 6'
}

@test "a body file that is not there, or a folder: 26, and nobody is asked" {
	bad hang
	run -26 --separate-stderr url / -body nothing
	told 'nothing: No such file or directory'
	run -26 --separate-stderr url / -body .
	told '.: is a folder'
	[ ! -s seen ]
}

@test "a malformed, negative or too large CONTENT_LENGTH: 2, and nobody is asked" {
	bad hang
	local length
	for length in x 1x -1 +5 ' 5' 5.0 0x10 99999999999999999999; do
		run -2 --separate-stderr env -i "CONTENT_LENGTH=$length" \
			"$CGI_FCGI" -connect "$SOCK"
		told "CONTENT_LENGTH: not a number of bytes: $length" || return
	done
	[ ! -s seen ]
}

@test "a body that never comes: 28 after -timeout" {
	bad stdin hang
	mkfifo pipe
	exec 7<>pipe
	run -28 --separate-stderr bounded 5 env -i CONTENT_LENGTH=5 \
		"$CGI_FCGI" -connect "$SOCK" -timeout 0.3 <&7
	told 'time is over: waited for the body (-timeout)'
	run -28 --separate-stderr bounded 5 url / -body - -timeout 0.3 <&7
	exec 7>&-
}

@test "-retry waits for an application that comes up, and only so long" {
	run -7 --separate-stderr bounded 5 url / -retry 0.3
	start asking "$CGI_FCGI" -connect "$SOCK" -url / -retry 20
	sleep 0.1
	bad params stdin 'out A: b\n\nhello' 'end 0'
	ended asking
	[ "$STATUS" -eq 0 ]
	[ "$(cat asking.log)" = hello ]
}

@test "-retry goes on where nobody listens any more, and where the backlog is full" {
	bad hang
	stop bad KILL
	start asking "$CGI_FCGI" -connect "$SOCK" -url / -retry 20
	sleep 0.1
	alive "$PID"
	bad 'await room' params stdin 'out A: b\n\nhello' 'end 0'
	ended_well() {
		ended "$1"
		[ "$STATUS" -eq 0 ]
		[ "$(cat "$1.log")" = hello ]
	}
	fill_backlog -retry 20
	start late "$CGI_FCGI" -connect "$SOCK" -url / -retry 20 \
		-connect-timeout 0.1
	sleep 0.5
	alive "$PID"
	touch room
	for i in asking waiting1 waiting2 late; do
		ended_well $i
	done
}

@test "-retry tries nothing twice once it is connected" {
	bad params stdin
	run -52 --separate-stderr bounded 5 url / -retry 10
	[ "$(grep -c BEGIN seen)" -eq 1 ]
}

@test "a resolver that does not answer is 28 in time, though ALRM was held back by who started us" {
	# ASan's library must be the first.
	[ -z "${INSTRUMENTED:-}" ] || return 0
	cc -shared -fPIC -o silence.so -x c - <<-'END'
		#include <unistd.h>
		int getaddrinfo(void) { return -2 - (int)sleep(5); }
	END
	run -28 --separate-stderr env --block-signal=ALRM \
		LD_PRELOAD="$PWD/silence.so" "$CGI_FCGI" \
		-connect some.example:9000 -url / -timeout 0.5
	[[ $stderr == *'the resolver does not answer' ]]
}

@test "an alarm that was set before it ends it as anyone, over TCP too" {
	local port
	port=$(free_port)
	bad_at "127.0.0.1:$port" hang
	for ADDR in "$SOCK" "127.0.0.1:$port"; do
		[ "$ADDR" != "$SOCK" ] || bad hang
		run -142 --separate-stderr bounded 8 perl -e 'alarm 1; exec @ARGV' \
			"$CGI_FCGI" -connect "$ADDR" -url / -timeout 20 3>&-
		[ -z "$stderr" ]
	done
}

@test "a resolver that does not answer is a page, too, in CGI use" {
	local ask=(-connect some.example:9000 -connect-timeout 0.5)
	export GATEWAY_INTERFACE=CGI/1.1
	# Where a silent one cannot be put in its place, the C library is silent.
	if ! apart -mn true; then
		cc -shared -fPIC -o silence.so -x c - <<-'END'
			#include <unistd.h>
			int getaddrinfo(void) { return (int)sleep(5); }
		END
		LD_PRELOAD=$PWD/silence.so run -28 --separate-stderr \
			"$CGI_FCGI" "${ask[@]}"
		[[ $output == 'Status: 504 '* ]]
		[[ $stderr == *'the resolver does not answer' ]]
		return
	fi
	command -v ip
	echo 'nameserver 127.0.0.1' >resolv.conf
	cat >silence <<-'END'
		ip link set lo up
		mount --bind resolv.conf /etc/resolv.conf
		perl -MIO::Socket::INET -e 'our $s = IO::Socket::INET->new(
			Proto => "udp", LocalAddr => "127.0.0.1:53"); sleep 5' &
		until ss -Huln 'sport = :53' | grep -q .; do sleep 0.02; done
		"$CGI_FCGI" "$@"
		status=$?
		kill $!
		exit $status
	END
	run -28 --separate-stderr apart -mn bash silence "${ask[@]}" 3>&-
	[[ $output == 'Status: 504 '* ]]
	[[ $stderr == *'the resolver does not answer' ]]
}

@test "a TCP port whose backlog is full: 28 after -connect-timeout" {
	cat >deaf.pl <<-'END'
		use Socket;
		socket my $s, AF_INET, SOCK_STREAM, 0 or die;
		bind $s, sockaddr_in($ARGV[0], INADDR_LOOPBACK) or die;
		listen $s, 0 or die;
		sleep 1000;
	END
	local port i
	port=$(free_port)
	start deaf perl deaf.pl "$port"
	wait_for listens "$port"
	for i in 1 2; do
		start "waiting$i" "$CGI_FCGI" -connect "127.0.0.1:$port" -url /
	done
	wait_for eval '[ "$(ss -Htn dport = ":$port" | grep -c ESTAB)" -ge 1 ]'
	ADDR=127.0.0.1:$port
	until run --separate-stderr bounded 5 url / -connect-timeout 0.3 \
		-timeout 0.3 && [[ $stderr == *'connect: time is over: no answer' ]]; do
		((i++ < 10)) || return
	done
	[ "$status" -eq 28 ]
	# It is tried again for as long as that is wanted.
	local from
	from=$(now_ms)
	run -28 --separate-stderr bounded 10 url / -connect-timeout 0.3 -retry 2
	told 'connect: time is over: no answer'
	[ $(($(now_ms) - from)) -ge 1900 ]
}

@test "-body and -data: what never ends is 28 after -max-time, though there is always more" {
	bad hang
	run -28 --separate-stderr bounded 5 timeout 20 "$CGI_FCGI" \
		-connect "$SOCK" -url / -body /dev/zero -max-time 0.2 3>&-
	told '/dev/zero: time is over: its end has not come'
	run -28 --separate-stderr bounded 5 timeout 20 "$CGI_FCGI" \
		-connect "$SOCK" -url / -role filter -data /dev/zero \
		-max-time 0.2 3>&-
	[ ! -s seen ]
}

@test "-timeout counts anew for -data, however long the body took" {
	bad params stdin data 'out A: b\n\nboth' 'end 0'
	mkfifo body data
	start feeder bash -c '
		for i in 1 2 3; do echo $i; sleep 1.2; done >body
		sleep 1
		echo x >data'
	run -0 url / -role filter -body body -data data -timeout 3
	[ "$output" = both ]
}

@test "-role filter without -data has an empty FCGI_DATA" {
	bad params stdin data 'out A: b\n\nfiltered' 'end 0'
	run -0 bounded 5 url / -role filter
	[ "$output" = filtered ]
	saw 'FCGI_DATA 1 0'
}

@test "-values: records of other kinds are passed over, a reset is 55 or 56" {
	bad 'head 3 0 8 0' 'raw \x00\x00\x00\x00\x00\x00\x00\x00' \
		'raw \x01\x0a\x00\x00\x00\x04\x00\x00\x01\x01A1' hang
	run -0 bounded 5 bridge -values -timeout 2
	[ "$output" = A=1 ]
	stop bad
	bad reset
	run bounded 5 bridge -values -timeout 2
	[ "$status" -eq 56 ] || [ "$status" -eq 55 ]
}
