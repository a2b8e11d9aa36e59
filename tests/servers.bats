# Behind the other real servers: Apache, lighttpd, Caddy, HAProxy, h2o.
bats_require_minimum_version 1.5.0
load helpers

# at SERVER: all below / goes to the wrapper on $SOCK, programs are in $CGI
# (with the ending .cgi for servers that want one).
at() {
	mkdir -p www
	local name
	for name in "$CGI"/* "$CGI_C"/*; do
		[ -f "$name" ] && [ -x "$name" ] &&
			cp "$name" "www/$(basename "$name").cgi"
	done
	"at_$1"
}

at_apache() {
	start_apache <<-END
		ProxyTimeout 60
		<FilesMatch "\.cgi\$">
		    SetHandler "proxy:unix:$SOCK|fcgi://localhost"
		</FilesMatch>
	END
}

at_lighttpd() {
	start_lighttpd <<-END
		server.modules = ("mod_fastcgi")
		server.stream-response-body = 1
		fastcgi.server = (".cgi" => (("socket" => "$SOCK",
		    "check-local" => "disable")))
	END
}

at_caddy() {
	start_caddy <<-END
		reverse_proxy unix/$SOCK {
		    transport fastcgi {
		        root $PWD/www
		        split .cgi
		    }
		}
	END
}

at_haproxy() {
	start_haproxy <<-END
		backend app
		    use-fcgi-app cgi
		    server cgi $SOCK proto fcgi ${HAPROXY_SERVER:-}
		fcgi-app cgi
		    docroot $PWD/www
		    path-info ^(/.+\.cgi)(/.*)?\$
		    log-stderr global
		    ${HAPROXY_APP:-}
	END
}

at_h2o() {
	start_h2o <<-END
		"/":
		  file.dir: $PWD/www
		  file.custom-handler:
		    extension: .cgi
		    fastcgi.connect:
		      port: $SOCK
		      type: unix
	END
}

# serves: what every server must bring across.
serves() {
	expect 200 /hello.cgi?world
	body_is 'hello world'
	head -c 3000000 /dev/urandom >sent
	expect 200 /digest.cgi --data-binary @sent
	body_is "3000000 $(sha256sum <sent | cut -d ' ' -f 1)"
	expect 200 /echo.cgi --data-binary @sent
	cmp sent body
	[ "$(curl -sS "$URL/pour.cgi?50000000" | wc -c)" = 50000000 ]
	local status
	for status in 201 404 500 503; do
		expect $status "/status.cgi?$status" || return
	done
}

# errors: the wrapper's own replies, each as the status that was meant.
errors() {
	local want
	for want in 500:empty 500:nohead; do
		expect "${want%%:*}" "/${want#*:}.cgi" || return
		[ -s body ] || return
		if grep -q "$BATS_TEST_TMPDIR" body; then
			return 1
		fi
	done
	expect 504 /silent.cgi
	expect 418 /nph.cgi
}

# path_info: what follows the program.
path_info() {
	run -0 curl -sS "$URL/world.cgi/a/b%20c?q=1"
	grep -qxF 'env PATH_INFO=/a/b c' <<<"$output" &&
		grep -qxF 'env SCRIPT_NAME=/world.cgi' <<<"$output" &&
		grep -qxF "env SCRIPT_FILENAME=$PWD/www/world.cgi" \
			<<<"$output" &&
		grep -qxF 'env QUERY_STRING=q=1' <<<"$output"
}

@test "Apache: pages, bodies, statuses, errors" {
	export PIDFILE=$PWD/pid
	wrapper -mode 0666 -env PIDFILE -timeout 2
	at apache
	serves
	errors
}

@test "Apache: 503 with Retry-After past -max and -queue, 431 for more variables than a program can have" {
	export WAIT=$PWD/go
	# A small stack is a small environment: 128 KiB. (Apache itself leaves
	# out a variable of 16 KiB; nginx refuses more than 64 KiB in all.)
	(ulimit -s 256 && wrapper -mode 0666 -max 1 -queue 0 -env WAIT)
	WRAPPER=$(cat wrapper.pid)
	at apache
	stop apache
	start_apache <<-END
		LimitRequestFieldSize 200000
		<FilesMatch "\.cgi">
			SetHandler "proxy:unix:$SOCK|fcgi://localhost/"
		</FilesMatch>
	END
	curl -sS "$URL/deaf.cgi" >first 3>&- &
	wait_for has_program
	expect 503 /hello.cgi -D header
	grep -qi '^retry-after:' header
	touch go
	wait $!
	grep -q deaf first
	local i
	for i in {1..10}; do
		printf 'X-Large-%s: %s\n' "$i" \
			"$(head -c 15000 /dev/zero | tr '\0' x)"
	done >large
	expect 431 /hello.cgi -H @large
	run ! grep -q "$BATS_TEST_TMPDIR" body
	expect 200 /hello.cgi
}

has_program() {
	[ -n "$(programs_of "$WRAPPER")" ]
}

@test "Apache: PATH_INFO" {
	wrapper -mode 0666
	at apache
	path_info
}

@test "Apache: a program that is missing, closed or broken is a 404, 403, 500, and no path is named" {
	mkdir www
	wrapper -mode 0666 -root "$PWD/www"
	at apache
	# Apache itself answers for files that are not there, unless it is told
	# to pass all on.
	stop apache
	start_apache <<-END
		ProxyPass / unix:$SOCK|fcgi://localhost$PWD/www/
	END
	echo text >www/plain
	program www/bad <<<'#!/no/such/thing'
	local want
	for want in 404:nothing 403:plain 500:bad; do
		expect "${want%%:*}" "/${want#*:}" || return
		if grep -q "$BATS_TEST_TMPDIR" body; then
			return 1
		fi
	done
	expect 200 /hello.cgi
	grep -q 'no such program' apache/error.log
}

# came_as NAME INFO: the last page's SCRIPT_NAME and PATH_INFO.
came_as() {
	grep -qxF "env SCRIPT_NAME=$1" body &&
		grep -qxF "env PATH_INFO=$2" body
}

@test "Apache encodes the path for ProxyPass, ProxyPassMatch and RewriteRule [P]: programs and PATH_INFO are found all the same" {
	mkdir www
	wrapper -mode 0666 -root "$PWD/www"
	at apache
	stop apache
	cp "$CGI_C/world" 'www/a b'
	cp "$CGI_C/world" 'www/c%20d'
	cp "$CGI_C/world" 'www/50%'
	local to="unix:$SOCK|fcgi://localhost$PWD/www" way
	start_apache <<-END
		ProxyPass /pass/ "$to/"
		ProxyPassMatch "^/match/(.*)$" "$to/\$1"
		RewriteEngine on
		RewriteRule "^/rule/(.*)$" "$to/\$1" [P]
	END
	for way in pass match rule; do
		expect 200 /$way/world.cgi/Gr%C3%B6%C3%9Fe.txt?q=%20 &&
			came_as /$way/world.cgi /Größe.txt &&
			grep -qxF 'env QUERY_STRING=q=%20' body &&
			grep -qxF "env SCRIPT_FILENAME=$PWD/www/world.cgi" body &&
			expect 200 /$way/a%20b/x%2520y/100%25 &&
			came_as "/$way/a b" /x%20y/100% &&
			expect 200 /$way/c%2520d/%C3%A9 &&
			came_as /$way/c%20d /é &&
			expect 200 /$way/50%25/x &&
			came_as /$way/50% /x &&
			expect 404 /$way/a%2520b || return
	done
}

@test "Apache's SetHandler does not encode: no other program runs than the one that Apache has checked" {
	wrapper -mode 0666
	at apache
	cp "$CGI_C/world" 'www/a b.cgi'
	expect 200 /a%20b.cgi/c%2520d && came_as '/a b.cgi' /c%20d
	expect 404 /a%2520b.cgi
	# Nor where the path is made of something that the client has encoded.
	stop apache
	mkdir www/pages www/swap
	cp "$CGI_C/world" www/pages/admin.cgi
	cp "$CGI_C/world" www/swap/admin
	start_apache <<-END
		<Files "admin.cgi">
		    Require all denied
		</Files>
		<FilesMatch "\.cgi\$">
		    SetHandler "proxy:unix:$SOCK|fcgi://localhost"
		</FilesMatch>
		<Location /x/>
		    SetHandler "proxy:unix:$SOCK|fcgi://localhost"
		</Location>
		AliasMatch "^/x/([^/]+)/([^/]+)\$" "$PWD/www/\$2/\$1"
		RewriteEngine on
		RewriteCond %{QUERY_STRING} ^page=(.*)\$
		RewriteRule ^/index\$ $PWD/www/pages/%1.cgi [L]
	END
	expect 403 '/index?page=admin'
	expect 404 '/index?page=adm%69n'
	expect 200 /x/admin/swap
	expect 404 /x/admi%256e/swap
}

@test "Apache's mod_fcgid starts the wrapper itself, with the socket as fd 0" {
	mkdir www ipc
	chmod 777 ipc
	cp "$CGI/hello" www/hello.cgi
	APACHE_MODULES='fcgid' start_apache <<-END
		FcgidIPCDir $PWD/ipc
		FcgidProcessTableFile $PWD/ipc/table
		<Directory $PWD/www>
		    Options +ExecCGI
		    SetHandler fcgid-script
		    FcgidWrapper "$CGI_FCGI" .cgi
		</Directory>
	END
	expect 200 /hello.cgi?x --max-time 20
	body_is 'hello x'
}

@test "lighttpd: pages, bodies, statuses, errors" {
	export PIDFILE=$PWD/pid
	wrapper -env PIDFILE -timeout 2
	at lighttpd
	serves
	errors
}

@test "lighttpd: PATH_INFO" {
	wrapper
	at lighttpd
	path_info
}

@test "lighttpd starts the wrapper itself (bin-path), and ends it" {
	mkdir www
	cp "$CGI/hello" www/hello.cgi
	start_lighttpd <<-END
		server.modules = ("mod_fastcgi")
		fastcgi.server = (".cgi" => (("bin-path" => "$CGI_FCGI",
		    "socket" => "$SOCK", "max-procs" => 1)))
	END
	expect 200 /hello.cgi?x
	body_is 'hello x'
	stop lighttpd
	wait_for no_orphans
}

@test "Caddy: pages, bodies, statuses, errors" {
	export PIDFILE=$PWD/pid
	wrapper -env PIDFILE -timeout 2
	at caddy
	serves
	errors
}

@test "Caddy: PATH_INFO" {
	wrapper
	at caddy
	path_info
}

@test "Caddy: a chunked upload has the right CONTENT_LENGTH and every byte" {
	wrapper
	at caddy
	head -c 5000001 /dev/urandom >sent
	expect 200 /digest.cgi -H 'Transfer-Encoding: chunked' \
		--data-binary @sent
	body_is "5000001 $(sha256sum <sent | cut -d ' ' -f 1)"
}

@test "HAProxy: pages, bodies, statuses, errors" {
	export PIDFILE=$PWD/pid
	wrapper -env PIDFILE -timeout 2
	at haproxy
	serves
	errors
}

@test "HAProxy: PATH_INFO" {
	wrapper
	at haproxy
	path_info
}

# HAProxy waits for a chunked body, counts it, and refuses by itself with 400
# what is larger than its buffer.
@test "HAProxy: a chunked upload has the right CONTENT_LENGTH and every byte" {
	wrapper
	at haproxy
	head -c 10001 /dev/urandom >sent
	expect 200 /digest.cgi -H 'Transfer-Encoding: chunked' \
		--data-binary @sent
	body_is "10001 $(sha256sum <sent | cut -d ' ' -f 1)"
}

@test "HAProxy asks for values, multiplexes and keeps one connection: nobody gets another's page" {
	wrapper -max 20
	HAPROXY_APP=$'option get-values\n    option mpxs-conns\n    option max-reqs 50\n    option keep-conn' \
		HAPROXY_SERVER='maxconn 100 pool-max-conn 2' at haproxy
	many_replies 20 '/nonce.cgi?[1-300]:5000:p' -o 'page#1'
	for i in {1..300}; do
		QUERY_STRING=$i:5000:p "$CGI_C/nonce" </dev/null || :
	done | sed '/^Nonce: /,/^$/d' >want
	cat page{1..300} | cmp - want
}

@test "HAProxy multiplexes large bodies and replies on one connection" {
	wrapper
	HAPROXY_APP=$'option get-values\n    option mpxs-conns\n    option max-reqs 50\n    option keep-conn' \
		HAPROXY_SERVER='maxconn 100' at haproxy
	head -c 2000000 /dev/urandom >sent
	many_replies 6 '/echo.cgi?[1-12]' --data-binary @sent -o 'page#1'
	for i in {1..12}; do
		cmp sent "page$i" || return
	done
}

# It ends with a failed assertion, up to 2.6.13, when it is sent a part of a
# header.
@test "HAProxy survives programs that print their header in parts" {
	wrapper
	at haproxy
	program www/parts.cgi <<-'END'
		#!/bin/sh
		echo Content-Type: text/plain
		sleep 0.1
		printf 'X-Second: two\n\nbody'
	END
	for _ in {1..5}; do
		expect 200 /parts.cgi && body_is body || return
	done
}

@test "h2o: pages, bodies, statuses, errors" {
	has h2o || return 0
	export PIDFILE=$PWD/pid
	wrapper -env PIDFILE -timeout 2
	at h2o
	serves
	errors
}

@test "h2o: PATH_INFO" {
	has h2o || return 0
	wrapper
	at h2o
	path_info
}
