# Both sides at once: the bridge asks the wrapper, with no web server between.
bats_require_minimum_version 1.5.0
load helpers

@test "-url and -root ask for a program; header and body come with -include, the body alone without" {
	wrapper
	run -0 ask '/hello?you'
	[ "$output" = $'Content-Type: text/plain\n\nhello you' ]
	run -0 "$CGI_FCGI" -url '/hello?you' -root "$CGI" -connect "$SOCK"
	[ "$output" = 'hello you' ]
}

@test "the same over TCP and an abstract socket" {
	local port
	port=$(free_port)
	wrapper -listen "127.0.0.1:$port" -listen "@cgi-fcgi-both-$port" \
		-root "$CGI"
	for ADDR in "$SOCK" "127.0.0.1:$port" "@cgi-fcgi-both-$port"; do
		wait_for ask /hello
		[ "$(ask '/hello?you')" = $'Content-Type: text/plain\n\nhello you' ]
	done
}

@test "a body goes through whole, from a file and from a pipe" {
	wrapper
	head -c 3000000 /dev/urandom >sent
	local sum
	sum=$(sha256sum <sent)
	run -0 ask /digest -body sent
	[[ $output == *"3000000 ${sum%% *}" ]]
	ask /digest -body - <sent | grep -q "3000000 ${sum%% *}"
}

@test "a program that echoes 64 MiB while it reads: every byte" {
	wrapper
	head -c 67108864 /dev/urandom >sent
	"$CGI_FCGI" -url /echo -root "$CGI" -connect "$SOCK" -body sent >got
	cmp sent got
	if memory_counts; then
		[ "$(peak_kib "$WRAPPER")" -lt 4000 ]
	fi
}

@test "exit status, stderr and signals of the program come out of the bridge" {
	WHEN=after wrapper -env WHEN
	run -42 --separate-stderr ask /exit42
	run -0 --separate-stderr ask /complain
	[ "$stderr" = $'first complaint\nlast complaint' ]
	run -134 --separate-stderr ask /crash
}

@test "the environment is the request: a CGI request of a server goes on as it is" {
	wrapper
	run -0 env -i REQUEST_METHOD=POST CONTENT_LENGTH=5 \
		SCRIPT_FILENAME="$CGI/echo" "$CGI_FCGI" -bind -connect "$SOCK" \
		<<<hello
	[ "${lines[-1]}" = hello ]
	run -0 env -i REQUEST_METHOD=GET SCRIPT_FILENAME="$CGI_C/world" \
		GATEWAY_INTERFACE=CGI/1.1 'ODD=a b' EMPTY= \
		"$CGI_FCGI" -bind -connect "$SOCK"
	[[ $output == *$'\nenv ODD=a b\n'* ]]
	[[ $output == *$'\nenv EMPTY=\n'* ]]
}

@test "an environment of 60 KiB goes through whole" {
	wrapper
	local long
	long=$(printf 'x%.0s' {1..60000})
	run -0 env -i REQUEST_METHOD=GET SCRIPT_FILENAME="$CGI_C/world" \
		"LONG=$long" LAST=1 "$CGI_FCGI" -bind -connect "$SOCK"
	[[ $output == *"env LONG=$long"* ]]
	[[ $output == *'env LAST=1'* ]]
}

@test "-fail makes an exit status of an HTTP error, the wrapper's own replies too" {
	wrapper
	run -22 --separate-stderr ask '/status?404' -fail
	run -0 --separate-stderr ask '/status?302' -fail
	run -22 --separate-stderr ask /nothing -fail
	[[ $stderr == *nothing* ]]
}

@test "the bridge's end ends the program" {
	export PIDFILE=$PWD/pid
	wrapper -env PIDFILE
	start bridge "$CGI_FCGI" -url /silent -root "$CGI" -connect "$SOCK"
	wait_for [ -s pid ]
	kill "$PID"
	ended bridge
	wait_for gone_of pid
}

@test "-timeout ends the asking with 28, and so the program" {
	export PIDFILE=$PWD/pid
	wrapper -env PIDFILE
	run -28 --separate-stderr ask /silent -timeout 3
	wait_for gone_of pid
}

@test "-timeout leaves alone what moves: an answer that comes slowly, or is read slowly, a body that comes slowly" {
	program slow <<-'END'
		#!/bin/sh
		printf 'A: b\n\n'
		for i in 1 2 3 4 5; do sleep 0.5; printf $i; done
	END
	# sip BYTES: reads so much every now and then, says how much it was.
	sip() {
		perl -e 'my $n = 0; while (my $got = sysread STDIN, my $bytes, $ARGV[0]) {
				$n += $got; select undef, undef, undef, 0.7 }
			print $n' "$1"
	}
	wrapper
	ROOT=$PWD run -0 ask /slow -timeout 1.5
	[[ $output == *$'\n12345' ]]
	ROOT=$PWD run -0 ask /slow -head -timeout 1.5
	[ "$output" = 'A: b' ]
	# One record alone takes longer than that.
	ROOT=$CGI_C ask '/pour?300000' -content -timeout 2 -trace 2>/dev/null |
		sip 16384 >traced &
	ROOT=$CGI_C ask '/pour?300000' -content -timeout 2 | sip 16384 >passed
	wait $!
	[ "$(cat passed)" -eq 300000 ]
	[ "$(cat traced)" -eq 300000 ]
	for i in a b c d e; do sleep 0.5; printf $i; done |
		env -i REQUEST_METHOD=POST CONTENT_LENGTH=5 \
			SCRIPT_FILENAME="$CGI/count" "$CGI_FCGI" \
			-connect "$SOCK" -content -timeout 1.5 >got
	[ "$(cat got)" = '5 5' ]
}

@test "-values tells what the wrapper says of itself" {
	wrapper
	run -0 "$CGI_FCGI" -connect "$SOCK" -values
	[[ $output == *FCGI_MPXS_CONNS=1* ]]
}

@test "fifty bridges at once: each gets its own reply" {
	wrapper
	seq 1 50 | xargs -P 50 -I {} "$CGI_FCGI" -url '/hello?{}' \
		-root "$CGI" -connect "$SOCK" >all
	[ "$(sort -u all | grep -c '^hello [0-9]*$')" -eq 50 ]
}

@test "a 1 GiB reply to a bridge whose reader stalls: every byte, memory flat" {
	mkdir www
	cp "$CGI_C/pour" www/
	wrapper
	"$CGI_FCGI" -url '/pour?1073741824' -root "$PWD/www" -connect "$SOCK" |
		{
			sleep 1
			wc -c
		} >count
	[ "$(cat count)" -eq 1073741824 ]
	if memory_counts; then
		[ "$(peak_kib "$WRAPPER")" -lt 4000 ]
	fi
}
