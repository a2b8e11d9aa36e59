# Every server at once, each with its configuration of examples/ and the same
# programs behind it, and one that runs them by itself: Apache's mod_cgid. For
# matrix*.bats.
#
# What is started here lasts for a file: its folder is $HALL.

MODULES=/usr/lib/apache2/modules
# All servers; those below it serve only /cgi-bin/, they start the wrapper.
# Used by whom it is loaded.
# shellcheck disable=SC2034
SERVERS='nginx apache apache-anew lighttpd caddy h2o haproxy haproxy-mux'
has h2o || SERVERS=${SERVERS/h2o /}
# shellcheck disable=SC2034
STARTERS='mod_fcgid bin-path'

# example FILE: as it is, but for this test's port, paths and users.
example() {
	local root=''
	[ "$(id -u)" -eq 0 ] || root='/^-owner\|^-user\|^user:/d'
	sed -e "s|8080|$PORT|g" \
		-e "s|/run/cgi-fcgi.sock|$HALL/sock|g" \
		-e "s|/run/lighttpd/|$HALL/lighttpd/|g" \
		-e "s|/run/haproxy/|$HALL/|g" \
		-e "s|/var/log/lighttpd/|$HALL/lighttpd/|g" \
		-e "s|/usr/lib/cgi-bin|$HALL/cgi-bin|g" \
		-e "s|root /usr/lib\$|root $HALL|" \
		-e "s|/var/www/html|$HALL/www|g" \
		-e "s|/srv/git|$HALL/git|g" \
		-e "s|/usr/lib/git-core|$(git --exec-path)|g" \
		-e "s|/usr/bin/cgi-fcgi|$CGI_FCGI|g" \
		-e '/^    \(user\|group\) haproxy$/d' \
		-e "$root" "$REPO/examples/$1"
}

# open_hall SERVER...: programs, the wrapper and these servers.
open_hall() {
	local name
	HALL=$BATS_FILE_TMPDIR
	# The helpers' idea of where a test stands.
	BATS_TEST_TMPDIR=$HALL here
	export HALL
	mkdir cgi-bin
	for name in "$CGI"/* "$CGI_C"/*; do
		[ -f "$name" ] && [ -x "$name" ] &&
			cp "$name" "cgi-bin/$(basename "$name" .pl).cgi"
	done
	mkdir www shared
	chmod 777 shared
	more_programs
	BATS_TEST_TMPDIR=$HALL hall_wrapper
	for name; do
		mkdir -p "$name"
		BATS_TEST_TMPDIR=$HALL try_ports "hall_$name" || return
		echo "$PORT" >"$name/port"
	done
}

close_hall() {
	BATS_TEST_COMPLETED=1 BATS_TEST_TMPDIR=$BATS_FILE_TMPDIR end_everything
}

hall_wrapper() {
	local word
	PORT=
	{
		example wrapper | sed "s/-timeout 300/-timeout ${LIMIT:-300}/"
		# Others than www-data connect here.
		echo -mode 0666
		echo -env "SHARED=$HALL/shared" -env "HOME=$HALL/shared" -env USER=admin
		for word in "${HALL_ENV[@]}"; do
			echo -env "\"$word\""
		done
	} >wrapper.args
	TMPDIR=$HALL/shared start wrapper "$CGI_FCGI" -f wrapper.args
	wait_for listens "$HALL/sock"
}

hall_nginx() {
	example nginx/cgi.conf >nginx/site.conf
	run_nginx www-data
}

# hall_httpd NAME MODULE...: an Apache; its configuration is stdin.
hall_httpd() {
	local name=$1 module
	mkdir -p "$name"
	{
		cat <<-END
			ServerRoot "$HALL/$name"
			ServerName localhost
			Listen 127.0.0.1:$PORT
			PidFile "$HALL/$name/pid"
			ErrorLog "$HALL/$name/error.log"
			DefaultRuntimeDir "$HALL/$name"
			DocumentRoot "$HALL/www"
		END
		[ "$(id -u)" -ne 0 ] || printf 'User www-data\nGroup www-data\n'
		for module in mpm_event authz_core authz_host alias env dir \
			setenvif "${@:2}"; do
			echo "LoadModule ${module}_module $MODULES/mod_$module.so"
		done
		cat
	} >"$name/apache.conf"
	server "$name" apache2 -X -f "$HALL/$name/apache.conf"
}

hall_apache() {
	hall_httpd apache proxy proxy_fcgi < <(example apache/cgi.conf)
}

# Without connections that are kept.
hall_apache-anew() {
	hall_httpd apache-anew proxy proxy_fcgi < <(example apache/cgi.conf |
		sed 's/ enablereuse=on max=32//')
}

hall_mod_fcgid() {
	{
		example apache/fcgid.conf
		echo "FcgidIPCDir $HALL/mod_fcgid/ipc"
		echo "FcgidProcessTableFile $HALL/mod_fcgid/ipc/table"
	} >mod_fcgid/more.conf
	mkdir -p mod_fcgid/ipc
	chmod 777 mod_fcgid/ipc
	hall_httpd mod_fcgid fcgid <mod_fcgid/more.conf
}

# The programs without us: what a page must be.
hall_cgid() {
	hall_httpd cgid cgid <<-END
		ScriptSock $HALL/cgid/sock
		Alias /cgi-bin $HALL/cgi-bin
		Alias /gitweb /usr/share/gitweb/gitweb.cgi
		Alias /cgit /usr/lib/cgit/cgit.cgi
		Alias /git $(git --exec-path)/git-http-backend
		<Directory />
		    Require all granted
		    Options +ExecCGI
		    SetHandler cgi-script
		</Directory>
		SetEnv GIT_PROJECT_ROOT $HALL/git
		SetEnv GIT_HTTP_EXPORT_ALL 1
		SetEnv REDIRECT_STATUS 200
		SetEnv SHARED $HALL/shared
		SetEnv HOME $HALL/shared
		SetEnv USER admin
		$(for word in "${HALL_ENV[@]}"; do
			echo "SetEnv ${word%%=*} \"${word#*=}\""
		done)
	END
}

# hall_lighty NAME FILE
hall_lighty() {
	mkdir -p "$1/tmp" lighttpd
	chmod 777 "$1" "$1/tmp" lighttpd
	{
		cat <<-END
			server.port = $PORT
			server.bind = "127.0.0.1"
			server.document-root = "$HALL/www"
			server.errorlog = "$HALL/$1/error.log"
			server.upload-dirs = ("$HALL/$1/tmp")
		END
		[ "$(id -u)" -ne 0 ] || echo 'server.username = "www-data"'
		example "lighttpd/$2"
	} >"$1/lighttpd.conf"
	server "$1" lighttpd -D -f "$HALL/$1/lighttpd.conf"
}

hall_lighttpd() {
	hall_lighty lighttpd cgi.conf
}

hall_bin-path() {
	hall_lighty bin-path bin-path.conf
}

hall_authorizer() {
	hall_lighty authorizer authorizer.conf
}

hall_caddy() {
	{
		printf '{\nadmin off\nauto_https off\n}\n'
		example caddy/Caddyfile
	} >caddy/Caddyfile
	XDG_DATA_HOME=$HALL/caddy XDG_CONFIG_HOME=$HALL/caddy \
		server caddy caddy run --adapter caddyfile \
		--config caddy/Caddyfile
}

hall_h2o() {
	{
		echo "num-threads: 1"
		example h2o/h2o.conf
	} >h2o/h2o.conf
	server h2o h2o -c h2o/h2o.conf
}

# One request on a connection at a time, and not kept.
hall_haproxy() {
	example haproxy/haproxy.cfg |
		sed '/option \(get-values\|keep-conn\|mpxs\|max-reqs\)/d' \
			>haproxy/haproxy.cfg
	server haproxy haproxy -db -f haproxy/haproxy.cfg
}

hall_haproxy-mux() {
	example haproxy/haproxy.cfg >haproxy-mux/haproxy.cfg
	server haproxy-mux haproxy -db -f haproxy-mux/haproxy.cfg
}

# at SERVER: what URL names from here on.
at() {
	SERVER=$1
	URL=http://127.0.0.1:$(cat "$HALL/$1/port")
}

# each CHECK SERVER...: at all of them at once, in a folder for each; names
# those where it fails. (Not in a condition: errexit is what fails a check.)
each() {
	local check=$1 name bad=0 pids=()
	shift
	for name; do
		mkdir -p "$name"
		(
			cd "$name" || exit
			passed=$PWD/passed
			trap - DEBUG ERR EXIT
			at "$name"
			set -ex
			"$check"
			touch "$passed"
		) >"$name/said" 2>&1 3>&- &
		pids+=($!)
	done
	wait "${pids[@]}" || :
	for name; do
		if ! [ -e "$name/passed" ]; then
			echo "--- $check fails at $name:"
			tail -n 30 "$name/said"
			bad=1
		fi
		rm -f "$name/passed"
	done
	return $bad
}
