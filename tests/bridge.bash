# What tests of the bridge share, beside helpers: applications to be asked.

# libfcgi's application is built once a file; $APP is its path, each test has a
# copy of its own so that its processes can be told from others'.
setup_file() {
	cc -O1 -o "$BATS_FILE_TMPDIR/app" "$REPO/tests/fcgi/app.c" -lfcgi
}

setup() {
	here
	APP=$BATS_TEST_TMPDIR/app
	[ ! -e "$BATS_FILE_TMPDIR/app" ] || cp "$BATS_FILE_TMPDIR/app" "$APP"
}

# bare: whether processes are as they are started. valgrind keeps descriptors,
# variables, files and exit statuses of its own.
bare() {
	[ "${INSTRUMENTED:-}" != valgrind ]
}

# bridge [ARG...]: asks what listens on $SOCK (or $ADDR).
bridge() {
	"$CGI_FCGI" -connect "${ADDR:-$SOCK}" "$@" 3>&-
}

# url PATH [ARG...]
url() {
	bridge -url "$@"
}

# app [N]: libfcgi's application on $SOCK.
app() {
	start app "$CGI_FCGI" -supervise -connect "${ADDR:-$SOCK}" "$APP" "$@"
	wait_for listens "${ADDR:-$SOCK}"
}

# waits_for_room PID: it is in connect(2), or has got a place.
waits_for_room() {
	[[ $(readlink "/proc/$1/fd/"*) == *socket:* ]] &&
		grep -q '^State:.S' "/proc/$1/status"
}

# fill_backlog [OPTION...]: two that wait, which is all that there is room for.
fill_backlog() {
	local i
	for i in 1 2; do
		start "waiting$i" "$CGI_FCGI" -connect "$SOCK" -url / "$@"
	done
	wait_for eval '[ "$(ss -Hxl src "$SOCK" | awk "{ print \$3 }")" -ge 2 ]'
}

# bad STEP...: the misbehaving application (tests/badapp.c) on $SOCK; what it
# receives is in the file seen.
bad() {
	bad_at "$SOCK" "$@"
}

# bad_at ADDR STEP...
bad_at() {
	: >seen
	start bad "$BUILD/badapp" "$1" seen "${@:2}"
	case $1 in
	/*) wait_for listens "$1" ;;
	*) wait_for listens "${1##*:}" ;;
	esac
}

# saw TEXT: whether the bad application's notes have a line that begins so.
saw() {
	grep -q -- "^$1" seen
}

# copies: how many processes of $APP run.
copies() {
	copy_pids | wc -l
}

copy_pids() {
	find /proc -maxdepth 2 -path '/proc/[0-9]*/exe' -lname "$APP" \
		2>/dev/null | cut -d / -f 3
}

copies_are() {
	[ "$(copies)" -eq "$1" ]
}

# end_copies: of $APP that -start left running, as it promises.
end_copies() {
	local pid
	for pid in $(copy_pids); do
		kill "$pid" || :
	done
	wait_for copies_are 0
}

# told TEXT: whether the bridge's one line on stderr ends so; from run with
# --separate-stderr.
told() {
	[ "$stderr" = "cgi-fcgi: ${ADDR:-$SOCK}: $1" ] || {
		printf 'stderr: %s\n' "$stderr" >&2
		return 1
	}
}
