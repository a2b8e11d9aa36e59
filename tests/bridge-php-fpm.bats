# The bridge asks a real php-fpm.
bats_require_minimum_version 1.5.0
load helpers
load bridge

setup_file() {
	:
}

# fpm [ADDR]: php-fpm, and scripts in www.
fpm() {
	mkdir -p www
	cat >www/ask.php <<-'END'
		<?php
		$body = file_get_contents('php://input');
		echo $_SERVER['REQUEST_METHOD'], ' ', strlen($body), ' ',
			md5($body), ' ', json_encode($_GET), json_encode($_POST),
			json_encode($_COOKIE), ' ', $_SERVER['HTTP_HOST'], ' ',
			$_SERVER['CONTENT_TYPE'] ?? '-', "\n";
	END
	echo '<?php error_log("a message"); http_response_code(500); echo "broken";' \
		>www/broken.php
	echo '<?php usleep(5000000); echo "late";' >www/slow.php
	start_php_fpm "$@"
	ADDR=$PHP
}

php() {
	url "$1" -root "$PWD/www" "${@:2}"
}

@test "/ping answers pong, /status what php-fpm says of itself, without any -root" {
	fpm
	run -0 --separate-stderr url /ping -fail
	[ "$output" = pong ]
	[ -z "$stderr" ]
	url '/status?full' -fail | grep -q '^request method: '
	url '/status?json' -fail | jq -e '."active processes" >= 1'
}

@test "a health check: 0 when it is well, 7 when it is gone, 22 when the path is wrong" {
	fpm
	url /ping -fail -timeout 3
	run -22 --separate-stderr url /pong -fail -timeout 3
	stop php-fpm
	run -7 --separate-stderr url /ping -fail -timeout 3
	[[ $stderr == "cgi-fcgi: $PHP: connect: "* ]]
}

@test "waiting for php-fpm to come up" {
	ADDR=$BATS_TEST_TMPDIR/php.sock
	start waiting "$CGI_FCGI" -connect "$ADDR" -url /ping -fail -retry 20
	sleep 0.2
	fpm
	ended waiting
	[ "$STATUS" -eq 0 ]
	[ "$(cat waiting.log)" = pong ]
}

@test "over TCP, IPv4, IPv6 and by name" {
	local port
	port=$(free_port)
	fpm "127.0.0.1:$port"
	for ADDR in "127.0.0.1:$port" "tcp:127.0.0.1:$port" ":$port" \
		"localhost:$port"; do
		[ "$(url /ping)" = pong ] || return
	done
	stop php-fpm
	port=$(free_port)
	start_php_fpm "[::1]:$port"
	# Every address of the name is tried.
	for ADDR in "[::1]:$port" "tcp6:[::1]:$port" ":$port"; do
		[ "$(url /ping)" = pong ] || return
	done
}

@test "GET, a form, JSON, a large upload, cookies and headers" {
	fpm
	[ "$(php '/ask.php?a=1&b%5B%5D=x')" = \
		"GET 0 $(md5sum </dev/null | cut -c 1-32) {\"a\":\"1\",\"b\":[\"x\"]}[][] localhost -" ]
	printf 'c=3&d=%%20' >form
	[ "$(php /ask.php -body form -header 'Cookie: s=t')" = \
		"POST 9 $(md5sum <form | cut -c 1-32) []{\"c\":\"3\",\"d\":\" \"}{\"s\":\"t\"} localhost application/x-www-form-urlencoded" ]
	head -c 3000000 /dev/urandom >large
	run -0 php /ask.php -body - -method PUT -header 'Host: example.org' \
		-header 'Content-Type: application/octet-stream' < <(cat large)
	[ "$output" = "PUT 3000000 $(md5sum <large | cut -c 1-32) [][][] example.org application/octet-stream" ]
}

@test "600 small variables, one of 60,000 bytes, 500 KB in all" {
	fpm
	# The variables' order is the environment's.
	# shellcheck disable=SC2016
	echo '<?php $n = 0; foreach ($_SERVER as $k => $v)
		if (strpos($k, "V_") === 0) $n += strlen($v) + ($k === "V_BIG");
		echo $n, " ", count(preg_grep("/^V_/", array_keys($_SERVER)));' \
		>www/count.php
	local variables=() i value
	value=$(printf '%0700d' 0)
	for i in {1..600}; do variables+=("V_$i=$value"); done
	variables+=("V_BIG=$(printf '%060000d' 0)" "V_B2=$(printf '%030000d' 0)")
	run -0 env -i "${variables[@]}" REQUEST_METHOD=GET \
		SCRIPT_FILENAME="$PWD/www/count.php" SCRIPT_NAME=/count.php \
		"$CGI_FCGI" -bind -connect "$PHP" -content
	[ "$output" = '510001 602' ]
}

@test "every size of a variable up to the largest that fits in a record" {
	fpm
	# shellcheck disable=SC2016
	echo '<?php echo strlen($_SERVER["BIG"] ?? "");' >www/big.php
	local n
	for n in 1 127 128 65000 65400 65510 65520 65525; do
		run -0 env -i BIG="$(printf "%0${n}d" 0)" REQUEST_METHOD=GET \
			SCRIPT_FILENAME="$PWD/www/big.php" "$CGI_FCGI" \
			-connect "$PHP" -content -fail
		[ "$output" = "$n" ] || return
	done
}

@test "a script's error message comes on stderr, its status with -fail; our line begins a line" {
	fpm
	run -22 --separate-stderr php /broken.php -fail
	[ "$output" = broken ]
	[ "${stderr_lines[0]}" = 'PHP message: a message' ]
	[ "${stderr_lines[1]}" = "cgi-fcgi: $PHP: the answer: HTTP status 500" ]
	run -0 php /broken.php
}

@test "-timeout ends a slow script's request with 28" {
	fpm
	run -28 --separate-stderr php /slow.php -timeout 0.3
}

@test "-trace shows why it answers 'File not found'" {
	fpm
	run -0 --separate-stderr url /ask.php -root /wrong -trace
	[ "$output" = 'File not found.' ]
	[[ $stderr == *'SCRIPT_FILENAME=/wrong/ask.php'* ]]
	[[ $stderr == *'Primary script unknown'* ]]
	[[ $stderr == *'Status: 404 Not Found'* ]]
}

@test "a body that is too short is 26, and the script does not take a part for the whole" {
	fpm
	# shellcheck disable=SC2016
	echo '<?php $b = file_get_contents("php://input");
		if (strlen($b)) file_put_contents(__DIR__ . "/taken", $b);' \
		>www/take.php
	run -26 --separate-stderr env -i REQUEST_METHOD=POST CONTENT_LENGTH=100 \
		SCRIPT_FILENAME="$PWD/www/take.php" "$CGI_FCGI" -connect "$PHP" \
		<<<short
	[ "$(url /ping)" = pong ]
	[ ! -e www/taken ]
}

@test "-values" {
	fpm
	run -0 --separate-stderr bridge -values
	[ "$output" = FCGI_MPXS_CONNS=0 ]
	[ -z "$stderr" ]
}

@test "the README's commands: a script from cron, an opcache's reset" {
	fpm
	echo '<?php echo function_exists("opcache_reset") ? opcache_reset() : "none";' \
		>www/reset.php
	run -0 url /reset.php -root "$PWD/www" -fail -timeout 300
	[ -n "$output" ]
}

@test "a static binary alone in an empty root asks for its health" {
	command -v musl-gcc
	make -s -C "$REPO" B="$BATS_TEST_TMPDIR/static" \
		BIN="$BATS_TEST_TMPDIR/static/cgi-fcgi" CC=musl-gcc \
		CFLAGS=-Os LDFLAGS=-static all
	local port
	port=$(free_port)
	fpm "127.0.0.1:$port"
	mkdir -p image
	cp static/cgi-fcgi image/
	local enter=(chroot image)
	[ "$(id -u)" -eq 0 ] || enter=(unshare -r chroot image)
	run -0 "${enter[@]}" /cgi-fcgi -connect "127.0.0.1:$port" -url /ping \
		-fail -timeout 3
	[ "$output" = pong ]
}
