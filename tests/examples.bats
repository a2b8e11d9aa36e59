# The examples that no other file runs: init systems, and PHP by the bridge.
bats_require_minimum_version 1.5.0
load helpers
load matrix

setup() {
	here
	HALL=$PWD
}

@test "the run scripts of s6 and runit serve, and end on TERM" {
	local name
	for name in s6 runit; do
		example $name/run >run
		chmod 755 run
		start $name ./run
		wait_for listens "$SOCK"
		"$CGI_FCGI" -connect "$SOCK" -url "$CGI/hello" -fail
		stop $name
		[ "$STATUS" -eq 0 ]
		# Its user may not remove it from this folder.
		rm -f "$SOCK"
	done
}

@test "OpenRC's script is one, and its command starts" {
	sh -n "$REPO/examples/openrc/cgi-fcgi"
	example openrc/cgi-fcgi >service
	# shellcheck disable=SC1091
	. ./service
	# Words of a list.
	# shellcheck disable=SC2086,SC2154
	start openrc "$command" $command_args
	wait_for listens "$SOCK"
	stop openrc
	[ "$STATUS" -eq 0 ]
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
