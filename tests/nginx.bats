# Behind nginx: what an administrator pastes, and what nginx does by itself.
bats_require_minimum_version 1.5.0
load helpers

# at_nginx [DIRECTIVE]...: all below / goes to the wrapper on $SOCK.
at_nginx() {
	start_nginx <<-END
		location / {
		    include /etc/nginx/fastcgi_params;
		    fastcgi_param SCRIPT_FILENAME ${ROOT:-$CGI}\$fastcgi_script_name;
		    fastcgi_pass ${ADDR:-unix:$SOCK};
		    $*
		}
	END
}

@test "a program answers behind nginx over a unix socket" {
	wrapper
	at_nginx
	run -0 curl -sS "$URL/hello?world"
	[ "$output" = 'hello world' ]
}

@test "a program answers behind nginx over TCP, with connections kept" {
	local port
	port=$(free_port)
	wrapper_on "127.0.0.1:$port" -root "$CGI"
	NGINX_HTTP="upstream app { server 127.0.0.1:$port; keepalive 4; }"
	ADDR=app at_nginx 'fastcgi_keep_conn on;'
	for i in {1..20}; do
		[ "$(curl -sS "$URL/hello?$i")" = "hello $i" ] || return
	done
	local kept
	kept=$(ss -Htn state established "dport = :$port" | wc -l)
	[ "$kept" -ge 1 ]
	[ "$kept" -le 4 ]
}

@test "the programs' statuses reach the client" {
	wrapper
	at_nginx
	for status in 200 201 204 302 400 404 418 500 503; do
		expect $status "/status?$status" || return
	done
	expect 418 /nph
	body_is short
}

@test "each error reply is the status that was meant, and names no path" {
	mkdir -p www/folder
	cp "$CGI/hello" www/hello
	cp "$CGI/empty" "$CGI/nohead" www/
	cp "$CGI/silent" www/
	echo text >www/plain
	program www/bad <<<'#!/no/such/thing'
	export PIDFILE=$PWD/pid
	wrapper -env PIDFILE -timeout 3 -root "$PWD/www"
	ROOT=$PWD/www at_nginx
	check() {
		expect "$1" "$2" || return
		[ -s body ] || return
		if grep -q "$BATS_TEST_TMPDIR" body; then
			return 1
		fi
	}
	check 200 /hello
	check 404 /nothing
	check 403 /folder
	check 403 /plain
	check 500 /bad
	check 500 /empty
	check 500 /nohead
	check 504 /silent
	grep -q 'FastCGI sent in stderr.*nothing' nginx/error.log
}

@test "a body that cannot be kept is a 500, and the next request is served" {
	wrapper -spool "$PWD/no/such/folder"
	at_nginx 'fastcgi_request_buffering off;'
	head -c 100000 /dev/zero >sent
	expect 500 /count -H 'Transfer-Encoding: chunked' --data-binary @sent
	expect 200 /hello
}

@test "a body for which the disk has no room is a 507, and the next request is served" {
	# A limit on the size of files is the disk that anybody can fill.
	(ulimit -f 1000 && trap '' XFSZ && wrapper)
	WRAPPER=$(cat wrapper.pid)
	at_nginx 'fastcgi_request_buffering off;' 'client_max_body_size 0;'
	head -c 3000000 /dev/zero >sent
	expect 507 /count -H 'Transfer-Encoding: chunked' --data-binary @sent
	expect 200 /hello
}

@test "past -max and -queue the client gets a 503 with Retry-After" {
	export WAIT=$PWD/go
	wrapper -max 1 -queue 0 -env WAIT
	at_nginx
	curl -sS "$URL/deaf" >first 3>&- &
	wait_for has_program
	expect 503 /hello -D header
	grep -qi '^retry-after:' header
	touch go
	wait $!
	grep -q deaf first
}

has_program() {
	[ -n "$(programs_of "$WRAPPER")" ]
}

@test "stderr lands in nginx' error log" {
	wrapper
	at_nginx
	expect 200 /complain
	wait_for grep -q 'FastCGI sent in stderr: "first complaint' \
		nginx/error.log
	run ! logged complaint
}

@test "a program that echoes 64 MiB while it reads: every byte, with request buffering and without" {
	wrapper
	head -c 67108864 /dev/urandom >sent
	at_nginx 'fastcgi_buffering off;'
	expect 200 /echo --data-binary @sent
	cmp sent body
	stop nginx
	at_nginx 'fastcgi_request_buffering off;'
	expect 200 /echo --data-binary @sent
	cmp sent body
	if memory_counts; then
		[ "$(peak_kib "$WRAPPER")" -lt 4000 ]
	fi
}

@test "a program that prints its header before it reads gets all of the body" {
	program count <<-'END'
		#!/bin/sh
		printf 'Content-Type: text/plain\n\n'
		sleep 0.3
		wc -c
	END
	wrapper
	head -c 8388608 /dev/zero >sent
	ROOT=$PWD at_nginx
	expect 200 /count --data-binary @sent
	body_is 8388608
	stop nginx
	ROOT=$PWD at_nginx 'fastcgi_request_buffering off;'
	expect 200 /count --data-binary @sent
	body_is 8388608
}

@test "a program that never reads its body is answered" {
	wrapper
	head -c 8388608 /dev/zero >sent
	at_nginx
	expect 200 /hello --data-binary @sent
	body_is 'hello '
	expect 200 /deaf --data-binary @sent
	body_is deaf
}

@test "a chunked upload through nginx without request buffering: the right CONTENT_LENGTH, every byte" {
	wrapper
	head -c 5000001 /dev/urandom >sent
	at_nginx 'fastcgi_request_buffering off;'
	expect 200 /digest -H 'Transfer-Encoding: chunked' \
		--data-binary @sent
	body_is "5000001 $(sha256sum <sent | cut -d ' ' -f 1)"
	expect 200 /count -H 'Transfer-Encoding: chunked' -d abc
	body_is '3 3'
}

@test "an upload of 256 MiB and a download of 1 GiB: checksums right, the wrapper's memory bounded" {
	mkdir www
	cp "$CGI/digest" www/
	cp "$CGI_C/pour" www/
	wrapper
	ROOT=$PWD/www at_nginx 'fastcgi_max_temp_file_size 0;'
	# poured BYTES: what it prints behind its header.
	poured() {
		QUERY_STRING=$1 "$CGI_C/pour" | { read -r && read -r && cat; }
	}
	local want
	want=$(poured 268435456 | tee sent | sha256sum | cut -d ' ' -f 1)
	expect 200 /digest -T sent -X POST
	body_is "268435456 $want"
	rm sent
	want=$(poured 1073741824 | cksum)
	[ "$(curl -sS "$URL/pour?1073741824" | cksum)" = "$want" ]
	if memory_counts; then
		[ "$(peak_kib "$WRAPPER")" -lt 4000 ]
	fi
}

@test "server-sent events: each arrives as it is printed" {
	export STEPS=$PWD
	wrapper -env STEPS
	at_nginx 'fastcgi_buffering off;'
	curl -sSN "$URL/steps" >events 3>&- &
	for letter in a b c d; do
		wait_for grep -q "$letter\$" events
		touch $letter
	done
	wait $!
	[ "$(cat events)" = abcd ]
}

@test "a visitor who leaves a silent program ends it" {
	export PIDFILE=$PWD/pid
	wrapper -env PIDFILE
	at_nginx
	curl -sS "$URL/silent" 3>&- &
	wait_for [ -s pid ]
	kill $!
	wait $! || :
	wait_for gone_of pid
}

@test "a HEAD request, a redirect and a Location within the site" {
	program redirect <<-'END'
		#!/bin/sh
		printf 'Location: http://example.org/there\n\n'
	END
	program within <<-'END'
		#!/bin/sh
		printf 'Status: 302 Found\nLocation: /hello?moved\n\n'
	END
	cp "$CGI/hello" .
	wrapper
	ROOT=$PWD at_nginx
	run -0 curl -sSI "$URL/hello"
	[[ $output == *'200 OK'* ]]
	run -0 curl -sS -o /dev/null -w '%{http_code} %{redirect_url}' \
		"$URL/redirect"
	[ "$output" = '302 http://example.org/there' ]
	expect 200 /within -L
	body_is 'hello moved'
}

@test "fastcgi_split_path_info and the wrapper agree on PATH_INFO" {
	wrapper
	mkdir www
	cp "$CGI_C/world" www/prog.cgi
	start_nginx <<-END
		location ~ ^(.+\.cgi)(/.*)\$ {
		    fastcgi_split_path_info ^(.+\.cgi)(/.*)\$;
		    include /etc/nginx/fastcgi_params;
		    fastcgi_param SCRIPT_FILENAME $PWD/www\$fastcgi_script_name;
		    fastcgi_param PATH_INFO \$fastcgi_path_info;
		    fastcgi_pass unix:$SOCK;
		}
		location ^~ /auto/ {
		    include /etc/nginx/fastcgi_params;
		    fastcgi_param DOCUMENT_ROOT $PWD/www;
		    rewrite ^/auto(/.*)\$ \$1 break;
		    fastcgi_param SCRIPT_NAME \$uri;
		    fastcgi_pass unix:$SOCK;
		}
	END
	for path in /prog.cgi/a/b%20c /auto/prog.cgi/a/b%20c; do
		run -0 curl -sS "$URL$path"
		grep -qxF 'env PATH_INFO=/a/b c' <<<"$output" || return
		grep -qxF 'env SCRIPT_NAME=/prog.cgi' <<<"$output" || return
	done
}

@test "many clients at once: nobody gets another's page" {
	wrapper
	at_nginx
	many_replies 20 '/hello?[1-400]' -o 'page#1'
	cat page{1..400} | cmp - <(printf 'hello %d\n' {1..400})
}

@test "a reload of nginx and a restart of the wrapper lose nothing afterwards" {
	wrapper
	at_nginx
	expect 200 /hello
	local old
	old=$(children_of "$(cat nginx.pid)")
	kill -HUP "$(cat nginx.pid)"
	# Words are wanted.
	# shellcheck disable=SC2086
	wait_for gone $old
	expect 200 /hello
	stop_wrapper
	expect 502 /hello
	wrapper
	expect 200 /hello
}
