# Mistakes on the command line and in the environment: one line that says which
# and why, before anything is listened on.
bats_require_minimum_version 1.5.0
load helpers

# refused STATUS TEXT ARG...: ends with STATUS, says TEXT, and no socket's file
# stays behind.
refused() {
	local want=$1 text=$2
	shift 2
	run -"$want" timeout 10 "$CGI_FCGI" -listen "$SOCK" "$@"
	[[ $output == *"$text"* ]] || {
		echo "said: $output"
		return 1
	}
	[ ! -e "$SOCK" ]
}

@test "options that contradict each other are a usage error" {
	refused 2 '-root' -root / /bin/true
	refused 2 '-allow' -allow /bin/true /bin/true
	refused 2 '-handler' -handler .pl=/usr/bin/perl /bin/true
	refused 2 '-as-owner' -as-owner 1000 -user daemon
	run -2 "$CGI_FCGI" -listen "$SOCK" -connect "$SOCK"
	[ ! -e "$SOCK" ]
}

@test "a folder or program that is not there is an error that names it" {
	refused 1 "-root $PWD/none" -root "$PWD/none"
	refused 1 "-allow $PWD/none" -allow "$PWD/none"
	refused 1 "$PWD/none" -handler ".x=$PWD/none"
	refused 1 "$PWD/none" "$PWD/none"
	refused 1 'no-such-program-here' no-such-program-here
	refused 1 "-chroot $PWD/none" -chroot "$PWD/none"
}

@test "a value out of range, malformed or unknown is a usage error that names its option" {
	refused 2 '-max 0' -max 0
	refused 2 '-max 9999999999999999999999' -max 9999999999999999999999
	refused 2 '-queue -1' -queue -1
	refused 2 '-workers 0' -workers 0
	refused 2 '-timeout soon' -timeout soon
	refused 2 '-timeout 1.2.3' -timeout 1.2.3
	refused 2 '-mode 888' -mode 888
	refused 2 '-mode 1777' -mode 1777
	refused 2 '-limit mem=1' -limit mem=1
	refused 2 '-limit as=much' -limit as=much
	refused 2 '-stderr nowhere' -stderr nowhere
	refused 2 '-handler pl' -handler pl
	refused 2 '-env =x' -env =x
	refused 2 '-as-owner 0' -as-owner 0
	refused 2 '-verbose takes no value' -verbose=1
	refused 2 '-max needs' -max
	refused 2 '-status status: a path begins with /' -status status
}

@test "an address in FCGI_WEB_SERVER_ADDRS that is none is an error that names it" {
	export FCGI_WEB_SERVER_ADDRS=127.0.0.1,localhost
	refused 1 'FCGI_WEB_SERVER_ADDRS: localhost'
}

@test "a folder where a program should be, or a file where a folder should, is an error that names it" {
	touch file
	refused 1 "$PWD/file: not a folder" -root "$PWD/file"
	refused 1 "$PWD: not a file" "$PWD"
	refused 1 "$PWD: not a file" -handler ".x=$PWD"
}

@test "a mistake that only shows behind -chroot or as -user is found before anything is listened on" {
	# Nor is it a matter of moments: what listens is seen.
	export ASAN_OPTIONS="${ASAN_OPTIONS:-}:detect_leaks=0"
	mkdir -p jail/cgi shut
	program shut/prog <<<'#!/bin/sh'
	chmod 700 shut
	refused 1 '-root /none' -chroot "$PWD/jail" -root /none
	refused 1 '/none' -chroot "$PWD/jail" /none
	refused 1 "$PWD/shut/prog" -user 61234 "$PWD/shut/prog"
	refused 1 "-root $PWD/shut/prog" -user 61234 -root "$PWD/shut/prog"
	refused 1 '-handler /bin/sh' -chroot "$PWD/jail" -handler .x=/bin/sh
	run ! grep -q 'listening on' <<<"$output"
	run -1 "$CGI_FCGI" -listen "$SOCK" -chroot "$PWD/jail" -daemon \
		-root /none
	[[ $output == *'-root /none'* ]]
	[ ! -e "$SOCK" ]
}

@test "a pidfile that cannot be written is an error before anything is listened on, of a daemon too" {
	local how
	for how in -verbose -daemon; do
		refused 1 "-pidfile $PWD/none/pid" $how -pidfile "$PWD/none/pid"
	done
	ln -s elsewhere link
	refused 1 "-pidfile $PWD/link" -pidfile "$PWD/link"
	[ ! -e elsewhere ]
}

@test "an instance that does not start leaves another's pidfile and sockets as they are, and none of its own" {
	wrapper -pidfile "$PWD/pid"
	wait_for [ -s pid ]
	run -1 "$CGI_FCGI" -listen "$PWD/other" -listen "$SOCK" \
		-pidfile "$PWD/pid"
	[[ $output == *"$SOCK: someone is already listening there"* ]]
	[ ! -e other ]
	[ "$(cat pid)" = "$WRAPPER" ]
	run -1 "$CGI_FCGI" -listen "$SOCK" -pidfile "$PWD/pid2"
	[ ! -e pid2 ]
	get "$CGI/hello" | grep -q hello
	stop_wrapper
	[ ! -e pid ]
}

@test "each message is one line" {
	run -1 "$CGI_FCGI" -listen "$SOCK" -root "$PWD/none"
	[ "${#lines[@]}" -eq 1 ]
	run -1 "$CGI_FCGI" -listen "$SOCK" -user no-such-user-here
	[ "${#lines[@]}" -eq 1 ]
	run -1 "$CGI_FCGI" -listen "$PWD/none/sock"
	[ "${#lines[@]}" -eq 1 ]
	# Usage errors point to -help in a second one.
	run -2 "$CGI_FCGI" -listen "$SOCK" -max none
	[ "${#lines[@]}" -eq 2 ]
}

@test "an address that is none is a usage error that says how it is written" {
	local long
	long=$(printf 'x%.0s' {1..300})
	malformed() {
		run -2 "$CGI_FCGI" "$1" "$2" /bin/true
		[[ ${lines[0]} == *"$1"*"$3"* ]]
	}
	for option in -listen -connect; do
		malformed $option ::1:80 '[ADDRESS]:PORT'
		malformed $option '[]:80' '[ADDRESS]:PORT'
		malformed $option '[::1' '[ADDRESS]:PORT'
		malformed $option "$long:80" 'too long'
		malformed $option "/$long" 'too long'
		malformed $option nothing 'not an address'
		malformed $option http://127.0.0.1:80/ 'a URL'
		malformed $option tcp://127.0.0.1:80 'a URL'
		malformed $option localhost: port
		malformed $option localhost:65536 port
		malformed $option unix: empty
		malformed $option @ empty
	done
}

@test "what looks like a URL and can be nothing but a path is one" {
	local addr
	for addr in unix://sock ./a://sock /a://sock unix:a://sock @a://sock; do
		run -7 "$CGI_FCGI" -connect "$addr" -url /
	done
}

@test "a group that does not exist, and a user's name that is too long, are usage errors" {
	refused 2 'no such group' -owner "daemon:no-such-group-here"
	refused 2 'too long' -owner "$(printf 'x%.0s' {1..300})"
}

@test "without a side, an option that nobody knows is named" {
	run -2 "$CGI_FCGI" -nonsense
	[[ ${lines[0]} == *-nonsense* ]]
	run -2 "$CGI_FCGI" -f "$PWD"
	[[ ${lines[0]} == *"$PWD"*directory* ]]
}

@test "an option of the other side is a usage error that says whose it is" {
	refused 2 '-url belongs to the bridge (-connect)' -url /
	refused 2 '--fail belongs to the bridge (-connect)' --fail
	run -2 "$CGI_FCGI" -connect "$SOCK" -url -max -max=3
	[[ ${lines[0]} == *'-max=3 belongs to the wrapper (-listen)' ]]
	run -2 "$CGI_FCGI" -once -verbose /bin/true
	[[ ${lines[0]} == *'-verbose belongs to the wrapper (-listen)' ]]
}

@test "an option of the bridge without -connect and -once is a usage error that names both" {
	run -2 "$CGI_FCGI" -url / ./app
	[[ ${lines[0]} == 'cgi-fcgi: neither -connect nor -once is given' ]]
}

@test "-f with a file that chooses no side is a usage error that names the file" {
	echo '# -listen sock' >file
	run -2 "$CGI_FCGI" -f file
	[[ ${lines[0]} == 'cgi-fcgi: file: neither -listen nor -connect '* ]]
}

@test "a full disk under -help and -version is an error" {
	local option
	for option in -help -version; do
		run -1 bash -c '"$1" "$2" >/dev/full' - "$CGI_FCGI" $option
		[[ $output == *stdout* ]]
	done
}
