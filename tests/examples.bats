# The examples that no other file runs: init systems, and PHP by the bridge.
bats_require_minimum_version 1.5.0
load helpers
load matrix

setup() {
	here
	HALL=$PWD
}

# again NAME: it has begun to listen twice.
again() {
	[ "$(grep -c 'listening on' "$BATS_TEST_TMPDIR/$1.log")" -eq 2 ]
}

@test "s6 and runit run it by their scripts, run it again when it dies, and end it" {
	local name pid
	declare -A supervise=([s6]=s6-supervise [runit]=runsv)
	declare -A end=([s6]='s6-svc -dx' [runit]='sv exit')
	for name in s6 runit; do
		mkdir $name
		example $name/run >$name/run
		chmod 755 $name/run
		start $name ${supervise[$name]} "$PWD/$name"
		"$CGI_FCGI" -connect "$SOCK" -retry 10 -url "$CGI/hello" -fail
		kill -9 "$(children_of $PID)"
		wait_for again "$name"
		"$CGI_FCGI" -connect "$SOCK" -retry 10 -url "$CGI/hello" -fail
		pid=$(children_of $PID)
		# A command and its words.
		# shellcheck disable=SC2086
		${end[$name]} "$PWD/$name"
		wait_for gone "$pid"
		ended $name
		# Its user may not remove it from this folder.
		rm -f "$SOCK"
	done
}

@test "OpenRC starts it by its script, and stops it" {
	has openrc-run || return 0
	example openrc/cgi-fcgi >cgi-fcgi
	chmod 755 cgi-fcgi
	# OpenRC serves where it has booted, or believes so.
	cat >boot <<-'END'
		set -eu
		mount -t tmpfs none /run
		cd /run
		mkdir openrc
		cd openrc
		mkdir daemons exclusive options started starting stopping tmp
		touch softlevel
		cd "$HALL"
		./cgi-fcgi --nodeps start
		"$CGI_FCGI" -connect "$SOCK" -retry 10 -url "$CGI/hello" -fail
		./cgi-fcgi --nodeps status
		./cgi-fcgi --nodeps stop
		! "$CGI_FCGI" -connect "$SOCK" -url "$CGI/hello"
	END
	export HALL CGI_FCGI SOCK CGI
	run -0 unshare -m --propagation private sh boot
	[[ $output == *hello*'status: started'* ]]
}

@test "PHP behind lighttpd's mod_cgi, by the bridge and php-fpm, and a 502 page when it is down" {
	mkdir www cgi-bin
	start_php_fpm
	chmod 666 "$PHP"
	example php-fpm | sed "s|/run/php/php-fpm.sock|$PHP|" >cgi-bin/php-fpm
	chmod 755 cgi-bin/php-fpm
	echo '<?php echo "page ", $_GET["q"] ?? $_POST["q"], basename(__FILE__);' \
		>www/page.php
	try_ports hall_lighty web php.conf
	expect 200 '/page.php?q=one'
	body_is 'page onepage.php'
	expect 200 /page.php -d q=two
	body_is 'page twopage.php'
	stop php-fpm
	expect 502 /page.php
	grep -q 'cgi-fcgi: ' lighttpd/breakage.log
}

@test "a container's health check is a command that exists" {
	# Docker's own list of words, as JSON has it.
	local words
	mapfile -t words < <(sed -n 's/^ *CMD \(\[.*\]\)$/\1/p' \
		"$REPO/examples/container/Dockerfile" | jq -r '.[]')
	[ "${words[0]}" = cgi-fcgi ]
	local port
	port=$(free_port)
	start_php_fpm "127.0.0.1:$port"
	run -0 "$CGI_FCGI" "${words[@]:1:1}" "127.0.0.1:$port" "${words[@]:3}"
	[ "$output" = pong ]
	stop php-fpm
	run -7 "$CGI_FCGI" "${words[@]:1:1}" "127.0.0.1:$port" "${words[@]:3}"
}
