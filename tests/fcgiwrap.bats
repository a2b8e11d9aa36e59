# In fcgiwrap's place: Debian's own files for it, with a link to us where
# fcgiwrap was.
bats_require_minimum_version 1.5.0
load helpers

setup() {
	here
	ln -s "$CGI_FCGI" fcgiwrap
}

# activated [ARG...]: as fcgiwrap.socket and fcgiwrap.service start it: the
# socket is fd 3, and the arguments are the unit's.
activated() {
	local options
	options=$(sed -n 's/^Environment=DAEMON_OPTS=//p' \
		/lib/systemd/system/fcgiwrap.service)
	# One word, with braces (Debian 12) and without (13).
	[ "$options" = -f ]
	grep -qxE 'ExecStart=/usr/sbin/fcgiwrap \$(DAEMON_OPTS|\{DAEMON_OPTS\})' \
		/lib/systemd/system/fcgiwrap.service
	cat >activate.pl <<-'END'
		use POSIX; use Socket;
		my ($path, @command) = @ARGV;
		socket my $s, AF_UNIX, SOCK_STREAM, 0 or die;
		bind $s, sockaddr_un($path) or die; listen $s, 511 or die;
		POSIX::dup2(fileno $s, 3) if fileno $s != 3;
		fcntl STDIN, 2, 0;
		{ local $^F = 100; open my $three, '<&=', 3; fcntl $three, 2, 0;
		$ENV{LISTEN_PID} = $$; $ENV{LISTEN_FDS} = 1; exec @command; }
	END
	start wrapper perl activate.pl "$SOCK" ./fcgiwrap "$options" "$@"
	WRAPPER=$PID
	wait_for listens "$SOCK"
	chmod 660 "$SOCK"
}

@test "Debian's nginx example for fcgiwrap serves /usr/lib/cgi-bin unchanged but for the socket's path" {
	# Where the repositories are gitweb hears from fcgiwrap's environment.
	mkdir repos
	git init -q --bare repos/example.git
	echo "our \$projectroot = '$PWD/repos'; 1;" >gitweb.conf
	export GITWEB_CONFIG=$PWD/gitweb.conf
	activated
	sed "s|/run/fcgiwrap.socket|$SOCK|" \
		/usr/share/doc/fcgiwrap/examples/nginx.conf >example.conf
	start_nginx <example.conf
	expect 200 /cgi-bin/gitweb.cgi
	grep -q 'example.git' body
	expect 404 /cgi-bin/no-such-program
	wait_for grep -q 'no such program' nginx/error.log
}

@test "the cgit howto for nginx and fcgiwrap works as it is written" {
	activated
	printf 'virtual-root=/\nscan-path=%s\n' "$PWD/repos" >cgitrc
	mkdir repos
	git init -q --bare repos/example.git
	start_nginx <<-END
		location / {
			include /etc/nginx/fastcgi_params;
			fastcgi_param SCRIPT_FILENAME /usr/lib/cgit/cgit.cgi;
			fastcgi_param PATH_INFO \$uri;
			fastcgi_param QUERY_STRING \$args;
			fastcgi_param HTTP_HOST \$server_name;
			fastcgi_param CGIT_CONFIG $PWD/cgitrc;
			fastcgi_pass unix:$SOCK;
		}
	END
	expect 200 /
	grep -q 'example' body
	expect 200 /example.git/
}

@test "programs get its own environment, and FCGI_CHDIR says where they stand" {
	OWN=thing activated
	run -0 get "$CGI_C/world"
	[[ $output == *'env OWN=thing\n'* && $output == *"cwd=$CGI_C"* ]]
	run -0 get "$CGI_C/world" FCGI_CHDIR=/
	[[ $output == *'cwd=/\n'* ]]
	run -0 get "$CGI_C/world" FCGI_CHDIR=-
	[[ $output == *"cwd=$PWD"'\n'* ]]
}

@test "why a program does not run is found out in its own folder, wherever FCGI_CHDIR leads" {
	program lost <<<'#!/no/such/interpreter'
	program crlf <<<$'#!/bin/sh\r'
	activated
	run -0 get "$PWD/lost" FCGI_CHDIR=/
	[[ $output == *'Status: 500'*'its interpreter is missing'* ]] ||
		[[ $output == *'its interpreter is missing'*'Status: 500'* ]]
	run -0 get "$PWD/crlf" FCGI_CHDIR=/
	[[ $output == *'carriage return'* ]]
	run -0 get "$PWD/lost" FCGI_CHDIR=-
	[[ $output == *'its interpreter is missing'* ]]
}

@test "stderr goes to its own without -f, and over FastCGI with it; -c and joined options are taken" {
	start wrapper ./fcgiwrap -c2 -s "unix:$SOCK"
	wait_for listens "$SOCK"
	run -0 get "$CGI/complain"
	[[ $output != *STDERR* ]]
	logged complaint
	stop wrapper
	start wrapper ./fcgiwrap -fc 2 -s "unix:$SOCK"
	wait_for listens "$SOCK"
	run -0 get "$CGI/complain"
	[[ $output == *'STDERR '* ]]
}

@test "-p lets only the named programs run; more than -c N run at once" {
	start wrapper ./fcgiwrap -c 1 -p "$CGI/hello" -p "$CGI/deaf" -s "unix:$SOCK"
	wait_for listens "$SOCK"
	run -0 get "$CGI/hello"
	[[ $output == *hello* ]]
	run -0 get "$CGI/echo"
	[[ $output == *'Status: 403'* ]]
	run -0 wire "get 1 $CGI/deaf WAIT=$PWD/go" "get 2 $CGI/deaf" 'end 2' \
		"create $PWD/go" 'end 1'
}

@test "its own mistakes are usage errors that name the option" {
	run -2 ./fcgiwrap -s nothing
	[[ ${lines[0]} == *'-s nothing'* ]]
	run -2 ./fcgiwrap -s
	[[ ${lines[0]} == *'-s needs'* ]]
	run -2 ./fcgiwrap -fx
	[[ ${lines[0]} == *'-x: unknown'* ]]
}

@test "an FCGI_CHDIR that is not there is told, and the program runs in its own folder" {
	activated
	run -0 get "$CGI_C/world" FCGI_CHDIR=/no/such/folder
	[[ $output == *"cwd=$CGI_C"* ]]
	logged 'FCGI_CHDIR /no/such/folder: No such file'
}

@test "-p may name what is not there yet" {
	activated -p "$PWD/later"
	cp "$CGI_C/world" later
	run -0 get "$PWD/later"
	[[ $output == *argv* ]]
}
