# Real programs behind every server: each page as the same program gives it
# under Apache's own CGI.
bats_require_minimum_version 1.5.0
load helpers
load matrix

setup_file() {
	git_settings
	HALL_ENV=("GIT_CONFIG_NOSYSTEM=1"
		"GIT_CONFIG_GLOBAL=$GIT_CONFIG_GLOBAL"
		"GITWEB_CONFIG=$BATS_FILE_TMPDIR/gitweb.conf"
		"CGIT_CONFIG=$BATS_FILE_TMPDIR/cgitrc"
		"MAPSERVER_CONFIG_FILE=$BATS_FILE_TMPDIR/mapserver.conf"
		"MS_MAPFILE=$BATS_FILE_TMPDIR/site.map")
	# Words of a list.
	# shellcheck disable=SC2086
	open_hall cgid $SERVERS $STARTERS
}

teardown_file() {
	close_hall
}

more_programs() {
	repositories
	fossil_site
	map_site
	program cgi-bin/page.php <<-'END'
		#!/usr/bin/php-cgi
		<?php
		header('X-Made-By: php');
		http_response_code(203);
		setcookie('a', '1');
		echo $_GET['q'], ' ', $_SERVER['REQUEST_METHOD'], ' ',
			json_encode($_POST), ' ', json_encode($_COOKIE), ' ',
			strlen(file_get_contents('php://input')), "\n";
	END
	program cgi-bin/hello.py <<-'END'
		#!/usr/bin/python3
		import os, sys, urllib.parse
		body = sys.stdin.buffer.read()
		print("Content-Type: text/plain; charset=utf-8")
		print("X-Length:", len(body))
		print()
		print(urllib.parse.parse_qs(os.environ["QUERY_STRING"]), os.getcwd())
		for name in ("REQUEST_METHOD", "SCRIPT_NAME", "PATH_INFO",
			     "CONTENT_TYPE", "CONTENT_LENGTH", "REMOTE_ADDR",
			     "SERVER_PROTOCOL", "GATEWAY_INTERFACE",
			     "HTTP_X_MINE", "HTTP_COOKIE"):
		    print(name, "=", os.environ.get(name) or 0)
		print(sum(body))
	END
	program cgi-bin/world.sh <<-'END'
		#!/bin/sh
		printf 'Content-Type: text/plain\r\nX-Shell: yes\r\n\r\n'
		echo "$REQUEST_METHOD $SCRIPT_NAME$PATH_INFO?$QUERY_STRING"
		echo "$0 $# $(pwd) $SCRIPT_FILENAME"
		cat
	END
}

repositories() {
	local i
	mkdir git
	git init -q --bare git/repo.git
	git -C git/repo.git config http.receivepack true
	echo 'A repository' >git/repo.git/description
	for i in {1..60}; do
		echo 'commit refs/heads/main'
		echo "committer A U Thor <a@example.org> $((1700000000 + i)) +0000"
		printf 'data <<END\nCommit %s\nEND\n' "$i"
		echo "M 644 inline dir/file$((i % 9)).txt"
		printf 'data <<END\n%s\nEND\n' "$(seq "$i" $((i + 50)))"
	done | git -C git/repo.git fast-import --quiet
	# gitweb is Perl code.
	echo "\$projectroot = '$PWD/git';" >gitweb.conf
	printf '%s\n' virtual-root=/cgit cache-size=0 css=/cgit-css/cgit.css \
		repo.url=repo "repo.path=$PWD/git/repo.git" >cgitrc
	chmod -R a+rwX git
}

fossil_site() {
	HOME=$PWD USER=admin fossil init shared/repo.fossil >/dev/null
	# It would leave a process behind for a minute.
	HOME=$PWD fossil settings backoffice-disable 1 -R shared/repo.fossil
	chmod 666 shared/repo.fossil
	program cgi-bin/fossil.cgi <<-END
		#!$(command -v fossil)
		repository: $PWD/shared/repo.fossil
	END
}

map_site() {
	cp /usr/lib/cgi-bin/mapserv cgi-bin/mapserv.cgi
	printf 'CONFIG\nENV\nEND\nEND\n' >mapserver.conf
	cat >site.map <<-'FILE'
		MAP
		  NAME "site"
		  SIZE 200 100
		  EXTENT 0 0 20 10
		  IMAGECOLOR 250 250 240
		  LAYER
		    NAME "shapes"
		    TYPE POLYGON
		    STATUS DEFAULT
		    FEATURE POINTS 2 2 18 3 12 8 2 2 END END
		    CLASS STYLE COLOR 30 90 160 END END
		  END
		END
	FILE
}

# page PATH [CURL-ARGUMENT]...: status, type and body as a client sees them,
# less what no two runs have alike.
page() {
	local path=$1 host=example.org
	shift
	# They have hosts of their own there.
	case $SERVER$path in
	h2o/gitweb/* | h2o/cgit/*)
		path=${path#/}
		host=${path%%/*}.example.org path=/${path#*/}
		;;
	esac
	curl -sS --max-time 60 -H "Host: $host" -D header -o body \
		"$@" "$URL$path"
	tr -d '\r' <header | sed -n -e '1s/^HTTP[^ ]* \([0-9]*\).*/\1/p' \
		-e '1!{/^content-type:/Ip;/^x-/Ip;/^set-cookie:/Ip}' |
		sed 's/^[^:]*:/\L&/; s/; */;/g' | sort
	sed -E -e 's/[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8}( [+-]0000)?/TIME/g' \
		-e "s/nonce=['\"][^'\"]*|nonce-[^'\"]*/NONCE/g" \
		-e 's/<pubDate>[^<]*/TIME/g' -e 's/generated in about [^<]*/SOON/g' \
		-e 's/[0-9.]+s by/SOON by/' body
}

# same PATH [CURL-ARGUMENT]...: at $URL as under Apache's own CGI.
same() {
	local server=$SERVER
	page "$@" >got
	at cgid
	page "$@" >want
	at "$server"
	[ "$server" != h2o ] || sed -i -e 's#\(gitweb\|cgit\)\.example#example#g' \
		-e 's#/gitweb##g' -e 's#"/"#""#g' want got
	[ -s want ]
	diff -a want got
}

@test "sh: the page, PATH_INFO, query and body are the same behind every server" {
	check() {
		same '/cgi-bin/world.sh?a=1&b=%20+c'
		same '/cgi-bin/world.sh/more/path%20here?x=y'
		same /cgi-bin/world.sh -d 'a body of the client'
		grep -qx 'a body of the client' got
	}
	each check $SERVERS $STARTERS
}

@test "Python: variables, headers, cookies and an upload are the same behind every server" {
	head -c 300000 /dev/urandom >upload
	check() {
		same '/cgi-bin/hello.py?q=%C3%A4&q=2' -H 'X-Mine: 1, 2' \
			-H 'Cookie: a=b; c=d'
		same /cgi-bin/hello.py/x --data-binary @../upload \
			-H 'Content-Type: application/octet-stream'
	}
	each check $SERVERS $STARTERS
}

@test "Perl with CGI.pm: a form with an uploaded file is the same behind every server" {
	head -c 2000000 /dev/urandom >upload
	check() {
		same '/cgi-bin/form.cgi?name=from+a+link'
		same /cgi-bin/form.cgi -F 'name=Ämilie & Söhne' -F file=@../upload
		grep -q "size=2000000 sha256=$(sha256sum <../upload | cut -c 1-64)" got
	}
	each check $SERVERS $STARTERS
}

@test "php-cgi: pages, forms and cookies are the same behind every server" {
	check() {
		same '/cgi-bin/page.php?q=one'
		grep -qx 203 got
		grep -q '^one GET' got
		same '/cgi-bin/page.php?q=two' -d 'x=1&y[]=2' -H 'Cookie: k=v'
		grep -q '"y":\["2"\]' got
	}
	each check $SERVERS
}

@test "gitweb: front page, log, patch and tree are the same behind every server" {
	check() {
		same /gitweb/
		grep -q 'A repository' got
		same '/gitweb/?p=repo.git;a=log'
		grep -q 'Commit 60' got
		same '/gitweb/?p=repo.git;a=commitdiff_plain;h=main'
		same /gitweb/repo.git/tree
	}
	each check $SERVERS
}

@test "cgit: front page, log, diff and an archive are the same behind every server" {
	check() {
		same /cgit/
		grep -q '/cgit/repo/' got
		same /cgit/repo/log/
		grep -q 'Commit 60' got
		same '/cgit/repo/diff/?id=main'
		same /cgit/repo/snapshot/repo-main.tar
	}
	each check $SERVERS
}

@test "gitweb and cgit without the slash at the end lead to it" {
	check() {
		local name
		for name in gitweb cgit; do
			expect 200 "/$name" -L -H 'Host: example.org' \
				--connect-to "::127.0.0.1:${URL##*:}"
			grep -q 'A repository\|/cgit/repo/' body
		done
	}
	# h2o has hosts of their own for them.
	# shellcheck disable=SC2086
	each check ${SERVERS/h2o /}
}

@test "-status: the counters and the ping are there behind every server" {
	check() {
		expect 200 /cgi-status
		grep -q '^requests' body
		# All that follows is the counters' page there.
		[ "$SERVER" != h2o ] || return 0
		expect 200 /cgi-status/ping
		body_is pong
	}
	each check $SERVERS
}

@test "fossil: its pages are the same behind every server" {
	check() {
		same /cgi-bin/fossil.cgi/timeline
		grep -q 'initial empty check-in' got
		same /cgi-bin/fossil.cgi/timeline.rss
	}
	# One after the other: it writes into its database with each request.
	local name
	for name in $SERVERS $STARTERS; do
		each check "$name"
	done
}

@test "mapserv: the map is the same picture behind every server" {
	check() {
		same '/cgi-bin/mapserv.cgi?mode=map'
		grep -aq PNG got
		same '/cgi-bin/mapserv.cgi?SERVICE=WMS&REQUEST=GetCapabilities'
	}
	each check $SERVERS
}

@test "git: a clone is whole, a push arrives, git fsck is clean, behind every server" {
	local repo
	check() {
		repo=$HALL/git/$SERVER.git
		cp -r "$HALL/git/repo.git" "$repo"
		chmod -R a+rwX "$repo"
		# It has a host of its own there.
		if [ "$SERVER" = h2o ]; then
			export GIT_CONFIG_COUNT=1
			export GIT_CONFIG_KEY_0=http.extraHeader
			export GIT_CONFIG_VALUE_0='Host: git.example.org'
			git clone -q "$URL/$SERVER.git" clone
		else
			git clone -q "$URL/git/$SERVER.git" clone
		fi
		[ "$(git -C clone rev-parse main)" = \
			"$(git -C "$repo" rev-parse main)" ]
		git -C clone fsck --full --strict
		cd clone
		echo small >small
		git add small
		git commit -qm 'Something small'
		git push -q origin main
		# More than http.postBuffer: sent in chunks.
		head -c 2000000 /dev/urandom >large
		git add large
		git commit -qm 'Something large'
		case $SERVER in
		haproxy*)
			# It refuses a chunked body that is larger than its
			# buffer (tune.bufsize), FastCGI or not.
			run -1 git push -q origin main
			git config http.postBuffer 100000000
			;;
		esac
		git push -q origin main
		[ "$(git rev-parse main)" = "$(git -C "$repo" rev-parse main)" ]
		git -C "$repo" fsck --full --strict
	}
	each check $SERVERS
}
