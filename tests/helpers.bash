# What the tests share: starting the wrapper and real servers, asking, waiting,
# and leaving nothing behind. Loaded by every .bats file.
#
# Everything that is started goes through `start`, which notes its pid in a
# file (so that it also works under `run`); `end_everything`, called by
# teardown, ends it and fails the test if a process of it stays.

REPO=$(cd "$BATS_TEST_DIRNAME/.." && pwd)
: "${CGI_FCGI:=$REPO/cgi-fcgi}" "${BUILD:=$REPO/build/tests}"
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
CGI=$BATS_TEST_DIRNAME/cgi
CGI_C=$BUILD/cgi
export REPO CGI_FCGI BUILD PATH CGI CGI_C

setup() {
	here
}

# The test's own folder is where it stands, so that names are short. Servers
# that drop root's rights must get through to it.
here() {
	local dir=$BATS_TEST_TMPDIR
	local -a closed=()
	while [ -O "$dir" ] && [ -n "$dir" ]; do
		closed+=("$dir")
		dir=${dir%/*}
	done
	[ ${#closed[@]} -eq 0 ] || chmod a+x "${closed[@]}"
	cd "$BATS_TEST_TMPDIR" || return
	SOCK=$BATS_TEST_TMPDIR/sock
}

teardown() {
	end_everything
}

# has COMMAND: of those that tests/install goes on without (it says so).
has() {
	command -v "$1" >/dev/null
}

# apart OPTION... COMMAND...: unshare. Root does without a namespace of users,
# which a chroot does not allow.
apart() {
	if [ "$(id -u)" -eq 0 ]; then
		unshare "$@"
	else
		unshare -r "$@"
	fi
}

# git_settings: nobody's own settings, and a name to commit with.
git_settings() {
	export GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=$BATS_FILE_TMPDIR/gitconfig
	export GIT_TERMINAL_PROMPT=0
	cat >"$GIT_CONFIG_GLOBAL" <<-END
		[user]
		    name = A U Thor
		    email = a@example.org
		[init]
		    defaultBranch = main
		[safe]
		    directory = *
	END
}

# --- Waiting

# wait_for COMMAND...: until it succeeds, at most 10 s (PATIENCE=seconds).
wait_for() {
	local end=$((SECONDS + ${PATIENCE:-10} * (${INSTRUMENTED:+3 +} 1)))
	until "$@" >/dev/null 2>&1; do
		if ((SECONDS > end)); then
			echo "waited in vain for: $*" >&2
			return 1
		fi
		tick
	done
}

# A moment, without a process for it: some tests wait for long. Nobody ever
# writes there.
tick() {
	local fifo=$BATS_FILE_TMPDIR/tick
	# Another may make it meanwhile.
	[ -p "$fifo" ] || mkfifo -m 666 "$fifo" 2>/dev/null || [ -p "$fifo" ]
	read -rt 0.02 <>"$fifo" || [ $? -gt 128 ]
}

# gone PID...: whether none of them runs (a zombie does not). Without a pid, as
# a file that nobody has written gives none, it is false, and so is alive.
gone() {
	local pid stat
	[ $# -gt 0 ] || return
	for pid; do
		[ -n "$pid" ] || return
		stat=
		# Its name may be of any bytes; the state follows it.
		read -rd '' stat 2>/dev/null <"/proc/$pid/stat" || :
		stat=${stat##*) }
		[ -z "$stat" ] || [ "${stat%% *}" = Z ] || return 1
	done
}

# gone_of FILE: the process whose pid a program writes there, as soon as it is
# written.
gone_of() {
	gone "$(cat "$1")"
}

alive() {
	if [ -z "${1:-}" ] || gone "$1"; then
		echo "${1:-nobody} has ended" >&2
		return 1
	fi
}

# Milliseconds since some moment.
now_ms() {
	local up
	read -r up _ </proc/uptime
	echo $((10#${up/./} * 10))
}

# --- Processes

# start NAME COMMAND...: in the background, output in NAME.log, pid in NAME.pid
# and in $PID.
start() {
	local name=$1 log=$BATS_TEST_TMPDIR/$1.log
	shift
	# No descriptor of bats' own: it would wait for them to be closed.
	"$@" </dev/null >"$log" 2>&1 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&- &
	PID=$!
	echo "$PID" >"$BATS_TEST_TMPDIR/$name.pid"
	echo "$PID $name" >>"$BATS_TEST_TMPDIR/.started"
}

# stop NAME [SIGNAL]: and waits until it has ended; its status is STATUS.
stop() {
	local pid
	pid=$(cat "$BATS_TEST_TMPDIR/$1.pid")
	kill "-${2:-TERM}" "$pid" 2>/dev/null
	ended "$1"
}

# ended NAME: waits until it has ended, STATUS is its exit status.
ended() {
	local pid
	pid=$(cat "$BATS_TEST_TMPDIR/$1.pid")
	wait_for gone "$pid" || return
	STATUS=0
	wait "$pid" 2>/dev/null || STATUS=$?
}

# Orphans of this test: children of the nest that are not bats itself.
orphans() {
	local pid
	[ -n "${NEST:-}" ] || return 0
	for pid in $(cat "/proc/$NEST/task/$NEST/children" 2>/dev/null); do
		gone "$pid" && continue
		tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null |
			grep -q 'bats' || echo "$pid"
	done
}

no_orphans() {
	[ -z "$(orphans)" ]
}

# crashed PID: whether that child of ours was ended by a mistake of its own.
crashed() {
	local status=0
	wait "$1" 2>/dev/null || status=$?
	case $status in
	132 | 134 | 135 | 136 | 139) return 0 ;; # ILL, ABRT, BUS, FPE, SEGV
	*) return 1 ;;
	esac
}

# Ends what was started, in the reverse order; fails if anything had to be
# killed, has crashed or is left over.
end_everything() {
	local pid name bad=0
	cd "$BATS_TEST_DIRNAME" || return
	[ -e "$BATS_TEST_TMPDIR/.started" ] || return 0
	while read -r pid name; do
		gone "$pid" || kill -TERM "$pid" 2>/dev/null
		if wait_for gone "$pid"; then
			if crashed "$pid"; then
				echo "$name ($pid) has crashed" >&2
				bad=1
			fi
		else
			echo "$name ($pid) did not end on TERM" >&2
			kill -KILL "$pid" 2>/dev/null
			bad=1
		fi
	done < <(tac "$BATS_TEST_TMPDIR/.started")
	if ! PATIENCE=3 wait_for no_orphans; then
		for pid in $(orphans); do
			echo "left running: $pid $(tr '\0' ' ' \
				<"/proc/$pid/cmdline")" >&2
			kill -KILL "$pid"
		done
		bad=1
	fi
	if [ $bad -ne 0 ] || [ -z "${BATS_TEST_COMPLETED:-}" ]; then
		show_logs
	fi
	return $bad
}

# For a failure's reader.
show_logs() {
	local log
	for log in "$BATS_TEST_TMPDIR"/{,*/}*.log; do
		[ -s "$log" ] || continue
		echo "--- ${log#"$BATS_TEST_TMPDIR/"}"
		tail -n 20 "$log"
	done >&2
}

# goes_on: whether the wrapper goes on while a program is started: not under
# valgrind, and where wrapper/bare.h does not know how it waits.
goes_on() {
	[ "${INSTRUMENTED:-}" != valgrind ] &&
		[[ $(uname -m)-$(getconf LONG_BIT) =~ ^(x86_64|aarch64)-64$ ]]
}

# leases FILE: a lease on it, until the file `go` is there.
leases() {
	start holder perl -MFcntl -e '
		$SIG{IO} = "IGNORE";
		open F, "+<", $ARGV[0] and fcntl F, 1024, F_WRLCK or die "$!";
		open H, ">", "held";
		select undef, undef, undef, 0.02 until -e "go";' "$1"
	wait_for [ -e held ]
}

# The processes that shall be programs, but are still the wrapper's.
beginning() {
	local pid
	for pid in $(children_of "$WRAPPER"); do
		is_template "$pid" || [ ! "/proc/$pid/exe" -ef "$CGI_FCGI" ] ||
			echo "$pid"
	done
}

# descriptors_can_be_refused: not before Linux 6.16.
descriptors_can_be_refused() {
	perl -MSocket -e 'socket(S, AF_UNIX, SOCK_STREAM, 0);
		exit !setsockopt S, SOL_SOCKET, 83, 0'
}

# memory_counts: whether memory can be measured (not under instruments).
memory_counts() {
	[ -z "${INSTRUMENTED:-}" ]
}

# exec_tells: whether the wrapper can learn why a program did not start. Under
# valgrind a vfork'ed child does not share its parent's memory.
exec_tells() {
	[ "${INSTRUMENTED:-}" != valgrind ]
}

# rss_kib PID, private_kib PID, peak_kib PID
rss_kib() {
	awk '/^VmRSS:/ { print $2 }' "/proc/$1/status"
}

peak_kib() {
	awk '/^VmHWM:/ { print $2 }' "/proc/$1/status"
}

private_kib() {
	awk '/^Private_/ { n += $2 } END { print n }' \
		"/proc/$1/smaps_rollup"
}

fds_of() {
	# Their names are numbers.
	# shellcheck disable=SC2012
	ls "/proc/$1/fd" | wc -l
}

# children_of PID: on one line. Here and below nothing is started to look at
# processes: tests ask time and again, and about a hundred of them.
children_of() {
	local children=
	read -rd '' children <"/proc/$1/task/$1/children" || :
	echo "$children"
}

# is_template PID: or its child that waits: both have the channel to the
# wrapper, at descriptor 100.
is_template() {
	[ -n "${PRELOAD:-}" ] && [ -e "/proc/$1/fd/100" ]
}

# programs_of PID: programs that the wrapper or its workers run.
programs_of() {
	local pid
	programs_or_templates_of "$1" | while read -r pid; do
		is_template "$pid" || echo "$pid"
	done
}

# templates_ready PID N: as many, but for those that cannot be.
templates_ready() {
	[ "$(programs_or_templates_of "$1" | wc -l)" -ge \
		$((2 * ($2 - $(grep -c 'not preloaded' wrapper.log)))) ]
}

programs_or_templates_of() {
	local pid inner
	for pid in $(children_of "$1"); do
		if [ "/proc/$pid/exe" -ef "/proc/$1/exe" ]; then
			for inner in $(children_of "$pid"); do
				echo "$inner"
			done
		else
			echo "$pid"
		fi
	done 2>/dev/null
}

# --- The wrapper and the bridge

# listens SOCKET|PORT
listens() {
	local sockets='' port
	case $1 in
	/* | @*)
		# Flags, type and state of one that listens; then its inode.
		read -rd '' sockets </proc/net/unix || :
		[[ $sockets$'\n' =~ ' 00010000 '000[15]' 01 '[\ 0-9]+' '"$1"$'\n' ]]
		;;
	*)
		# Its own address, the other's, and the state.
		printf -v port %04X "$1"
		sockets=$(cat /proc/net/tcp /proc/net/tcp6 2>/dev/null)
		[[ $sockets =~ :$port' '[0-9A-F]+':0000 0A ' ]]
		;;
	esac
}

deaf_at() {
	! listens "$1"
}

# wrapper [ARG...]: on $SOCK; stderr in wrapper.log.
wrapper() {
	wrapper_on "$SOCK" "$@"
}

# wrapper_on ADDR [ARG...]
wrapper_on() {
	local addr=$1 what=$1
	shift
	case $addr in
	/* | @*) ;;
	*) what=${addr##*:} ;;
	esac
	# tests/preload: each fixture that can have one has a template.
	local preload=()
	[ -z "${PRELOAD:-}" ] || for program in "$CGI"/* "$CGI_C"/*; do
		[ ! -x "$program" ] || [[ $program = *.d ]] ||
			preload+=(-preload "$program")
	done
	start wrapper "$CGI_FCGI" -listen "$addr" "${preload[@]}" "$@"
	WRAPPER=$PID
	wait_for listens "$what" || {
		cat wrapper.log >&2
		return 1
	}
	[ -z "${PRELOAD:-}" ] ||
		wait_for templates_ready "$PID" $((${#preload[@]} / 2))
}

stop_wrapper() {
	stop wrapper "$@"
}

# ask PATH[?QUERY] [OPTION...]: of what listens on $SOCK, through our bridge:
# header and body to stdout, program's stderr to stderr, appStatus as status.
# $ROOT is the folder that PATH lies in.
ask() {
	local url=$1
	shift
	"$CGI_FCGI" -url "$url" -root "${ROOT:-$CGI}" -connect "${ADDR:-$SOCK}" \
		-include "$@" 3>&-
}


# wire ITEM...: the raw client of tests/wire.c, on $SOCK.
wire() {
	"$BUILD/wire" "${ADDR:-$SOCK}" "$@" 3>&-
}

# get FILE [NAME=VALUE]...: one GET through wire, told as `tell 1` tells it.
get() {
	local file=$1
	shift
	wire "get 1 $file $*" 'end 1' 'tell 1'
}

# logged TEXT: whether the wrapper's log has a line that holds it.
logged() {
	grep -qF -- "$1" "$BATS_TEST_TMPDIR/wrapper.log"
}

# program NAME: stdin becomes an executable file in the test's folder.
program() {
	mkdir -p "$(dirname "$1")"
	cat >"$1"
	chmod 755 "$1"
}

# --- Real servers. Each in the test's folder, on a port found free ($PORT),
# the user's own settings untouched; each waits until it answers.

free_port() {
	local port
	while :; do
		# Below the range that clients' own ends are taken from.
		port=$((10000 + (RANDOM * 32768 + RANDOM) % 22000))
		listens $port || break
	done
	echo $port
}

# up PORT: something speaks HTTP there.
up() {
	curl -s -o /dev/null --max-time 5 "http://127.0.0.1:$1/"
}

# server NAME COMMAND...: starts it, waits until $PORT answers; a port that
# someone else took meanwhile shows as the server's end.
server() {
	local name=$1 end=$((SECONDS + 20))
	start "$@"
	until up "$PORT"; do
		if gone "$PID" || ((SECONDS > end)); then
			cat "$name.log" "$name/error.log" >&2
			return 1
		fi
		tick
	done
	URL=http://127.0.0.1:$PORT
}

# reply PATH [CURL-ARGUMENT]...: the status that a client of $URL gets; what it
# gets is in the file body.
reply() {
	local path=$1
	shift
	: >body
	curl -sS --max-time 60 -w '%{http_code}' -o body "$@" "$URL$path"
}

# many_replies CLIENTS PATH [CURL-ARGUMENT]...: PATH has a range, as [1-400];
# so many clients at a time, each request on a connection of its own.
many_replies() {
	local clients=$1 path=$2
	shift 2
	# Words of a command.
	# shellcheck disable=SC2086
	${IN:-} curl --no-progress-meter --parallel --parallel-immediate \
		--parallel-max "$clients" \
		--max-time 60 -H 'Connection: close' "$@" "$URL$path" 3>&-
}

# expect STATUS PATH [CURL-ARGUMENT]...
expect() {
	local want=$1 got
	shift
	got=$(reply "$@") && [ "$got" = "$want" ] || {
		echo "$1: status $got, not $want: $(head -c 300 body)" >&2
		return 1
	}
}

# body_is TEXT
body_is() {
	[ "$(head -c 100000 body)" = "$1" ] || {
		echo "body: $(head -c 300 body)" >&2
		return 1
	}
}

# try_ports FUNCTION: until it has found a port that nobody else takes.
try_ports() {
	local _
	for _ in 1 2 3; do
		PORT=$(free_port)
		"$@" && return
	done
	return 1
}

# start_nginx: its server {} block's inside is stdin.
start_nginx() {
	mkdir -p nginx
	cat >nginx/server.conf
	try_ports nginx_once
}

nginx_once() {
	cat >nginx/site.conf <<-END
		${NGINX_HTTP:-}
		server {
			listen 127.0.0.1:$PORT;
			server_name localhost;
			client_max_body_size 0;
			default_type text/plain;
			include server.conf;
		}
	END
	run_nginx root
}

# run_nginx USER: what stands in its http {} block is nginx/site.conf.
run_nginx() {
	local user=
	[ "$(id -u)" -ne 0 ] || user="user $1 $(id -gn "$1");"
	mkdir -p nginx/tmp
	cat >nginx/nginx.conf <<-END
		$user
		daemon off;
		worker_processes 1;
		pid nginx/pid;
		error_log nginx/error.log info;
		events { worker_connections 512; }
		http {
			access_log off;
			client_body_temp_path nginx/tmp/body;
			proxy_temp_path nginx/tmp/proxy;
			fastcgi_temp_path nginx/tmp/fastcgi;
			uwsgi_temp_path nginx/tmp/uwsgi;
			scgi_temp_path nginx/tmp/scgi;
			include site.conf;
		}
	END
	server nginx nginx -p "$BATS_TEST_TMPDIR/" \
		-e nginx/error.log -c nginx/nginx.conf
}

# start_lighttpd: its configuration beside port and folder is stdin.
start_lighttpd() {
	mkdir -p lighttpd/tmp www
	cat >lighttpd/more.conf
	try_ports lighttpd_once
}

lighttpd_once() {
	{
		cat <<-END
			server.port = $PORT
			server.bind = "127.0.0.1"
			server.document-root = "$BATS_TEST_TMPDIR/www"
			server.errorlog = "$BATS_TEST_TMPDIR/lighttpd/error.log"
			server.upload-dirs = ("$BATS_TEST_TMPDIR/lighttpd/tmp")
		END
		cat lighttpd/more.conf
	} >lighttpd/lighttpd.conf
	server lighttpd lighttpd -D -f "$BATS_TEST_TMPDIR/lighttpd/lighttpd.conf"
}

# start_apache: its configuration beside port and folders is stdin. Its workers
# do not run as root: the socket must be open to them (-mode 0666).
start_apache() {
	mkdir -p apache www
	cat >apache/more.conf
	try_ports apache_once
}

apache_once() {
	local user=
	[ "$(id -u)" -ne 0 ] || user=$'User www-data\nGroup www-data'
	cat >apache/apache.conf <<-END
		ServerRoot "$BATS_TEST_TMPDIR/apache"
		ServerName localhost
		Listen 127.0.0.1:$PORT
		PidFile "$BATS_TEST_TMPDIR/apache/pid"
		ErrorLog "$BATS_TEST_TMPDIR/apache/error.log"
		DefaultRuntimeDir "$BATS_TEST_TMPDIR/apache"
		DocumentRoot "$BATS_TEST_TMPDIR/www"
		$user
		$(apache_modules)
		<Directory />
			Require all granted
		</Directory>
	END
	cat apache/more.conf >>apache/apache.conf
	server apache apache2 -X -f "$BATS_TEST_TMPDIR/apache/apache.conf"
}

apache_modules() {
	local name dir=/usr/lib/apache2/modules
	for name in mpm_event authz_core authz_host authn_core alias env dir \
		setenvif proxy proxy_fcgi rewrite auth_basic authn_file \
		authz_user ${APACHE_MODULES:-}; do
		echo "LoadModule ${name}_module $dir/mod_$name.so"
	done
}

# start_caddy: the inside of its site is stdin.
start_caddy() {
	mkdir -p caddy
	cat >caddy/site
	try_ports caddy_once
}

caddy_once() {
	{
		echo "{"
		echo "admin off"
		echo "auto_https off"
		echo "}"
		echo "http://127.0.0.1:$PORT {"
		cat caddy/site
		echo "}"
	} >caddy/Caddyfile
	XDG_DATA_HOME=$PWD/caddy XDG_CONFIG_HOME=$PWD/caddy \
		server caddy caddy run --adapter caddyfile \
		--config caddy/Caddyfile
}

# start_haproxy: sections beside global, defaults and `frontend web`, which
# sends all to `backend app`, are stdin.
start_haproxy() {
	mkdir -p haproxy
	cat >haproxy/more.cfg
	try_ports haproxy_once
}

haproxy_once() {
	{
		cat <<-END
			global
			    maxconn 500
			defaults
			    mode http
			    timeout connect 5s
			    timeout client 60s
			    timeout server 60s
			    retries 0
			frontend web
			    bind 127.0.0.1:$PORT
			    default_backend app
		END
		cat haproxy/more.cfg
	} >haproxy/haproxy.cfg
	server haproxy haproxy -db -f haproxy/haproxy.cfg
}

# start_h2o: the inside of paths: is stdin.
start_h2o() {
	mkdir -p h2o
	cat >h2o/paths
	try_ports h2o_once
}

h2o_once() {
	{
		[ "$(id -u)" -ne 0 ] || echo "user: root"
		cat <<-END
			listen:
			  host: 127.0.0.1
			  port: $PORT
			num-threads: 1
			error-log: $BATS_TEST_TMPDIR/h2o/error.log
			hosts:
			  default:
			    paths:
		END
		sed 's/^/      /' h2o/paths
	} >h2o/h2o.conf
	server h2o h2o -c h2o/h2o.conf
}

# start_php_fpm [ADDR]: on $PHP, a unix socket if nothing is said; more lines of
# its pool are in $PHP_POOL.
start_php_fpm() {
	local user='' root='' php
	PHP=${1:-$BATS_TEST_TMPDIR/php.sock}
	[ "$(id -u)" -ne 0 ] || {
		user=$'user = root\ngroup = root' root=-R
	}
	mkdir -p php
	cat >php/fpm.conf <<-END
		[global]
		daemonize = no
		pid = $BATS_TEST_TMPDIR/php/pid
		error_log = $BATS_TEST_TMPDIR/php/error.log
		[www]
		$user
		listen = $PHP
		pm = static
		pm.max_children = 3
		ping.path = /ping
		ping.response = pong
		pm.status_path = /status
		catch_workers_output = yes
		security.limit_extensions =
		${PHP_POOL:-}
	END
	php=$(compgen -c php-fpm | sort | tail -n 1)
	start php-fpm "$php" -n -F $root -y "$BATS_TEST_TMPDIR/php/fpm.conf"
	case $PHP in
	/*) wait_for listens "$PHP" ;;
	*) wait_for listens "${PHP##*:}" ;;
	esac
}
