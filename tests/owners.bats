# Who a program runs as, and what it must not be able to run as. As root, with
# throw-away uids that have no entry in /etc/passwd.
bats_require_minimum_version 1.5.0
load helpers

setup() {
	here
	[ "$(id -u)" -eq 0 ]
	U=61234 V=61235
	mkdir -p site/cgi
	program site/cgi/who <<-'END'
		#!/bin/sh
		printf 'Content-Type: text/plain\n\n'
		echo "$(id -u) $(id -g) $(id -G)"
		echo seen >/dev/stderr
	END
	chown -R "$U:$U" site/cgi
}

who() {
	get "$PWD/site/cgi/${1:-who}"
}

refused() {
	run -0 who "${2:-who}"
	[[ $output == *'Status: 403'* ]] || {
		echo "not refused: $output"
		return 1
	}
	[[ $output == *"$1"* ]]
}

@test "-as-owner runs a program with the uid and gid of its file and no other group" {
	wrapper -as-owner 1000
	run -0 who
	[[ $output == *"\\n$U $U $U\\n"* ]]
	[[ $output == *'STDERR seen'* ]]
}

@test "before an owner's program begins its owner can neither look into the wrapper's memory nor make a core dump of it" {
	wrapper -as-owner 1000
	start strace strace -qq -f -o trace -p "$WRAPPER" \
		-e trace=setresuid,setresuid32,prctl,execve,rt_sigprocmask
	wait_for grep -q "^TracerPid:.*[1-9]" "/proc/$WRAPPER/status"
	run -0 who
	stop strace
	run -0 awk '/MASK, ~\[\]/ { s = NR } /KEEPCAPS, 1/ { k = NR }
		/setresuid/ { u = NR } /DUMPABLE, SUID_DUMP_DIS/ { d = NR }
		/execve.*who/ { e = NR }
		END { exit !(s && k && s < u && k < u && u < d && d < e) }' trace
}

@test "-as-owner: who holds up the start of his programs holds up no wrapper, and others no longer than his requests last" {
	goes_on || return 0
	wrapper -as-owner 1000 -grace 0.5 -queue 0 -status /status
	cp -R site/cgi site/other
	chown -R "$V:$V" site/other
	leases "$PWD/site/cgi/who"
	local i items=()
	for i in {1..12}; do
		items+=("get $i $PWD/site/cgi/who")
	done
	start owner "$BUILD/wire" "$SOCK" 'timeout 60' "${items[@]}" 'end 1'
	eight() {
		[ "$(beginning | wc -l)" -eq 8 ]
	}
	wait_for eight
	start other "$BUILD/wire" "$SOCK" 'timeout 60' \
		"get 1 $PWD/site/other/who" 'end 1' 'tell 1'
	five_wait() {
		"$CGI_FCGI" -connect "$SOCK" -url /status -timeout 3 |
			grep -qx 'queued: 5'
	}
	wait_for five_wait
	stop owner
	ended other
	grep -q "$V $V $V" other.log
	touch go
}

@test "-as-owner: what its owner puts in the place of a script that cannot be run is not looked into" {
	goes_on || return 0
	echo '#!/nobody/may/see' >secret
	chmod 600 secret
	echo 'no program' >site/interpreter
	chmod 755 site/interpreter
	program site/cgi/who <<<"#!$PWD/site/interpreter"
	chown "$U:$U" site/cgi/who
	wrapper -as-owner 1000
	leases "$PWD/site/interpreter"
	start asker "$BUILD/wire" "$SOCK" 'timeout 60' \
		"get 1 $PWD/site/cgi/who" 'end 1' 'tell 1'
	begins() {
		[ -n "$(beginning)" ]
	}
	wait_for begins
	ln -sf "$PWD/secret" site/cgi/who
	touch go
	ended asker
	grep -q 'Status: 500' asker.log
	! grep nobody asker.log wrapper.log || false
}

@test "-as-owner refuses an owner below MINUID, and root in any case" {
	wrapper -as-owner 61235
	refused 'below -as-owner'
	stop_wrapper
	chown -R 0:0 site/cgi
	wrapper -as-owner 1
	refused 'below -as-owner'
	chown -R "$U:0" site/cgi
	refused 'root'
}

@test "-as-owner refuses a program or folder that others may write, and set-id bits" {
	wrapper -as-owner 1000
	local mode
	for mode in 775 757 777; do
		chmod $mode site/cgi/who
		refused 'may write to it'
	done
	for mode in 4755 2755; do
		chmod $mode site/cgi/who
		refused 'set-user-ID or set-group-ID'
	done
	chmod 755 site/cgi/who
	chmod 777 site/cgi
	refused 'may write to its folder'
	chmod 755 site/cgi
	chown "$V" site/cgi
	refused 'belongs to someone else'
	chown "$U" site/cgi
	run -0 who
	[[ $output == *"$U $U"* ]]
}

@test "-as-owner: a link in one's own folder to another's program runs it as its owner, in its folder" {
	wrapper -as-owner 1000
	mkdir evil
	ln -s ../site/cgi/who evil/link
	chown -hR "$V:$V" evil
	run -0 get "$PWD/evil/link"
	[[ $output == *"$U $U"* ]]
	# One's own program behind a folder swapped to and fro never runs as
	# anybody but oneself.
	sed 's/seen/evil/' site/cgi/who >evil/who
	chmod 755 evil/who
	chown "$V:$V" evil/who
	ln -s site/cgi door
	start swapper sh -c 'while :; do ln -sfn evil door; ln -sfn site/cgi door; done'
	local i
	for i in {1..150}; do
		run -0 get "$PWD/door/who"
		case $output in
		*"$U $U $U"*'STDERR seen'*) echo seen >>whose ;;
		*"$V $V $V"*'STDERR evil'*) echo evil >>whose ;;
		*'Status: 40'*) ;;
		*)
			echo "$output"
			return 1
			;;
		esac
	done
	stop swapper
	# It was swapped while this was asked.
	grep -q seen whose
	grep -q evil whose
}

@test "-as-owner: an owner who has no process left under -limit nproc is a 503, and gets it when there is one" {
	local i
	for i in 1 2; do
		start "other$i" setpriv --reuid "$U" --regid "$U" \
			--clear-groups sleep 60
		wait_for eval '[ "$(stat -c %u "/proc/$PID")" = "$U" ]'
	done
	cp "$CGI_C/world" site/cgi/
	chown "$U:$U" site/cgi/world
	wrapper -as-owner 1000 -limit nproc=1
	run -0 who world
	[[ $output == *'Status: 503'* ]]
	stop_wrapper
	wrapper -as-owner 1000 -limit nproc=1 -handler ".sh=$PWD/site/cgi/world"
	touch site/cgi/a.sh
	chown "$U:$U" site/cgi/a.sh
	run -0 who a.sh
	[[ $output == *'Status: 503'* ]]
	stop other1
	stop other2
	run -0 who a.sh
	[[ $output == *"uid=$U"* ]]
}

@test "-as-owner needs root, and does not go with -user" {
	run -2 "$CGI_FCGI" -listen "$SOCK" -as-owner 1000 -user daemon
	[[ $output == *-as-owner* ]]
	run -1 setpriv --reuid "$U" --regid "$U" --clear-groups \
		"$CGI_FCGI" -listen "@as-owner-$$" -as-owner 1000
	[[ $output == *root* ]]
}

@test "programs of others, by -user or -as-owner, have no terminal though the wrapper has one; Ctrl-C ends it" {
	local as
	program site/cgi/who <<-'END'
		#!/bin/sh
		printf 'A: b\n\n'
		if (: </dev/tty) 2>/dev/null; then echo terminal; else echo none; fi
	END
	for as in "-user $U:$U" '-as-owner 1000' ''; do
		rm -f keys
		mkfifo keys
		chown "$U:$U" site/cgi/who
		# shellcheck disable=SC2016
		start terminal sh -c 'exec script -qec "$1; echo ended" typescript <keys' \
			sh "$CGI_FCGI -listen $SOCK $as"
		exec {KEYS}>keys
		wait_for listens "$SOCK"
		run -0 "$BUILD/wire" "$SOCK" "get 1 $PWD/site/cgi/who" 'end 1' 'tell 1'
		if [ -n "$as" ]; then
			[[ $output == *none* ]]
		else
			[[ $output == *terminal* ]]
		fi
		printf '\003' >&"$KEYS"
		wait_for deaf_at "$SOCK"
		exec {KEYS}>&-
		ended terminal
	done
}

@test "-user becomes that user after listening, with no supplementary group" {
	chmod 755 site site/cgi
	wrapper -user "$U:$V"
	run -0 who
	[[ $output == *"\\n$U $V $V\\n"* ]]
	[ "$(sed -n 's/^Groups:[[:blank:]]*//p' "/proc/$WRAPPER/status")" = '' ]
	[ "$(stat -c %u "$SOCK")" = 0 ]
}

@test "a -user that does not exist is an error before anything is listened on" {
	run -1 "$CGI_FCGI" -listen "$SOCK" -user no-such-user-here
	[[ $output == *'no-such-user-here: there is no such user'* ]]
	[ ! -e "$SOCK" ]
	run -2 "$CGI_FCGI" -listen "$SOCK" -owner no-such-user-here
	[ ! -e "$SOCK" ]
}

@test "-chroot: paths are seen from there, and what is outside is not there" {
	# A search for leaks needs /proc, which the jail has not.
	export ASAN_OPTIONS="${ASAN_OPTIONS:-}:detect_leaks=0"
	mkdir -p jail/cgi jail/tmp
	"${CC:-cc}" -static -O1 -o jail/cgi/world "$REPO/tests/cgi/world.c"
	wrapper -chroot "$PWD/jail" -user "$U"
	run -0 get /cgi/world
	[[ $output == *'cwd=/cgi\n'* ]]
	[[ $output == *"uid=$U"* ]]
	# Without /proc, too, what follows the program is PATH_INFO.
	run -0 get /cgi/world/more SCRIPT_NAME=/cgi/world/more
	[[ $output == *'env PATH_INFO=/more\n'* ]]
	[[ $output == *'env SCRIPT_NAME=/cgi/world\n'* ]]
	run -0 get "$CGI/hello"
	[[ $output == *'Status: 404'* ]]
}

@test "-mode and -owner hold before anyone can connect" {
	# Nor does it work beside strace.
	export ASAN_OPTIONS="${ASAN_OPTIONS:-}:detect_leaks=0"
	strace -f -o trace -e trace=bind,listen,umask,/chown,/chmod \
		"$CGI_FCGI" -listen "$SOCK" -mode 0640 -owner "$U:$V" -idle 0.2 2>/dev/null
	# The file is made with its mode, given to its owner, and only then
	# listened on.
	run -0 awk '/umask\(0137\)/ { m = NR } /bind\(/ { b = NR }
		/chown/ { c = NR } /listen\(/ { l = NR }
		END { exit !(m && m < b && b < c && c < l) }' trace
}

@test "a folder that the wrapper may not enter is a 403 that names it, a program that it may not run one too" {
	mkdir -p site/closed/cgi
	cp site/cgi/who site/closed/cgi
	chmod 700 site/closed
	cp site/cgi/who site/cgi/mine
	chown 0:0 site/cgi/mine
	chmod 700 site/cgi/mine
	chmod 755 site site/cgi
	wrapper -user "$U:$V"
	run -0 get "$PWD/site/closed/cgi/who"
	[[ $output == *'Status: 403'* ]]
	[[ $output == *"STDERR cgi-fcgi: $PWD/site/closed: "* ]]
	exec_tells || return 0
	run -0 get "$PWD/site/cgi/mine"
	[[ $output == *'Status: 403'* ]]
	[[ $output == *"STDERR cgi-fcgi: $PWD/site/cgi/mine: "* ]]
}

@test "-as-owner holds for a PROGRAM of the command line too" {
	wrapper -as-owner 1000 "$PWD/site/cgi/who"
	run -0 get /whatever
	[[ $output == *"\\n$U $U $U\\n"* ]]
	stop_wrapper
	chmod 775 site/cgi/who
	wrapper -as-owner 1000 "$PWD/site/cgi/who"
	run -0 get /whatever
	[[ $output == *'may write to it'* ]]
}

@test "-chroot without /proc: a link leads where it leads there" {
	export ASAN_OPTIONS="${ASAN_OPTIONS:-}:detect_leaks=0"
	mkdir -p jail/cgi jail/tmp
	"${CC:-cc}" -static -O1 -o jail/cgi/world "$REPO/tests/cgi/world.c"
	ln -s /cgi/world jail/link
	wrapper -chroot "$PWD/jail" -root /cgi
	run -0 get /link
	[[ $output == *'cwd=/cgi\n'* ]]
}
