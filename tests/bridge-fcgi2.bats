# fcgi2's cgi-fcgi and ours, on the same requests: output and exit status are
# the same where fcgi2's are sane.
bats_require_minimum_version 1.5.0
load helpers
load bridge

OLD=/usr/bin/cgi-fcgi

# same VARIABLE... [-- WORD...]: both are asked in the same environment, with
# the file sent as stdin.
same() {
	local variables=() words=()
	while [ $# -gt 0 ] && [ "$1" != -- ]; do
		variables+=("$1")
		shift
	done
	words=("${@:2}")
	[ ${#words[@]} -gt 0 ] || words=(-bind -connect "$SOCK")
	local old=0 new=0
	[ -e sent ] || : >sent
	timeout 20 env -i "${variables[@]}" "$OLD" "${words[@]}" <sent \
		>old.out 2>old.err 3>&- || old=$?
	timeout 20 env -i "${variables[@]}" "$CGI_FCGI" "${words[@]}" <sent \
		>new.out 2>new.err 3>&- || new=$?
	cmp old.out new.out && cmp old.err new.err && [ "$old" -eq "$new" ]
}

@test "the same answer, messages and exit status from a libfcgi application" {
	app
	same DO=hello
	! bare || same DO=env A=1 B= C=$'a\nb'
	same DO=status=404
	same DO=err=message
	same DO=bare=text
	same DO=exit=0
	same DO=exit=7
	same DO=exit=255
	head -c 300000 /dev/urandom >sent
	same DO=echo CONTENT_LENGTH=300000
	same DO=pour=1000000
}

@test "the same answers from php-fpm" {
	start_php_fpm
	SOCK=$PHP
	mkdir www
	# shellcheck disable=SC2016
	echo '<?php echo $_GET["q"] ?? "", file_get_contents("php://input");' \
		>www/a.php
	same REQUEST_METHOD=GET SCRIPT_NAME=/ping SCRIPT_FILENAME=/ping
	same REQUEST_METHOD=GET "SCRIPT_FILENAME=$PWD/www/a.php" QUERY_STRING=q=5
	echo body >sent
	same REQUEST_METHOD=POST "SCRIPT_FILENAME=$PWD/www/a.php" \
		CONTENT_LENGTH=5 CONTENT_TYPE=text/plain
	same REQUEST_METHOD=GET SCRIPT_FILENAME=/no/such.php
}

@test "the same answers from a Perl application, which -start and -f bring up as before" {
	program perl.fcgi <<-'END'
		#!/usr/bin/perl
		use FCGI;
		my $request = FCGI::Request();
		while ($request->Accept() >= 0) {
			print "Content-Type: text/plain\n\n";
			print join(",", map { "$_=$ENV{$_}" } sort grep { /^X/ } keys %ENV);
			read(STDIN, my $body, $ENV{CONTENT_LENGTH} || 0);
			print " $body\n";
		}
	END
	start perl "$CGI_FCGI" -supervise -connect "$SOCK" "$PWD/perl.fcgi" 2
	wait_for listens "$SOCK"
	printf hello >sent
	same X1=a X2=b CONTENT_LENGTH=5
	printf -- '-bind\n-connect %s\n' "$SOCK" >words
	same X1=a CONTENT_LENGTH=5 -- -f words
}

@test "the same from our own wrapper" {
	wrapper
	same REQUEST_METHOD=GET "SCRIPT_FILENAME=$CGI/hello" QUERY_STRING=you
	same REQUEST_METHOD=GET "SCRIPT_FILENAME=$CGI/exit42"
	same REQUEST_METHOD=GET "SCRIPT_FILENAME=$CGI/nothing"
}

@test "fcgi2's forms: APP is started by either and asked by the other" {
	env -i DO=x "$CGI_FCGI" -connect "$SOCK" "$APP" 2 3>&- >new.out
	env -i DO=x "$OLD" -bind -connect "$SOCK" 3>&- >old.out
	cmp old.out new.out
	end_copies
}

@test "where fcgi2's is not sane: 256 is no success, an environment over 8 KiB arrives, a closed stdout is no socket, CONTENT_LENGTH counts" {
	app
	run -255 env -i DO=exit=256 "$CGI_FCGI" -bind -connect "$SOCK"
	run -0 env -i DO=env "BIG=$(printf '%020000d' 0)" "$CGI_FCGI" -bind \
		-connect "$SOCK"
	[[ $output == *"BIG=0000"* ]]
	run -0 eval 'env -i DO=x "$CGI_FCGI" -bind -connect "$SOCK" >&-'
	run -2 "$CGI_FCGI" -bind -connect localhost:86536
	# It sends what it has read, whatever CONTENT_LENGTH says.
	head -c 300000 /dev/zero >sent
	run -0 eval 'env -i DO=sum CONTENT_LENGTH=100 "$CGI_FCGI" -bind \
		-connect "$SOCK" -content <sent'
	[ "${output% *}" = 100 ]
}
