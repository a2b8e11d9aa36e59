# The bridge as a CGI program: FastCGI applications behind servers that know
# only CGI.
bats_require_minimum_version 1.5.0
load helpers
load bridge

# bridge_script ADDR [WORD]...: the file www/cgi-bin/app.cgi, a #! script that
# asks there. Servers may run as somebody who may not look into the
# repository: they get a copy of the binary.
bridge_script() {
	mkdir -p www/cgi-bin
	cp "$CGI_FCGI" bin
	program www/cgi-bin/app.cgi <<-END
		#!$PWD/bin -f
		# what is asked, and how long it may take
		-connect $1
		${*:2}
	END
}

# as_server: everything that a CGI server may run is open to it.
open_up() {
	chmod a+rx "$PWD" www www/cgi-bin bin "$APP"
	chmod 666 "$SOCK" || :
}

# passes: what every server must bring across.
passes() {
	run -0 curl -sS "$URL/cgi-bin/app.cgi?some+words"
	[ "$output" = 'hello some+words' ]
	head -c 300000 /dev/urandom >sent
	if [ -z "${NO_BODY:-}" ]; then
		curl -sS "$URL/cgi-bin/app.cgi?echo" --data-binary @sent |
			cmp - sent
	fi
	expect 404 /cgi-bin/app.cgi?status=404
	# A query that looks like options adds none.
	run -0 curl -sS "$URL/cgi-bin/app.cgi?-connect+/no/such/socket"
	[ "$output" = 'hello -connect+/no/such/socket' ]
}

# fails: the page when the application is gone.
fails() {
	stop app
	expect 502 /cgi-bin/app.cgi
	run ! grep -q -e "$PWD" -e "$SOCK" body
}

@test "behind lighttpd's mod_cgi: pages, bodies, statuses, a failure's page" {
	app
	bridge_script "$SOCK"
	start_lighttpd <<-END
		server.modules = ("mod_cgi")
		cgi.assign = (".cgi" => "")
	END
	open_up
	passes
	fails
}

@test "behind busybox httpd: pages, bodies, statuses, a failure's page" {
	app
	bridge_script "$SOCK"
	open_up
	busybox_once() {
		server busybox busybox httpd -f -p "127.0.0.1:$PORT" -h "$PWD/www"
	}
	try_ports busybox_once
	passes
	fails
}

@test "behind mini-httpd: pages, statuses, a failure's page" {
	app
	bridge_script "$SOCK"
	open_up
	mini_once() {
		server mini_httpd mini_httpd -D -h 127.0.0.1 -p "$PORT" \
			-d "$PWD/www" -c 'cgi-bin/*' -i "$PWD/mini.pid"
	}
	try_ports mini_once
	# It breaks most connections that bring a body, whatever program it
	# runs.
	NO_BODY=1 passes
	fails
}

apache() {
	APACHE_MODULES=cgid start_apache <<-END
		ScriptSock $PWD/apache/cgisock
		ScriptAlias /cgi-bin/ $PWD/www/cgi-bin/
		Timeout 60
	END
}

# mod_cgi belongs to the prefork server.
apache_prefork() {
	start_apache <<-END
		ScriptAlias /cgi-bin/ $PWD/www/cgi-bin/
		Timeout 60
	END
}

@test "behind Apache: pages, bodies, statuses, a failure's page" {
	app
	bridge_script "$SOCK"
	apache
	open_up
	passes
	fails
}

@test "a chunked upload behind Apache's mod_cgi has its length and every byte" {
	app
	bridge_script "$SOCK"
	apache_modules() {
		local name
		for name in mpm_prefork authz_core alias cgi env; do
			echo "LoadModule ${name}_module /usr/lib/apache2/modules/mod_$name.so"
		done
	}
	apache_prefork
	open_up
	head -c 500000 /dev/urandom >sent
	curl -sS "$URL/cgi-bin/app.cgi?echo" -H 'Transfer-Encoding: chunked' \
		--data-binary @sent | cmp - sent
	curl -sS "$URL/cgi-bin/app.cgi?env" -H 'Transfer-Encoding: chunked' \
		--data-binary @sent | tr '\0' '\n' | grep -qx CONTENT_LENGTH=500000
	passes
}

@test "a body whose last coding of several is chunked is taken in; one without it is not" {
	app
	local coding
	for coding in 'gzip, chunked' 'gzip,Chunked ' $'gzip ,\tchunked'; do
		run -0 env HTTP_TRANSFER_ENCODING="$coding" QUERY_STRING=echo \
			"$CGI_FCGI" -connect "$SOCK" <<<body
		[[ $output == *body ]] || return
	done
	for coding in gzip 'chunked, gzip' chunkedly 'un chunked' ''; do
		run -0 env HTTP_TRANSFER_ENCODING="$coding" QUERY_STRING=echo \
			"$CGI_FCGI" -connect "$SOCK" <<<body
		[[ $output != *body* ]] || return
	done
}

@test "php-fpm behind lighttpd's mod_cgi, by SCRIPT_FILENAME" {
	start_php_fpm
	bridge_script "$PHP"
	# shellcheck disable=SC2016
	echo '<?php echo "page ", $_GET["q"] ?? $_POST["q"];' >www/page.php
	program php-bridge <<-END
		#!/bin/sh
		SCRIPT_FILENAME=\$DOCUMENT_ROOT\$SCRIPT_NAME exec "$PWD/bin" \
			-bind -connect "$PHP"
	END
	start_lighttpd <<-END
		server.modules = ("mod_cgi")
		cgi.assign = (".php" => "$PWD/php-bridge")
	END
	chmod a+rx www bin php-bridge
	chmod 666 "$PHP"
	[ "$(curl -sS "$URL/page.php?q=one")" = 'page one' ]
	[ "$(curl -sS "$URL/page.php" -d q=two)" = 'page two' ]
}

@test "a #! script that starts the application itself, on the first request, once" {
	bridge_script "$SOCK" "$APP" 2
	busybox_once() {
		server busybox busybox httpd -f -p "127.0.0.1:$PORT" -h "$PWD/www"
	}
	try_ports busybox_once
	seq 1 8 | xargs -P 8 -I {} curl -sS --max-time 20 \
		"$URL/cgi-bin/app.cgi?n{}" >all
	[ "$(grep -c '^hello n' all)" -eq 8 ]
	[ "$(copies)" -eq 2 ]
	end_copies
}

# fails_as STATUS COMMAND...: the reply of a failure in CGI use.
fails_as() {
	printf 'Status: %s\r\nContent-Type: text/plain\r\n\r\n%s\n' "$1" "$1" >want
	run --separate-stderr env -i GATEWAY_INTERFACE=CGI/1.1 "${@:2}" 3>&-
	[ -n "$stderr" ] && diff want <(printf '%s\n' "$output")
}

@test "502, 503, 504 and 400: valid replies that name no path, and the exit status as ever" {
	local ask=("$CGI_FCGI" -bind -connect "$SOCK")
	fails_as '502 Bad Gateway' "${ask[@]}"
	[ "$status" -eq 7 ]
	bad params stdin 'end 0 2'
	fails_as '503 Service Unavailable' "${ask[@]}"
	[ "$status" -eq 69 ]
	stop bad
	bad hang
	fails_as '504 Gateway Timeout' "${ask[@]}" -timeout 0.2
	[ "$status" -eq 28 ]
	fails_as '400 Bad Request' CONTENT_LENGTH=x "${ask[@]}"
	[ "$status" -eq 2 ]
	fails_as '400 Bad Request' CONTENT_LENGTH=5 "${ask[@]}" </dev/null
	[ "$status" -eq 26 ]
	stop bad
	bad params stdin
	fails_as '502 Bad Gateway' "${ask[@]}"
	[ "$status" -eq 52 ]
	stop bad
	bad 'raw HTTP/1.1'
	fails_as '502 Bad Gateway' "${ask[@]}"
	[ "$status" -eq 8 ]
	ADDR=no-such-host.invalid:1
	fails_as '502 Bad Gateway' "$CGI_FCGI" -connect "$ADDR"
	[ "$status" -eq 6 ]
	fails_as '502 Bad Gateway' "$CGI_FCGI" -connect "$PWD/new" "$PWD/no-app"
}

@test "500 for what is no fault of the client's: no room for the body, a mistake on the command line" {
	local ask=("$CGI_FCGI" -connect "$SOCK")
	fails_as '500 Internal Server Error' TMPDIR=/no/such \
		HTTP_TRANSFER_ENCODING=chunked "${ask[@]}" <<<body
	[ "$status" -eq 26 ]
	fails_as '500 Internal Server Error' "${ask[@]}" -role filter -data no-file
	[ "$status" -eq 26 ]
	fails_as '500 Internal Server Error' "${ask[@]}" -no-such-option
	[ "$status" -eq 2 ]
	fails_as '500 Internal Server Error' "$CGI_FCGI" -f no-such-file
	[ "$status" -eq 2 ]
	fails_as '500 Internal Server Error' "$CGI_FCGI"
	[ "$status" -eq 2 ]
	# Shell use, and the other side.
	local words
	for words in '-connect /x -no-such-option -url /' '-connect /x -start' \
		'-connect /x -values -no-such-option' -listen; do
		# shellcheck disable=SC2086
		run -2 --separate-stderr env -i GATEWAY_INTERFACE=CGI/1.1 \
			"$CGI_FCGI" $words
		[ -z "$output" ]
	done
}

@test "no page after the first byte of an answer, and none in shell use" {
	bad params stdin 'out Content-Type: text/plain\n\nhalf'
	run -18 --separate-stderr env -i GATEWAY_INTERFACE=CGI/1.1 "$CGI_FCGI" \
		-connect "$SOCK"
	[ "$output" = $'Content-Type: text/plain\n\nhalf' ]
	run -7 --separate-stderr env -i "$CGI_FCGI" -connect "$PWD/nothing"
	[ -z "$output" ]
	run -7 --separate-stderr env -i GATEWAY_INTERFACE=CGI/1.1 "$CGI_FCGI" \
		-connect "$PWD/nothing" -url /
	[ -z "$output" ]
}

@test "a page though nobody reads stderr: a mistake on the command line, too" {
	cat >closed.py <<-'END'
		import os, subprocess, sys
		reader, writer = os.pipe()
		os.close(reader)
		sys.exit(subprocess.run(sys.argv[1:], stderr=writer).returncode)
	END
	GATEWAY_INTERFACE=CGI/1.1 run -2 python3 closed.py "$CGI_FCGI" \
		-connect "$SOCK" -no-such-option
	[[ $output == 'Status: 500 '* ]]
	GATEWAY_INTERFACE=CGI/1.1 run -2 python3 closed.py "$CGI_FCGI" -f nothing
	[[ $output == 'Status: 500 '* ]]
	GATEWAY_INTERFACE=CGI/1.1 run -7 python3 closed.py "$CGI_FCGI" \
		-connect "$SOCK"
	[[ $output == 'Status: 502 '* ]]
}
