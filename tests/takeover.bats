# An upgrade: a second instance on the same listening socket, the first told to
# stop, under load.
bats_require_minimum_version 1.5.0
load helpers

# holder: holds the socket as systemd does; starts an instance on it whenever
# there is a file start-N, and notes its pid in pid-N.
holder() {
	cat >holder.pl <<-'END'
		use strict; use POSIX; use Socket;
		my ($path, @command) = @ARGV;
		socket my $s, AF_UNIX, SOCK_STREAM, 0 or die;
		bind $s, sockaddr_un($path) or die;
		listen $s, 511 or die;
		POSIX::dup2(fileno $s, 3) if fileno $s != 3;
		fcntl STDIN, 2, 0;
		open my $three, '<&=', 3; fcntl $three, 2, 0;
		$SIG{TERM} = sub { exit 0 };
		my $n = 1;
		while (1) {
			if (-e "start-$n") {
				my $pid = fork;
				if (!$pid) {
					$ENV{LISTEN_PID} = $$; $ENV{LISTEN_FDS} = 1;
					exec @command;
				}
				open my $f, '>', "pid-$n.new"; print $f "$pid\n"; close $f;
				rename "pid-$n.new", "pid-$n";
				$n++;
			}
			waitpid -1, WNOHANG;
			select undef, undef, undef, 0.01;
		}
	END
	start holder perl -X holder.pl "$SOCK" "$CGI_FCGI" "$@"
	touch start-1
	wait_for [ -s pid-1 ]
	wait_for get "$CGI/hello"
}

instance_gone() {
	gone "$(cat "pid-$1")"
}

end_instance() {
	kill -TERM "$(cat "pid-$1")"
	wait_for instance_gone "$1"
}

take_over() {
	chmod 666 "$SOCK"
	start_nginx <<-END
		location / {
			include /etc/nginx/fastcgi_params;
			fastcgi_param SCRIPT_FILENAME $CGI\$fastcgi_script_name;
			$1
			fastcgi_pass app;
		}
	END
	# To stderr, so that each is there at once.
	many_replies 8 '/hello?[1-3000]' -o /dev/null \
		-w '%{stderr}%{http_code}\n' 2>codes &
	local load=$!
	wait_for eval '[ "$(wc -l <codes)" -ge 50 ]'
	touch start-2
	wait_for [ -s pid-2 ]
	kill -"$2" "$(cat pid-1)"
	wait_for instance_gone 1
	[ "$(wc -l <codes)" -lt 3000 ]
	wait $load
	run -0 uniq -c <(sort codes)
	[ "$(tr -s ' ' <<<"$output")" = ' 3000 200' ]
	end_instance 2
}

@test "TERM under load through nginx, a second instance on the socket: not one request fails" {
	holder
	NGINX_HTTP="upstream app { server unix:$SOCK; }" take_over '' TERM
}

@test "the same with connections that nginx keeps, and with USR1" {
	holder
	NGINX_HTTP="upstream app { server unix:$SOCK; keepalive 8; }" \
		take_over 'fastcgi_keep_conn on;' USR1
}

@test "the same with two workers in each" {
	holder -workers 2
	NGINX_HTTP="upstream app { server unix:$SOCK; }" take_over '' TERM
}
