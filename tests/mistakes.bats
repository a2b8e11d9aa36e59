# Mistakes on the command line and in the environment: one line that says which
# and why, before anything is listened on.
bats_require_minimum_version 1.5.0
load helpers

# refused STATUS TEXT ARG...: ends with STATUS, says TEXT, and no socket's file
# stays behind.
refused() {
	local want=$1 text=$2
	shift 2
	run -"$want" timeout 10 "$CGI_FCGI" -listen "$SOCK" "$@"
	[[ $output == *"$text"* ]] || {
		echo "said: $output"
		return 1
	}
	[ ! -e "$SOCK" ]
}

@test "options that contradict each other are a usage error" {
	refused 2 '-root' -root / /bin/true
	refused 2 '-allow' -allow /bin/true /bin/true
	refused 2 '-handler' -handler .pl=/usr/bin/perl /bin/true
	refused 2 '-as-owner' -as-owner 1000 -user daemon
	run -2 "$CGI_FCGI" -listen "$SOCK" -connect "$SOCK"
	[ ! -e "$SOCK" ]
}

@test "a folder or program that is not there is an error that names it" {
	refused 1 "-root $PWD/none" -root "$PWD/none"
	refused 1 "-allow $PWD/none" -allow "$PWD/none"
	refused 1 "$PWD/none" -handler ".x=$PWD/none"
	refused 1 "$PWD/none" "$PWD/none"
	refused 1 'no-such-program-here' no-such-program-here
	refused 1 "-chroot $PWD/none" -chroot "$PWD/none"
}

@test "a value out of range, malformed or unknown is a usage error that names its option" {
	refused 2 '-max 0' -max 0
	refused 2 '-max 9999999999999999999999' -max 9999999999999999999999
	refused 2 '-queue -1' -queue -1
	refused 2 '-workers 0' -workers 0
	refused 2 '-timeout soon' -timeout soon
	refused 2 '-timeout 1.2.3' -timeout 1.2.3
	refused 2 '-mode 888' -mode 888
	refused 2 '-mode 1777' -mode 1777
	refused 2 '-limit mem=1' -limit mem=1
	refused 2 '-limit as=much' -limit as=much
	refused 2 '-stderr nowhere' -stderr nowhere
	refused 2 '-handler pl' -handler pl
	refused 2 '-env =x' -env =x
	refused 2 '-as-owner 0' -as-owner 0
	refused 2 '-verbose takes no value' -verbose=1
	refused 2 '-max needs' -max
}

@test "an address in FCGI_WEB_SERVER_ADDRS that is none is an error that names it" {
	export FCGI_WEB_SERVER_ADDRS=127.0.0.1,localhost
	refused 1 'FCGI_WEB_SERVER_ADDRS: localhost'
}
