# Many connections, many requests, with everything that can go wrong among
# them: nothing is lost, mixed up, or left.
bats_require_minimum_version 1.5.0
load helpers

# settled: no program runs any more, and no connection is open.
settled() {
	[ -z "$(programs_of "$WRAPPER")" ] &&
		[ "$(fds_of "$WRAPPER")" -le "$before" ]
}

storm() {
	wrapper "$@"
	run -0 get "$CGI/hello"
	before=$(fds_of "$WRAPPER")
	memory=$(private_kib "$WRAPPER")
	run -0 "$BUILD/storm" "$SOCK" "$CGI_C/nonce" 100 50 "$at_once" "$kind"
	echo "$output"
	wait_for settled
	alive "$WRAPPER"
	if memory_counts; then
		private_kib "$WRAPPER"
		[ "$(private_kib "$WRAPPER")" -lt $((memory + 500)) ]
	fi
}

@test "100 connections of 50 requests, one after the other: each reply is its own" {
	at_once=1 kind=plain storm
	[ "$output" = 'good 5000 died 0 aborted 0 cut 0' ]
}

@test "100 connections of 50 requests, 8 at once, with aborts, deaths and cuts: no wrong byte, no lost reply, nothing left" {
	at_once=8 kind=wild storm -queue 10000 -grace 1
	[[ $output == good* ]]
}

@test "the same in two workers" {
	at_once=4 kind=wild storm -workers 2 -queue 10000 -grace 1
	[[ $output == good* ]]
}
