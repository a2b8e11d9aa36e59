# Real CGI programs behind nginx and the wrapper: git, gitweb, cgit, CGI.pm.
bats_require_minimum_version 1.5.0
load helpers

# A repository of more than 2,000 objects, made once.
setup_file() {
	cd "$BATS_FILE_TMPDIR" || return
	git_settings
	git init -q --bare origin.git
	git -C origin.git config http.receivepack true
	git clone -q origin.git work 2>/dev/null
	cd work || return
	local i n
	{
		for i in {1..520}; do
			echo 'commit refs/heads/main'
			echo "committer A U Thor <a@example.org> $((1700000000 + i)) +0000"
			echo 'data <<END'
			echo "Commit $i"
			echo 'END'
			for dir in a b; do
				echo "M 644 inline $dir/file$((i % 40)).txt"
				echo 'data <<END'
				for ((n = i; n <= i + 50; n++)); do echo $n; done
				echo 'END'
			done
		done
	} | git fast-import --quiet
	git push -q origin main
	git -C ../origin.git symbolic-ref HEAD refs/heads/main
}

# at_git ADDR: git http-backend as its manual has it for nginx.
at_git() {
	mkdir srv
	cp -r "$BATS_FILE_TMPDIR/origin.git" srv/repo.git
	start_nginx <<-END
		location ~ /git(/.*) {
		    include /etc/nginx/fastcgi_params;
		    fastcgi_param SCRIPT_FILENAME $(git --exec-path)/git-http-backend;
		    fastcgi_param GIT_HTTP_EXPORT_ALL "";
		    fastcgi_param GIT_PROJECT_ROOT $PWD/srv;
		    fastcgi_param GIT_CONFIG_COUNT 1;
		    fastcgi_param GIT_CONFIG_KEY_0 safe.directory;
		    fastcgi_param GIT_CONFIG_VALUE_0 *;
		    fastcgi_param PATH_INFO \$1;
		    fastcgi_pass $1;
		    ${2:-}
		}
	END
}

# clone_fetch_push: with git fsck afterwards on both sides.
clone_fetch_push() {
	git clone -q "$URL/git/repo.git" clone
	[ "$(git -C clone rev-list --objects --all | wc -l)" -ge 2000 ]
	git -C clone fsck --full --strict
	git clone -q "$URL/git/repo.git" other
	# A pack that is larger than one POST of git's (http.postBuffer).
	head -c 3000000 /dev/urandom >clone/large
	git -C clone add large
	git -C clone commit -qm 'Push something large'
	git -C clone push -q origin main
	git -C other fetch -q
	[ "$(git -C other rev-parse origin/main)" = \
		"$(git -C clone rev-parse main)" ]
	git -C other merge -q --ff-only origin/main
	cmp other/large clone/large
	git -C other fsck --full --strict
	git -C srv/repo.git fsck --full --strict
	[ "$(git -C srv/repo.git rev-parse main)" = \
		"$(git -C clone rev-parse main)" ]
}

@test "git clone, fetch and push of 2,000 objects through nginx and a unix socket, git fsck clean" {
	git_settings
	wrapper
	at_git "unix:$SOCK"
	clone_fetch_push
}

@test "git clone, fetch and push of 2,000 objects through nginx and TCP, git fsck clean" {
	git_settings
	local port
	port=$(free_port)
	wrapper_on "127.0.0.1:$port" -allow "$(git --exec-path)/git-http-backend"
	at_git "127.0.0.1:$port"
	clone_fetch_push
}

@test "the same with request buffering off, where git's chunked POST has no CONTENT_LENGTH" {
	git_settings
	wrapper
	at_git "unix:$SOCK" 'fastcgi_request_buffering off;'
	clone_fetch_push
}

@test "ten clones at once" {
	git_settings
	wrapper
	at_git "unix:$SOCK"
	local pids=() i
	for i in {1..10}; do
		git clone -q "$URL/git/repo.git" "clone$i" 3>&- &
		pids+=($!)
	done
	for i in {1..10}; do
		wait "${pids[i - 1]}"
		git -C "clone$i" fsck --full
	done
}

@test "a clone of a repository that is not there fails as it should" {
	git_settings
	wrapper
	at_git "unix:$SOCK"
	run -128 git clone -q "$URL/git/nothing.git" none
	[[ $output == *'not found'* ]]
}

@test "gitweb's front page lists the repository, its log shows the commits" {
	git_settings
	wrapper
	mkdir srv
	cp -r "$BATS_FILE_TMPDIR/origin.git" srv/repo.git
	# gitweb is Perl code.
	# shellcheck disable=SC2016
	echo "\$projectroot = '$PWD/srv'; \$ENV{GIT_CONFIG_COUNT} = 1;
		\$ENV{GIT_CONFIG_KEY_0} = 'safe.directory';
		\$ENV{GIT_CONFIG_VALUE_0} = '*';" >gitweb.conf
	start_nginx <<-END
		location /gitweb {
		    include /etc/nginx/fastcgi_params;
		    fastcgi_param SCRIPT_FILENAME /usr/share/gitweb/gitweb.cgi;
		    fastcgi_param GITWEB_CONFIG $PWD/gitweb.conf;
		    fastcgi_pass unix:$SOCK;
		}
	END
	run -0 curl -sS "$URL/gitweb"
	[[ $output == *repo.git* ]]
	[[ $output == *'</html>'* ]]
	run -0 curl -sS "$URL/gitweb?p=repo.git;a=log"
	[[ $output == *'Commit 520'* ]]
}

# cgit_serves [OPTION...]
cgit_serves() {
	git_settings
	wrapper "$@"
	mkdir srv cache
	cp -r "$BATS_FILE_TMPDIR/origin.git" srv/repo.git
	printf '%s\n' virtual-root=/cgit cache-size=0 repo.url=repo \
		"repo.path=$PWD/srv/repo.git" >cgitrc
	start_nginx <<-END
		location ~ ^/cgit(/.*)?\$ {
		    include /etc/nginx/fastcgi_params;
		    fastcgi_param SCRIPT_FILENAME /usr/lib/cgit/cgit.cgi;
		    fastcgi_param CGIT_CONFIG $PWD/cgitrc;
		    fastcgi_param HOME $BATS_FILE_TMPDIR;
		    fastcgi_param PATH_INFO \$1;
		    fastcgi_pass unix:$SOCK;
		}
	END
	run -0 curl -sS "$URL/cgit/"
	[[ $output == *'/cgit/repo/'* ]]
	run -0 curl -sS "$URL/cgit/repo/log/"
	[[ $output == *'Commit 520'* ]]
}

@test "cgit's front page lists the repository, its log shows the commits" {
	cgit_serves
}

@test "the same with -preload" {
	cgit_serves -preload /usr/lib/cgit/cgit.cgi -verbose
	wait_for templates_ready "$WRAPPER" 1
	run -0 curl -sS "$URL/cgit/repo/log/"
	[[ $output == *'Commit 520'* ]]
}

@test "a Perl CGI.pm form with a file upload gets field and file whole" {
	wrapper
	start_nginx <<-END
		location / {
		    include /etc/nginx/fastcgi_params;
		    fastcgi_param SCRIPT_FILENAME $CGI\$fastcgi_script_name;
		    fastcgi_pass unix:$SOCK;
		}
	END
	head -c 3000000 /dev/urandom >upload.bin
	run -0 curl -sS -F 'name=Ämilie & Söhne' -F file=@upload.bin "$URL/form.pl"
	[[ ${lines[0]} == 'name=Ämilie & Söhne' ]]
	[ "${lines[1]}" = "file=upload.bin size=3000000 sha256=$(sha256sum \
		<upload.bin | cut -d ' ' -f 1)" ]
	run -0 curl -sS "$URL/form.pl?name=from+a+link"
	[ "$output" = 'name=from a link' ]
}

php_page() {
	run -0 curl -sS -D header --data-binary @"$CGI/hello" \
		"$URL/page.php?a=size"
	[ "$output" = "size$(wc -c <"$CGI/hello")" ]
	grep -q '^HTTP/1.1 201' header
	grep -q '^X-Made-By: php' header
}

@test "php-cgi serves a page as a plain CGI program, as PROGRAM and as -handler" {
	wrapper "$(command -v php-cgi)"
	mkdir www
	cat >www/page.php <<-'END'
		<?php header('X-Made-By: php'); http_response_code(201);
		echo $_GET['a'], strlen(file_get_contents('php://input'));
	END
	start_nginx <<-END
		location / {
		    include /etc/nginx/fastcgi_params;
		    fastcgi_param SCRIPT_FILENAME $PWD/www\$fastcgi_script_name;
		    fastcgi_param REDIRECT_STATUS 200;
		    fastcgi_pass unix:$SOCK;
		}
	END
	php_page
	stop_wrapper
	wrapper -handler ".php=$(command -v php-cgi)"
	php_page
}

@test "fossil serves a repository's pages as CGI" {
	export HOME=$PWD USER=admin
	fossil init repo.fossil >/dev/null
	program site.cgi <<-END
		#!$(command -v fossil)
		repository: $PWD/repo.fossil
	END
	wrapper -env HOME -env USER
	start_nginx <<-END
		location / {
		    include /etc/nginx/fastcgi_params;
		    fastcgi_param SCRIPT_FILENAME $PWD/site.cgi;
		    fastcgi_param SCRIPT_NAME /;
		    fastcgi_param PATH_INFO \$uri;
		    fastcgi_pass unix:$SOCK;
		}
	END
	run -0 curl -sS "$URL/timeline"
	[[ $output == *'initial empty check-in'* ]]
}
