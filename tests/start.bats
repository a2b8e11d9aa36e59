# The wrapper's start and end: command line, addresses, socket files, signals.
bats_require_minimum_version 1.5.0
load helpers

# usage_error WORD ARG...: exit 2, one line that names WORD, one that points to
# -help.
usage_error() {
	local word=$1
	shift
	run -2 --separate-stderr "$CGI_FCGI" "$@"
	[ -z "$output" ]
	[ "${#stderr_lines[@]}" -eq 2 ]
	[[ ${stderr_lines[0]} == *"$word"* ]] || return
	[[ ${stderr_lines[1]} == *-help* ]]
}

# fails WORD ARG...: does not start, says why in one line that holds WORD.
fails() {
	local word=$1
	shift
	run --separate-stderr timeout 10 "$CGI_FCGI" "$@"
	[ "$status" -gt 0 ]
	[ "$status" -lt 124 ]
	[[ $stderr == *"$word"* ]]
}

@test "-help, or -h, and -version print to stdout and exit 0" {
	local option
	for option in -help -h; do
		run -0 --separate-stderr "$CGI_FCGI" $option
		[[ $output == *-listen* ]]
		[ -z "$stderr" ]
	done
	run -0 --separate-stderr "$CGI_FCGI" --version
	[[ $output == *cgi-fcgi* ]]
	[ -z "$stderr" ]
}

@test "-help, -h and -version count among other options of either side, but not as a value or behind them" {
	local side
	for side in -listen -connect; do
		run -0 --separate-stderr "$CGI_FCGI" $side "$SOCK" -help
		[[ $output == *-listen* ]]
		run -0 --separate-stderr "$CGI_FCGI" -timeout 3 -h $side "$SOCK"
		[[ $output == *-listen* ]]
		run -0 --separate-stderr "$CGI_FCGI" $side "$SOCK" --version
		[[ $output == cgi-fcgi* ]]
		run -2 --separate-stderr "$CGI_FCGI" $side -help
		[[ $stderr == *"$side -help: not an address"* ]]
	done
	run -2 "$CGI_FCGI" -once -url / -root -version app -help
	[[ $output == *'-help: options go before APP'* ]]
}

@test "an unknown option is a usage error that names it" {
	usage_error -nonsense -listen "$SOCK" -nonsense
}

@test "neither -listen nor -connect is a usage error" {
	usage_error -listen
}

@test "a value that is missing, malformed or out of range is a usage error that names its option" {
	usage_error -listen -listen
	usage_error -max -listen "$SOCK" -max many
	usage_error -max -listen "$SOCK" -max -1
	usage_error -mode -listen "$SOCK" -mode 999
	usage_error -mode -listen "$SOCK" -mode 1000
	usage_error -grace -listen "$SOCK" -grace 1x
	usage_error -timeout -listen "$SOCK" -timeout ''
	usage_error -timeout -listen "$SOCK" -timeout .
	usage_error -timeout -listen "$SOCK" -timeout .x5
	usage_error -limit -listen "$SOCK" -limit nothing=3
	usage_error -handler -listen "$SOCK" -handler nothing
	usage_error -stderr -listen "$SOCK" -stderr nowhere
	usage_error -backlog -listen "$SOCK" -backlog 99999999999999999999
}

@test "-word and --word, a value behind a blank and behind = are the same" {
	local words
	for words in '--max=3 -queue=4' '-max 3 --queue 4'; do
		# Words of a command line.
		# shellcheck disable=SC2086
		wrapper $words
		run -0 wire 'get-values FCGI_MAX_REQS' 'records 1' 'show'
		[[ $output == *FCGI_MAX_REQS7 ]]
		stop_wrapper
	done
}

@test "a malformed address is a usage error that names it" {
	local addr
	for addr in nothing 127.0.0.1: 127.0.0.1:99999 127.0.0.1:-1 \
		127.0.0.1:8x '[::1:80' unix: @ ''; do
		run -2 --separate-stderr timeout 5 "$CGI_FCGI" -listen "$addr" \
			"$CGI/hello"
		[[ $stderr == *"$addr"* ]] || return
	done
}

@test "a socket path that is too long is an error that says so, none is cut" {
	local long
	long=$BATS_TEST_TMPDIR/$(printf 'x%.0s' {1..120})
	fails long -listen "$long"
	[ "$(find . -type s | wc -l)" -eq 0 ]
}

@test "an unknown host is an error that names it" {
	fails nowhere.invalid -listen nowhere.invalid:8000 "$CGI/hello"
}

@test "a socket that is in use is an error, and stays with its owner" {
	wrapper
	fails "$SOCK" -listen "$SOCK"
	run -0 get "$CGI/hello"
	local port
	port=$(free_port)
	start other "$CGI_FCGI" -listen "127.0.0.1:$port" "$CGI/hello"
	wait_for listens "$port"
	fails "$port" -listen "127.0.0.1:$port" "$CGI/hello"
}

@test "a stale socket file is replaced" {
	wrapper
	stop_wrapper KILL
	[ -S "$SOCK" ]
	wrapper
	run -0 get "$CGI/hello"
}

@test "anything that is not a socket is never touched" {
	echo precious >file
	mkdir folder
	ln -s file link
	mkfifo pipe
	local name
	for name in file folder link pipe; do
		fails "$name" -listen "$PWD/$name"
	done
	[ "$(cat file)" = precious ]
	[ -d folder ]
	[ -L link ]
	[ -p pipe ]
}

@test "a folder that is missing or closed is an error that names the path and the folder" {
	fails "$PWD/no/where/sock: there is no folder $PWD/no/where:" \
		-listen "$PWD/no/where/sock"
	fails 'there is no folder where:' -listen where/sock
	[ "$(id -u)" -eq 0 ] || return 0
	mkdir -m 755 shut
	run -1 setpriv --reuid 61234 --clear-groups "$CGI_FCGI" \
		-listen "$PWD/shut/sock"
	[[ $output == *"/shut/sock: no permission to write to $PWD/shut:"* ]]
}

@test "the socket's file is 0660 from its first moment, or what -mode says" {
	wrapper
	[ "$(stat -c %a "$SOCK")" = 660 ]
	stop_wrapper
	(umask 0 && exec "$CGI_FCGI" -listen "$SOCK" -mode 0600) 3>&- 2>/dev/null &
	wait_for listens "$SOCK"
	[ "$(stat -c %a "$SOCK")" = 600 ]
	kill $!
	wait $!
}

@test "-owner gives the socket's file to a user and group" {
	if [ "$(id -u)" -eq 0 ]; then
		wrapper -owner nobody:www-data
		[ "$(stat -c %U:%G "$SOCK")" = nobody:www-data ]
	else
		wrapper -owner "$(id -un):$(id -gn)"
	fi
	usage_error -owner -listen "$PWD/other" -owner no-such-user
}

@test "a world-writable -mode is warned of" {
	wrapper -mode 0606
	logged 'warning: -mode 0606: every user'
	stop_wrapper
	wrapper -mode 0660
	run ! logged warning
}

@test "an abstract socket serves and leaves no file" {
	ADDR=@cgi-fcgi-test-$$-$RANDOM
	wrapper_on "$ADDR"
	run -0 get "$CGI/hello"
	[[ $output == *hello* ]]
}

@test "TCP over IPv4 and IPv6, and :PORT on loopback alone of both families" {
	local port
	port=$(free_port)
	wrapper_on ":$port" "$CGI/hello"
	ADDR=127.0.0.1:$port get "$CGI/hello" | grep -q hello
	ADDR="[::1]:$port" get "$CGI/hello" | grep -q hello
	[ "$(ss -Htln "sport = :$port" | wc -l)" -eq 2 ]
	ss -Htln "sport = :$port" | awk '{ print $4 }' | sort >bound
	printf '%s\n' "127.0.0.1:$port" "[::1]:$port" | diff - bound
	stop_wrapper
	wrapper_on "[::1]:$port" "$CGI/hello"
	ADDR="[::1]:$port" get "$CGI/hello" | grep -q hello
	stop_wrapper
	wrapper_on "tcp:localhost:$port" "$CGI/hello"
	ADDR="127.0.0.1:$port" get "$CGI/hello" | grep -q hello
}

@test "on TCP it starts only with a PROGRAM, -root, -allow or -handler" {
	local port
	port=$(free_port)
	fails -root -listen "127.0.0.1:$port"
	# A socket that is passed is no other.
	run -2 timeout 10 spawn-fcgi -n -a 127.0.0.1 -p "$port" -- "$CGI_FCGI"
	[[ $output == *'any program of this machine'* ]]
	wrapper_on "127.0.0.1:$port" -root "$CGI"
	stop_wrapper
	wrapper_on "127.0.0.1:$port" -allow "$CGI/hello"
	stop_wrapper
	wrapper_on "127.0.0.1:$port" -handler .pl=/usr/bin/perl
}

@test "on TCP -handler alone runs nothing that no handler is for" {
	local port
	port=$(free_port)
	echo 'print "A: b\n\nscript\n"' >x.pl
	wrapper_on "127.0.0.1:$port" -handler .pl=/usr/bin/perl
	export ADDR=127.0.0.1:$port
	run -0 get "$PWD/x.pl/tail"
	[[ $output == *script* ]]
	run -0 get "$CGI/hello"
	[[ $output == *'Status: 403'* ]]
	run -0 get "$CGI/hello/x.pl"
	[[ $output == *'Status: 403'* ]]
	logged 'no -handler is for it'
	stop_wrapper
	wrapper_on "127.0.0.1:$port" -handler .pl=/usr/bin/perl -root "$CGI"
	run -0 get "$CGI/hello"
	[[ $output == *hello* ]]
}

@test "-listen may be repeated" {
	local port
	port=$(free_port)
	wrapper -listen "127.0.0.1:$port" -listen "$PWD/two" -root "$CGI"
	wait_for listens "$port"
	wait_for listens "$PWD/two"
	get "$CGI/hello" | grep -q hello
	ADDR=$PWD/two get "$CGI/hello" | grep -q hello
	ADDR=127.0.0.1:$port get "$CGI/hello" | grep -q hello
	stop_wrapper
	[ ! -e "$SOCK" ]
	[ ! -e two ]
}

@test "a listening socket as fd 0: nobody is taken after TERM" {
	export STEPS=$PWD
	start wrapper perl -MIO::Socket::UNIX -e '
		my $s = IO::Socket::UNIX->new(Local => shift, Listen => 9) or die $!;
		open STDIN, "<&", $s; close $s; exec @ARGV or die' \
		"$SOCK" "$CGI_FCGI" -env STEPS
	WRAPPER=$PID
	wait_for listens "$SOCK"
	start client "$BUILD/wire" "$SOCK" "get 1 $CGI/steps" 'out 1 \n\na' \
		"create $PWD/started" 'end 1' 'tell 1'
	wait_for [ -e started ]
	kill -TERM "$WRAPPER"
	wait_for deaf_at "$SOCK"
	run -7 "$CGI_FCGI" -connect "$SOCK" -url /
	touch a b c d
	ended client
	grep -q 'abcd$' client.log
	ended wrapper
	[ "$STATUS" -eq 0 ]
}

@test "a listening socket as fd 0 is served (FastCGI 2.2), and its file left" {
	start spawn spawn-fcgi -n -s "$SOCK" -- "$CGI_FCGI"
	wait_for listens "$SOCK"
	get "$CGI/hello" | grep -q hello
	stop spawn
	[ -S "$SOCK" ]
}

@test "FCGI_WEB_SERVER_ADDRS lets only the named addresses in (FastCGI 3.2)" {
	local port
	port=$(free_port)
	FCGI_WEB_SERVER_ADDRS=127.0.0.1,127.0.0.2 \
		wrapper_on "127.0.0.1:$port" "$CGI/hello"
	ADDR=127.0.0.1:$port get "$CGI/hello" | grep -q hello
	stop_wrapper
	FCGI_WEB_SERVER_ADDRS=127.0.0.9 \
		wrapper_on "127.0.0.1:$port" "$CGI/hello"
	ADDR=127.0.0.1:$port
	run ! get "$CGI/hello"
}

@test "TERM and INT stop it with exit 0 and take its socket's file away" {
	local signal
	for signal in TERM INT; do
		wrapper
		[ -S "$SOCK" ]
		stop_wrapper $signal
		[ "$STATUS" -eq 0 ]
		[ ! -e "$SOCK" ]
	done
}

@test "a socket file that is someone else's by now stays when it stops" {
	wrapper
	mv "$SOCK" moved
	echo mine >"$SOCK"
	stop_wrapper
	[ "$(cat "$SOCK")" = mine ]
	rm "$SOCK"
	wrapper
	mv "$SOCK" moved
	start other "$CGI_FCGI" -listen "$SOCK"
	wait_for grep -q 'listening on' other.log
	stop_wrapper
	run -0 get "$CGI/hello"
	[[ $output == *hello* ]]
}

@test "a socket file that has its inode by now stays when it ends" {
	export WAIT=$PWD/go
	wrapper -env WAIT
	run -0 get "$CGI/early"
	# The number of a file that is gone is the next one's.
	ln "$SOCK" next
	kill -TERM "$WRAPPER"
	wait_for [ ! -e "$SOCK" ]
	mv next "$SOCK"
	touch go
	ended wrapper
	[ "$STATUS" -eq 0 ]
	[ -S "$SOCK" ]
}

@test "TERM lets a running request end, and takes no new one" {
	export STEPS=$PWD
	wrapper -env STEPS
	start client "$BUILD/wire" "$SOCK" "get 1 $CGI/steps" 'out 1 \n\na' \
		"create $PWD/started" 'end 1' 'tell 1'
	wait_for [ -e started ]
	kill -TERM "$WRAPPER"
	wait_for deaf_at "$SOCK"
	run ! get "$CGI/hello"
	touch a b c d
	ended client
	[ "$STATUS" -eq 0 ]
	grep -q 'abcd$' client.log
	grep -q '1 END 0 0' client.log
	ended wrapper
	[ "$STATUS" -eq 0 ]
}

@test "TERM ends what still runs after -grace, first with TERM, then with KILL" {
	export PIDFILE=$PWD/pid
	wrapper -grace 1 -env PIDFILE
	start client "$BUILD/wire" "$SOCK" "get 1 $CGI/stubborn" 'eof'
	wait_for [ -s pid ]
	local from
	from=$(now_ms)
	stop_wrapper
	[ "$STATUS" -eq 0 ]
	gone "$(cat pid)"
	[ $(($(now_ms) - from)) -ge 900 ]
	ended client
}

@test "a second TERM ends it at once, with its programs" {
	export PIDFILE=$PWD/pid
	wrapper -grace 100 -env PIDFILE
	start client "$BUILD/wire" "$SOCK" "get 1 $CGI/stubborn" 'eof'
	wait_for [ -s pid ]
	kill -TERM "$WRAPPER"
	wait_for deaf_at "$SOCK"
	alive "$WRAPPER"
	stop_wrapper
	wait_for gone "$(cat pid)"
}

@test "USR1 waits for running requests without a limit" {
	export STEPS=$PWD
	wrapper -env STEPS -grace 0
	start client "$BUILD/wire" "$SOCK" "get 1 $CGI/steps" 'out 1 \n\na' \
		"create $PWD/started" 'end 1' 'tell 1'
	wait_for [ -e started ]
	kill -USR1 "$WRAPPER"
	wait_for deaf_at "$SOCK"
	sleep 0.3
	touch a b c d
	ended client
	grep -q 'abcd$' client.log
	ended wrapper
	[ "$STATUS" -eq 0 ]
}

@test "HUP is as TERM, and nothing under nohup, in workers neither" {
	local n
	for n in 1 2; do
		wrapper -workers $n
		stop_wrapper HUP
		[ "$STATUS" -eq 0 ]
		[ ! -e "$SOCK" ]
		start wrapper nohup "$CGI_FCGI" -listen "$SOCK" -workers $n
		WRAPPER=$PID
		wait_for listens "$SOCK"
		[ $n -eq 1 ] || wait_for two_workers
		# What a terminal that goes tells all of them.
		# shellcheck disable=SC2046
		kill -HUP "$WRAPPER" $(children_of "$WRAPPER")
		run -0 get "$CGI/hello"
		[[ $output == *hello* ]]
		alive "$WRAPPER"
		stop_wrapper
		[ "$STATUS" -eq 0 ]
		run ! logged 'takes its place'
	done
}

@test "a worker that dies is replaced, and the log says so" {
	wrapper -workers 2
	wait_for two_workers
	local first
	first=$(children_of "$WRAPPER")
	kill -KILL "${first%% *}"
	wait_for new_worker "${first%% *}"
	wait_for logged "${first%% *}"
	for _ in {1..10}; do
		run -0 get "$CGI/hello" || return
	done
	stop_wrapper
	[ "$STATUS" -eq 0 ]
}

two_workers() {
	[ "$(children_of "$WRAPPER" | wc -w)" -eq 2 ]
}

new_worker() {
	two_workers && gone "$1"
}

@test "-idle ends it after so long without a connection, exit 0" {
	wrapper -idle 3
	run -0 wire "get 1 $CGI/hello" 'end 1' 'stall 3500' "get 1 $CGI/hello" \
		'end 1'
	ended wrapper
	[ "$STATUS" -eq 0 ]
	[ ! -e "$SOCK" ]
}

@test "-idle counts from the last connection, one that is answered at once too" {
	local asked
	wrapper -idle 4 -status /status
	sleep 2.4
	run -0 "$CGI_FCGI" -connect "$SOCK" -url /status
	asked=${EPOCHREALTIME/.}
	ended wrapper
	((${EPOCHREALTIME/.} - asked > 3900000))
	((${EPOCHREALTIME/.} - asked < 4700000))
}

@test "-daemon returns when it listens; -pidfile then says whom to stop" {
	# Names as they are given: both files go at its end.
	start starter "$CGI_FCGI" -listen ./sock -daemon -pidfile pid
	ended starter
	[ "$STATUS" -eq 0 ]
	run -0 get "$CGI/hello"
	kill "$(cat pid)"
	wait_for [ ! -e pid ]
	[ ! -e sock ]
}

@test "a daemon's lines go to syslog, also to one that comes later or is started anew" {
	[ "$(id -u)" -eq 0 ] || return 0
	# In a /dev of its own.
	cat >scene <<-'END'
		set -e
		trap 'kill $(jobs -p) $(cat pid)' EXIT
		mkdir dev
		mount -t tmpfs dev dev
		for name in null zero random urandom; do
			touch dev/$name
			mount --bind /dev/$name dev/$name
		done
		mount --move dev /dev
		syslogd() {
			rm -f /dev/log
			socat -u UNIX-RECV:/dev/log OPEN:$1,creat,append &
			wait_for [ -S /dev/log ]
		}
		told() {
			"$BUILD/wire" ./sock "get 1 $CGI/hello" 'end 1'
			grep -q "cgi-fcgi.*hello" $1
		}
		"$CGI_FCGI" -listen ./sock -daemon -pidfile pid -verbose
		for name in first second; do
			syslogd $name
			wait_for told $name
			kill $!
			wait $! || :
		done
	END
	export -f wait_for tick
	run unshare -m bash scene
	wait_for [ ! -e pid ]
	grep -q hello second
}

@test "a socket that systemd passes is served, READY=1, STATUS= and STOPPING=1 are told" {
	start listener socat -u "UNIX-RECV:$PWD/notify" OPEN:told,creat,append
	wait_for [ -S notify ]
	# What systemd does: the socket as fd 3, LISTEN_PID the process itself.
	cat >activate.pl <<-'END'
		use POSIX; use Socket;
		my ($path, @command) = @ARGV;
		socket my $s, AF_UNIX, SOCK_STREAM, 0 or die;
		bind $s, sockaddr_un($path) or die; listen $s, 10 or die;
		POSIX::dup2(fileno $s, 3) if fileno $s != 3;
		fcntl STDIN, 2, 0;
		{ local $^F = 100; open my $three, '<&=', 3; fcntl $three, 2, 0;
		$ENV{LISTEN_PID} = $$; $ENV{LISTEN_FDS} = 1; exec @command; }
	END
	NOTIFY_SOCKET=$PWD/notify start wrapper perl activate.pl "$SOCK" \
		"$CGI_FCGI"
	wait_for grep -q READY=1 told
	run -0 get "$CGI_C/world"
	[[ $output == *'env FCGI_ROLE='* && $output != *LISTEN_FDS* ]]
	# Ten seconds after a request.
	PATIENCE=20 wait_for grep -q 'STATUS=.*1 request' told
	stop_wrapper
	[ "$STATUS" -eq 0 ]
	wait_for grep -q STOPPING=1 told
	[ -S "$SOCK" ]
}

@test "called fcgiwrap it takes fcgiwrap's options and habits" {
	ln -s "$CGI_FCGI" fcgiwrap
	cp "$CGI_C/world" world
	FROM_OUTSIDE=1 start fcgiwrap ./fcgiwrap -f -c 2 -s "unix:$SOCK"
	wait_for listens "$SOCK"
	run -0 get "$PWD/world"
	[[ $output == *'env FROM_OUTSIDE=1\n'* ]]
	run -0 ./fcgiwrap -h
	stop fcgiwrap
	start fcgiwrap spawn-fcgi -n -s "$PWD/two" -- ./fcgiwrap -p "$PWD/world"
	wait_for listens "$PWD/two"
	ADDR=$PWD/two run -0 get "$PWD/world"
	[[ $output == *argv* ]]
	ADDR=$PWD/two run -0 get "$CGI/hello"
	[[ $output == *'Status: 403'* ]]
}

@test "-status tells the wrapper's counters as text, JSON and OpenMetrics; /ping answers pong" {
	wrapper -status /status
	run -0 get "$CGI/hello"
	run -0 wire 'begin 1 responder keep' 'params 1 SCRIPT_NAME=/status' \
		'params 1' 'stdin 1' 'end 1' 'tell 1'
	[[ $output == *text/plain* ]]
	wire 'begin 1' 'params 1 SCRIPT_NAME=/status QUERY_STRING=json' \
		'params 1' 'stdin 1' 'end 1' 'tell 1' |
		sed -n 's/^1 STDOUT //p' | sed 's/.*\\r\\n\\r\\n//; s/\\n//g' |
		jq -e type
	run -0 wire 'begin 1' \
		'params 1 SCRIPT_NAME=/status QUERY_STRING=openmetrics' \
		'params 1' 'stdin 1' 'end 1' 'tell 1'
	[[ $output == *'# EOF'* ]]
	run -0 wire 'begin 1' 'params 1 SCRIPT_NAME=/status/ping' \
		'params 1' 'stdin 1' 'end 1' 'tell 1'
	[[ $output == *pong* ]]
}

@test "-pidfile holds the pid and goes with it" {
	wrapper -pidfile "$PWD/pid"
	wait_for [ -s pid ]
	[ "$(cat pid)" = "$WRAPPER" ]
	stop_wrapper
	[ ! -e pid ]
}

@test "garbage instead of FastCGI closes that connection alone, with one line in the log" {
	wrapper
	local text
	for text in 'raw GET\s/\sHTTP/1.0\r\n\r\n' 'raw \x00' 'raw \xff\xff' \
		'raw \x01\x01\x00\x01\x00\x08\x00\x00\x00\x01\x01\0\0\0\0\0\x02'; do
		wire "$text" 'eof'
	done
	run -0 get "$CGI/hello"
	alive "$WRAPPER"
	[ "$(wc -l <wrapper.log)" -eq 5 ]
	logged 'not a FastCGI 1.0 record, version 255'
}

@test "HTTP instead of FastCGI is called so in the log, and what nginx must say" {
	wrapper
	wire 'raw GET\s/\sHTTP/1.0\r\n\r\n' 'eof'
	logged 'looks like HTTP, not FastCGI (nginx: fastcgi_pass, not proxy_pass)'
}

@test "a thousand connections at once are all served" {
	ulimit -n "$(ulimit -Hn)"
	[ "$(ulimit -n)" -ge 3000 ]
	wrapper
	run -0 "$BUILD/storm" "$SOCK" "$CGI_C/nonce" 1000 1 1 plain
	[ "$output" = "good 1000 died 0 aborted 0 cut 0" ]
}

@test "under nohup HUP is ignored, by workers and their parent too; else it ends it as TERM does" {
	local workers pid
	trap '' HUP
	for workers in 1 2; do
		wrapper -workers $workers
		for pid in "$WRAPPER" $(children_of "$WRAPPER"); do
			kill -HUP "$pid"
		done
		run -0 get "$CGI/hello"
		stop_wrapper
		[ "$STATUS" -eq 0 ]
	done
	trap - HUP
	wrapper
	stop_wrapper HUP
	[ "$STATUS" -eq 0 ]
	[ ! -e "$SOCK" ]
}

@test "a relative PROGRAM is found from the folder that the wrapper was started in" {
	mkdir sub
	cp "$CGI_C/world" sub/world
	wrapper sub/world
	run -0 get /whatever
	[[ $output == *"argv="*"$PWD/sub/world"* || $output == *"$PWD/sub/world"* ]]
}

@test "a bare name of PROGRAM is looked for in PATH, an empty part of which is the folder it is started in" {
	cp "$CGI_C/world" found
	PATH=/none::$PATH wrapper found
	run -0 get /any
	[[ $output == *"argv[0]=$PWD/found"* ]]
	stop_wrapper
	PATH=$PATH: wrapper found
	run -0 get /any
	[[ $output == *"argv[0]=$PWD/found"* ]]
	stop_wrapper
	# A folder of that name is passed over.
	mkdir -p first/found
	PATH=$PWD/first::$PATH wrapper found
	run -0 get /any
	[[ $output == *"argv[0]=$PWD/found"* ]]
	PATH=/none run -1 "$CGI_FCGI" -listen "$SOCK.2" found
	[[ $output == *'found: no such program in PATH'* ]]
}

@test "a name that the file of hosts gives one address twice is listened on" {
	apart -mn true || skip 'no namespace of the network'
	printf '127.0.0.1 %s\n' twice.example 'localhost twice.example' >hosts
	cat >twice <<-'END'
		ip link set lo up
		mount --bind hosts /etc/hosts
		"$CGI_FCGI" -listen twice.example:9000 "$CGI/hello" 2>log &
		until [ -s log ]; do sleep 0.02; done
		"$CGI_FCGI" -connect twice.example:9000 -url /
		kill $!
		wait
	END
	run -0 apart -mn bash twice 3>&-
	[[ $output == hello* ]]
}

@test "sockets that were passed and do not listen are an error, as is a TCP one without a PROGRAM, -root, -allow or -handler" {
	# Expanded by the shell that becomes the wrapper.
	# shellcheck disable=SC2016
	run -2 --separate-stderr sh -c 'LISTEN_PID=$$ LISTEN_FDS=1 \
		exec "$CGI_FCGI" 3</dev/null'
	[[ $stderr == *'no listening socket was passed'* ]]
	run -2 --separate-stderr perl -MIO::Socket::INET -e '
		our $s = IO::Socket::INET->new(Listen => 5,
			LocalAddr => "127.0.0.1") or die;
		open STDIN, "<&", $s; exec @ARGV' "$CGI_FCGI"
	[[ $stderr == *'127.0.0.1:'*'give PROGRAM, -root, -allow or -handler'* ]]
}

@test "FCGI_WEB_SERVER_ADDRS takes IPv6 in brackets and blanks around; what is no address, or one too many, is an error" {
	local port many
	port=$(free_port)
	FCGI_WEB_SERVER_ADDRS='127.0.0.9, [::1] ' \
		wrapper_on "[::1]:$port" "$CGI/hello"
	ADDR=[::1]:$port get "$CGI/hello" | grep -q hello
	stop_wrapper
	FCGI_WEB_SERVER_ADDRS=::2 wrapper_on "[::1]:$port" "$CGI/hello"
	ADDR=[::1]:$port run ! get "$CGI/hello"
	logged "[::1]:"
	stop_wrapper
	many=$(printf '127.0.0.1,%.0s' {1..65})
	for addrs in nonsense "$(printf 1%.0s {1..100})" "$many"; do
		FCGI_WEB_SERVER_ADDRS=$addrs run -1 --separate-stderr \
			"$CGI_FCGI" -listen "$SOCK"
		[[ $stderr == *'not an IP address'* ]]
	done
}

@test "an option that may be repeated and is, too often, is a usage error or says what is too many" {
	local i many=() option
	ln -s "$CGI_FCGI" fcgiwrap
	for option in '-listen /x' '-allow /x' '-env a=b' '-handler .x=/bin/sh' \
		'-limit cpu=1' '-preload /x'; do
		many=()
		# Words of a command line.
		# shellcheck disable=SC2206
		for i in {1..65}; do many+=($option); done
		usage_error 'too many' -listen "$SOCK" "${many[@]}"
	done
	many=()
	for i in {1..65}; do many+=(-p /x); done
	run -2 ./fcgiwrap "${many[@]}"
	many=()
	for i in {1..64}; do many+=(-listen "$SOCK.$i"); done
	run -1 --separate-stderr timeout 10 "$CGI_FCGI" "${many[@]}"
	[[ $stderr == *'too many sockets'* ]]
	[ -z "$(find . -type s)" ]
}

@test "a stale socket that it may not remove is an error that says so" {
	[ "$(id -u)" -eq 0 ] || return 0
	mkdir closed
	perl -MIO::Socket::UNIX -e 'IO::Socket::UNIX->new(Listen => 1,
		Local => "closed/sock") or die'
	chmod 666 closed/sock
	run -1 --separate-stderr setpriv --reuid 61234 --clear-groups \
		"$CGI_FCGI" -listen "$PWD/closed/sock"
	[[ $stderr == *'cannot remove the stale socket: '* ]]
	chmod 600 closed/sock
	run -1 --separate-stderr setpriv --reuid 61234 --clear-groups \
		"$CGI_FCGI" -listen "$PWD/closed/sock"
	[[ $stderr == *'somebody may be listening there already: Permission'* ]]
	[ -S closed/sock ]
}

@test "TERM closes a connection that had no request soon, not at once" {
	wrapper -grace 30
	start idle wire 'timeout 20' eof
	wait_for eval '[ "$(ss -Hx src "$SOCK" | grep -c ESTAB)" -eq 1 ]'
	stop_wrapper
	[ "$STATUS" -eq 0 ]
	ended idle
	[ "$STATUS" -eq 0 ]
}

@test "-- ends the options" {
	cp "$CGI/hello" ./-hello
	wrapper -- ./-hello
	run -0 get /whatever
	[[ $output == *hello* ]]
}

@test "unix:NAME is a socket in the folder that it is started in" {
	start wrapper "$CGI_FCGI" -listen unix:own
	wait_for [ -S own ]
	ADDR=unix:own run -0 get "$CGI/hello"
	stop_wrapper
	[ ! -e own ]
}

@test ":PORT that is taken in one family alone is an error, and leaves nothing in the other" {
	local port
	port=$(free_port)
	wrapper_on "[::1]:$port" "$CGI/hello"
	run -1 --separate-stderr timeout 10 "$CGI_FCGI" -listen ":$port" \
		"$CGI/hello"
	[[ $stderr == *'someone is already listening there'* ]]
}

@test "a child that was there before it became the wrapper is nothing to it" {
	local workers
	for workers in 1 2; do
		start wrapper bash -c 'sleep 1000 & echo $! >early; exec "$@"' - \
			"$CGI_FCGI" -listen "$SOCK" -workers $workers
		wait_for listens "$SOCK"
		run -0 get "$CGI/hello"
		kill "$(cat early)"
		run -0 get "$CGI/hello"
		wait_for [ ! -e "/proc/$(cat early)" ]
		stop_wrapper
		[ "$STATUS" -eq 0 ]
	done
}

@test "STATUS= is told every ten seconds while there is something new, by workers' parent too" {
	start listener socat -u "UNIX-RECV:$PWD/notify" OPEN:told,creat,append
	wait_for [ -S notify ]
	NOTIFY_SOCKET=$PWD/notify wrapper
	run -0 get "$CGI/hello"
	NOTIFY_SOCKET=$PWD/notify start workers "$CGI_FCGI" -workers 2 \
		-listen "$SOCK.2"
	wait_for listens "$SOCK.2"
	ADDR=$SOCK.2 run -0 get "$CGI/hello"
	PATIENCE=20 wait_for eval '[ "$(grep -o STATUS= told | wc -l)" -ge 2 ]'
	# And goes on without anybody who listens.
	stop listener
	run -0 get "$CGI/hello"
	stop workers
}
