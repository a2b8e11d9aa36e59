# The Debian package and its systemd units, in a Debian that is booted for it
# (make boot-test). It takes minutes and 400 MB: it is not among make test.
bats_require_minimum_version 1.5.0
load ../helpers
REPO=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)

export BATS_TEST_TIMEOUT=120

# inside COMMAND...: in the booted system.
inside() {
	nsenter -t "$(cat "$BATS_FILE_TMPDIR/init.pid")" -a -- "$@"
}

has_booted() {
	local state
	pgrep -P "$(cat "$BATS_FILE_TMPDIR/nspawn.pid")" \
		>"$BATS_FILE_TMPDIR/init.pid" || return
	state=$(inside systemctl is-system-running)
	[ "$state" = running ] || [ "$state" = degraded ]
}

# A minimal Debian with nginx, the package, a program and nginx' example.
install_system() ( # ROOT
	set -eu
	git -C "$REPO" ls-files -z | tar -C "$REPO" --null -T - -cf - |
		(mkdir src && tar -C src -xf -)
	(cd src && dpkg-buildpackage -us -uc -b)
	debootstrap --variant=minbase \
		--include=systemd,systemd-sysv,nginx-light,curl,procps \
		"$(. /etc/os-release && echo "$VERSION_CODENAME")" "$1"
	cp cgi-fcgi_*.deb "$1/cgi-fcgi.deb"
	chroot "$1" dpkg -i /cgi-fcgi.deb
	cp "$REPO/examples/nginx/cgi.conf" "$1/etc/nginx/sites-enabled/"
	mkdir -p "$1/usr/lib/cgi-bin"
	cat >"$1/usr/lib/cgi-bin/hello" <<-'END'
		#!/bin/sh
		[ -z "$QUERY_STRING" ] || sleep "$QUERY_STRING"
		echo a word on stderr >&2
		printf 'A: b\n\n%s %s end\n' "$(id -un)" "$PATH_INFO"
	END
	chmod 755 "$1/usr/lib/cgi-bin/hello"
)

setup_file() {
	cd "$BATS_FILE_TMPDIR" || return
	install_system "$PWD/root"
	systemd-nspawn -q -D root --register=no --keep-unit \
		--private-network -b </dev/null >boot.log 2>&1 3>&- &
	echo $! >nspawn.pid
	PATIENCE=60 wait_for has_booted
}

teardown_file() {
	local pid
	pid=$(cat "$BATS_FILE_TMPDIR/nspawn.pid") || return
	inside systemctl poweroff
	PATIENCE=30 wait_for gone "$pid" || kill -KILL "$pid"
}

# What setup_file has started goes on.
teardown() {
	:
}

page() { # PATH[?SECONDS]
	inside curl -sS --fail "http://127.0.0.1:8080/cgi-bin/$1"
}

of_service() { # PROPERTY
	inside systemctl show -P "$1" cgi-fcgi.service
}

is_active() {
	inside systemctl is-active --quiet cgi-fcgi.service
}

is_inactive() {
	! is_active
}

@test "after its installation nothing runs, and nothing is listened to" {
	run ! inside systemctl is-active cgi-fcgi.socket
	run ! inside test -e /run/cgi-fcgi.sock
}

@test "the socket is there before the first request, which starts the wrapper" {
	inside systemctl enable --now cgi-fcgi.socket
	run -0 inside stat -c '%a %U' /run/cgi-fcgi.sock
	[ "$output" = '660 www-data' ]
	is_inactive
	run -0 page hello/more
	[ "$output" = 'www-data /more end' ]
	is_active
}

@test "its journal has what programs say, and its state is told" {
	inside journalctl -q --sync
	inside journalctl -qu cgi-fcgi | grep -q '/hello\[.*: a word on stderr'
	told() {
		[[ $(of_service StatusText) == *request* ]]
	}
	PATIENCE=20 wait_for told
}

@test "a restart loses no request: what runs ends, what comes meanwhile waits" {
	local i pids=() before
	before=$(of_service MainPID)
	for i in 1 2 3 4 5; do
		page "hello/$i?2" >"$BATS_TEST_TMPDIR/$i" &
		pids+=($!)
	done
	all_run() {
		[ "$(inside pgrep -c hello)" -eq 5 ]
	}
	wait_for all_run
	inside systemctl restart cgi-fcgi.service &
	pids+=($!)
	for i in 6 7 8; do
		page "hello/$i?0.1" >"$BATS_TEST_TMPDIR/$i" &
		pids+=($!)
	done
	for i in "${pids[@]}"; do
		wait "$i" || return
	done
	for i in 1 2 3 4 5 6 7 8; do
		[ "$(cat "$BATS_TEST_TMPDIR/$i")" = "www-data /$i end" ] || return
	done
	[ "$(of_service MainPID)" -ne "$before" ]
}

@test "killed, it is started again" {
	inside kill -KILL "$(of_service MainPID)"
	restarted() {
		[ "$(of_service NRestarts)" -eq 1 ]
	}
	wait_for restarted
	run -0 page hello
	[ "$output" = 'www-data  end' ]
}

@test "with -idle it ends by itself and the next request starts it; -preload and -workers hold in the unit's sandbox" {
	local i
	inside sh -c 'mkdir /run/systemd/system/cgi-fcgi.service.d
		cat >/run/systemd/system/cgi-fcgi.service.d/idle.conf
		systemctl daemon-reload
		systemctl restart cgi-fcgi.service' <<-'END'
		[Service]
		ExecStart=
		ExecStart=/usr/bin/cgi-fcgi -idle 1 -workers 2 -status /status \
			-preload /usr/lib/cgi-bin/hello
	END
	preloaded() {
		run -0 page hello
		inside cgi-fcgi -connect /run/cgi-fcgi.sock -url /status |
			grep -q 'preloaded: [1-9]'
	}
	wait_for preloaded
	wait_for is_inactive
	[ "$(of_service Result)" = success ]
	run -0 page hello/again
	[ "$output" = 'www-data /again end' ]
	is_active
}

# drop_in NAME=VALUE...: what an administrator writes behind [Service].
drop_in() {
	inside mkdir -p /run/systemd/system/cgi-fcgi.service.d
	printf '%s\n' '[Service]' "$@" |
		inside tee /run/systemd/system/cgi-fcgi.service.d/test.conf
	inside systemctl daemon-reload
	inside systemctl restart cgi-fcgi.service
}

@test "a drop-in as the unit's comment has it lets programs write below /home, or gain rights by set-user-ID; without it they cannot" {
	local ask=(inside cgi-fcgi -connect /run/cgi-fcgi.sock -url
		/usr/lib/cgi-bin/rights)
	inside sh -c 'mkdir -p -m 777 /home/git
		install -m 4755 /usr/bin/id /usr/local/bin/set-user-id
		cat >/usr/lib/cgi-bin/rights && chmod 755 /usr/lib/cgi-bin/rights' <<-'END'
		#!/bin/sh
		printf 'A: b\n\n%s %s ' "$(id -un)" "$(set-user-id -un)"
		if touch /home/git/file 2>/dev/null; then echo writes; fi
	END
	drop_in
	run -0 "${ask[@]}"
	[[ $output == 'www-data www-data '* && $output != *writes* ]]
	drop_in ReadWritePaths=/home/git
	run -0 "${ask[@]}"
	[[ $output == *writes* ]]
	drop_in NoNewPrivileges=no User=root Group=root ExecStart= \
		'ExecStart=/usr/bin/cgi-fcgi -stderr both -user www-data'
	run -0 "${ask[@]}"
	[[ $output == 'www-data root '* ]]
	drop_in
}

@test "stopped, service and socket leave nothing behind" {
	inside systemctl stop cgi-fcgi.socket cgi-fcgi.service
	run ! inside test -e /run/cgi-fcgi.sock
	run ! inside pgrep cgi-fcgi
	inside dpkg --purge cgi-fcgi
	run ! inside test -e /lib/systemd/system/cgi-fcgi.socket
}
