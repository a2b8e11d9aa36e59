# Each call of the system that fails is borne: see faults/faults.h. Here only a
# part of the faults; make faults has all of them.
bats_require_minimum_version 1.5.0
load helpers

FAULTS=${BUILD%/*}/faults

# faults PART: what it says of the faults that it injected is the last line.
faults() {
	TMPDIR=$PWD "$FAULTS/faults" "$CGI_FCGI" "$FAULTS/inject.so" "$CGI_C" "$@"
}

@test "a part of all faults: no crash, no hang, nothing left, no wrong reply" {
	# Instruments replace memory and calls themselves.
	memory_counts || return 0
	run -0 faults 29
	echo "$output"
	[[ ${lines[-1]} =~ ^[1-9][0-9]+\ faults\ injected,\ 0\ not\ borne$ ]]
}

@test "a fault that is not borne is told" {
	memory_counts || return 0
	# What it asks is not what it gets.
	cp -r "$CGI_C" cgi
	cat >cgi/nonce <<-'END'
		#!/bin/sh
		echo Nonce: 0
		echo
	END
	CGI_C=$PWD/cgi run -1 faults 1000
	[[ $output == *'a wrong reply'* ]]
}

@test "no function that the binary imports is left out" {
	memory_counts || return 0
	local name
	for name in $(nm -D --undefined-only "$CGI_FCGI" |
		sed -n 's/^ *[Uw] \([a-z][a-z0-9_]*\).*/\1/p' |
		sed 's/64$//'); do
		grep -qx "$name" "$REPO/faults/cannot-fail" ||
			grep -q "X($name," "$REPO/faults/inject.h" || {
			echo "$name"
			return 1
		}
	done
}
