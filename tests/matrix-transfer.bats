# What HTTP asks of a CGI program's way through each server: when bytes arrive,
# which headers, what becomes of a client that leaves and of limits in time.
# Where a server cannot do a thing, it is said here with that server's limit.
bats_require_minimum_version 1.5.0
load helpers
load matrix

setup_file() {
	LIMIT=4
	# Words of a list.
	# shellcheck disable=SC2086
	open_hall $SERVERS $STARTERS authorizer
}

teardown_file() {
	close_hall
}

more_programs() {
	program cgi-bin/first.cgi <<-'END'
		#!/bin/sh
		# Prints, then waits for $QUERY_STRING to be there.
		printf 'Content-Type: text/plain\n\nfirst\n'
		i=0
		until [ -e "$SHARED/$QUERY_STRING" ] || [ $i -gt 300 ]; do
			sleep 0.02
			i=$((i + 1))
		done
		echo last
	END
	program cgi-bin/tick.cgi <<-'END'
		#!/bin/sh
		# Prints until it is ended; its pid is in a file.
		echo $$ >"$SHARED/$QUERY_STRING"
		printf 'Content-Type: text/plain\n\n'
		while :; do
			echo tick
			sleep 0.05
		done
	END
	program cgi-bin/mute.cgi <<-'END'
		#!/bin/sh
		echo $$ >"$SHARED/$QUERY_STRING"
		exec sleep 1000
	END
	program cgi-bin/headers.cgi <<-'END'
		#!/bin/sh
		case $QUERY_STRING in
		not-modified) printf 'Status: 304 Not Modified\nETag: "x"\n\n' ;;
		bare) printf 'Location: http://example.net/there\n\n' ;;
		absolute)
			printf 'Status: 302 Found\n'
			printf 'Location: http://example.net/there\n\n'
			;;
		local)
			printf 'Status: 302 Found\n'
			printf 'Location: /cgi-bin/hello.cgi?moved\n\n'
			;;
		cookies)
			printf 'Set-Cookie: a=1; Path=/\nSet-Cookie: b=2\n'
			printf 'Content-Type: text/plain\nX-Own: yes\n\n'
			[ "$REQUEST_METHOD" = HEAD ] || printf body
			;;
		esac
	END
	# Those that a server starts have no variable of ours.
	sed -i "2i SHARED=$HALL/shared" cgi-bin/{first,tick,mute}.cgi
	program cgi-bin/may <<-'END'
		#!/bin/sh
		if [ "$QUERY_STRING" = please ]; then
			printf 'Status: 200 OK\n\n'
		else
			printf 'Status: 403 Forbidden\nContent-Type: text/plain\n\nNo.\n'
		fi
	END
}

@test "the first bytes are with the client before the program ends" {
	check() {
		curl -sSN --max-time 20 "$URL/cgi-bin/first.cgi?$SERVER" >got &
		local pid=$!
		case $SERVER in
		mod_fcgid) ;; # It collects FcgidOutputBufferSize, 64 KiB.
		*) wait_for grep -qx first got ;;
		esac
		grep -q last got && exit 1
		touch "$HALL/shared/$SERVER"
		wait $pid
		[ "$(cat got)" = $'first\nlast' ]
	}
	each check $SERVERS $STARTERS
}

@test "a client that leaves a printing program ends it within seconds" {
	check() {
		local pid
		curl -sSN "$URL/cgi-bin/tick.cgi?tick-$SERVER" >got &
		pid=$!
		wait_for [ -s "$HALL/shared/tick-$SERVER" ]
		[ "$SERVER" = mod_fcgid ] || wait_for grep -q tick got
		kill $pid
		wait $pid || :
		case $SERVER in
		# It looks for its client when 64 KiB have come.
		mod_fcgid) kill "$(cat "$HALL/shared/tick-$SERVER")" ;;
		esac
		wait_for gone_of "$HALL/shared/tick-$SERVER"
	}
	each check $SERVERS $STARTERS
}

# nginx alone looks whether its client is still there. Behind the others a
# program that prints nothing is ended by a limit in time.
@test "a client that leaves a silent program ends it: at once behind nginx, by -timeout behind the others" {
	check() {
		local pid from
		curl -sSN "$URL/cgi-bin/mute.cgi?left-$SERVER" >got &
		pid=$!
		wait_for [ -s "$HALL/shared/left-$SERVER" ]
		from=$(now_ms)
		kill $pid
		wait $pid || :
		wait_for gone_of "$HALL/shared/left-$SERVER"
		[ "$SERVER" != nginx ] || [ $(($(now_ms) - from)) -lt 3000 ]
	}
	each check $SERVERS
}

@test "a program past -timeout is a 504 page of the wrapper's, and it is gone" {
	check() {
		expect 504 "/cgi-bin/mute.cgi?mute-$SERVER"
		body_is '504 Gateway Timeout'
		wait_for gone_of "$HALL/shared/mute-$SERVER"
	}
	each check $SERVERS
}

@test "two Set-Cookie fields and fields of the program's own arrive" {
	check() {
		expect 200 /cgi-bin/headers.cgi?cookies -D header
		body_is body
		[ "$(grep -ci '^set-cookie: [ab]=' header)" -eq 2 ]
		grep -qi '^x-own: yes' header
	}
	each check $SERVERS $STARTERS
}

@test "HEAD has the header and no body" {
	check() {
		[ "$(curl -sS --max-time 20 -I -o header -w '%{http_code} %{size_download}' \
			"$URL/cgi-bin/headers.cgi?cookies")" = '200 0' ]
		[ "$(grep -ci '^set-cookie: [ab]=' header)" -eq 2 ]
	}
	each check $SERVERS $STARTERS
}

@test "304 is a 304 without a body" {
	check() {
		expect 304 /cgi-bin/headers.cgi?not-modified -D header \
			-H 'If-None-Match: "x"'
		[ ! -s body ]
		grep -qi '^etag: "x"' header
	}
	each check $SERVERS $STARTERS
}

@test "an absolute redirect is a 302 with its Location" {
	check() {
		[ "$(curl -sS --max-time 20 -o body -w '%{http_code} %{redirect_url}' \
			"$URL/cgi-bin/headers.cgi?absolute")" = \
			'302 http://example.net/there' ]
	}
	each check $SERVERS $STARTERS
}

# RFC 3875, 6.2.3, makes that a 302, which is for the server to do. Apache's
# mod_proxy_fcgi, Caddy and h2o do not: programs must print a Status there.
@test "a Location without a Status is a 302 behind nginx, lighttpd, HAProxy and mod_fcgid" {
	check() {
		case $SERVER in
		apache* | caddy | h2o) expect 200 /cgi-bin/headers.cgi?bare ;;
		*) expect 302 /cgi-bin/headers.cgi?bare ;;
		esac
	}
	each check $SERVERS $STARTERS
}

@test "a redirect within the site leads to the page" {
	check() {
		expect 200 /cgi-bin/headers.cgi?local -L
		body_is 'hello moved'
	}
	each check $SERVERS $STARTERS
}

@test "a chunked upload has its length and every byte" {
	head -c 3000001 /dev/urandom >sent
	check() {
		local file=../sent
		case $SERVER in
		haproxy*)
			# What is larger than tune.bufsize it refuses.
			head -c 10001 ../sent >small
			file=small
			;;
		esac
		expect 200 /cgi-bin/digest.cgi -H 'Transfer-Encoding: chunked' \
			--data-binary @$file
		body_is "$(wc -c <$file) $(sha256sum <$file | cut -c 1-64)"
	}
	each check $SERVERS $STARTERS
}

@test "a large upload and a large download, every byte, at all servers at once" {
	head -c 20000000 /dev/urandom >sent
	check() {
		expect 200 /cgi-bin/digest.cgi --data-binary @../sent
		body_is "20000000 $(sha256sum <../sent | cut -c 1-64)"
		curl -sS "$URL/cgi-bin/pour.cgi?30000000" | cksum >got
		QUERY_STRING=30000000 "$CGI_C/pour" |
			tail -c 30000000 | cksum | cmp - got
	}
	each check $SERVERS $STARTERS
}

@test "statuses arrive as the program says them" {
	check() {
		local status
		for status in 200 201 404 418 500 503; do
			expect $status "/cgi-bin/status.cgi?$status"
		done
		# Where no body may be, HAProxy makes a 502 of one; the others
		# drop it.
		case $SERVER in
		haproxy*) expect 502 /cgi-bin/status.cgi?204 ;;
		*) expect 204 /cgi-bin/status.cgi?204 ;;
		esac
	}
	each check $SERVERS $STARTERS
}

@test "the status page's ping answers behind nginx, Apache and lighttpd" {
	check() {
		expect 200 /cgi-status/ping
		body_is pong
	}
	each check nginx apache apache-anew lighttpd
}

@test "no server hands out a program's own bytes" {
	check() {
		local path
		for path in /gitweb /cgit /git /cgi-bin/hello.cgi; do
			reply $path
			if head -c 4 body | grep -aq '^#!\|ELF'; then
				exit 1
			fi
		done
	}
	each check $SERVERS $STARTERS
}

@test "lighttpd's authorizer mode: the program lets in and keeps out" {
	mkdir -p "$HALL/www/private"
	echo secret >"$HALL/www/private/file"
	at authorizer
	expect 403 /private/file
	body_is No.
	expect 200 /private/file?please
	body_is secret
}

@test "Apache keeps connections to the wrapper with enablereuse, and makes new ones without" {
	# accepted: how many the wrapper has had, this question's own too.
	accepted() {
		"$CGI_FCGI" -connect "$HALL/sock" -url /cgi-status |
			sed -n 's/^accepted: //p'
	}
	# made_by SERVER: connections that ten requests cost.
	made_by() {
		local before i
		at "$1"
		before=$(accepted)
		for i in {1..10}; do
			expect 200 /cgi-bin/hello.cgi
		done
		made=$(($(accepted) - before - 1))
	}
	made_by apache
	[ "$made" -le 5 ]
	made_by apache-anew
	[ "$made" -ge 10 ]
}
