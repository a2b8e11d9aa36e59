# The same for long: memory, descriptors and processes stay as they were, and no
# reply is wrong. SOAK is the number of requests in all; make soak has a million.
# SEED chooses others.
bats_require_minimum_version 1.5.0
load helpers

SOAK=${SOAK:-20000}

# settled: no program runs any more, and no connection is open.
settled() {
	[ -z "$(programs_of "$WRAPPER")" ] && [ "$(all fds_of)" -le "$fds" ]
}

# Of the wrapper and its workers.
ours() {
	local pid
	echo "$WRAPPER"
	for pid in $(children_of "$WRAPPER"); do
		[ "$(readlink "/proc/$pid/exe")" != \
			"$(readlink "/proc/$WRAPPER/exe")" ] || echo "$pid"
	done
}

# all COUNT: the sum of what that says of each.
all() {
	local pid n=0
	for pid in $(ours); do
		n=$((n + $("$1" "$pid")))
	done
	echo "$n"
}

# storm CONNECTIONS REQUESTS AT-ONCE KIND SEED
storm() {
	run -0 "$BUILD/storm" "$SOCK" "$CGI_C/nonce" "$@"
	requests=$((requests + $1 * $2))
}

# beside KIND N [PROGRAM]: an attack (tests/attack.c) goes on until `calm`.
beside() {
	rm -f "gate$1"
	mkfifo "gate$1"
	start "$1" bash -c '"$@" <"gate$0"' "$1" "$BUILD/attack" "$SOCK" \
		"$1" "$2" "${3:-$CGI_C/nonce}"
	eval "exec {GATE_$1}>gate$1"
	wait_for grep -q 'under way' "$1.log"
}

# The last first: it holds the gates of those before it open.
calm() {
	local name
	for name; do
		eval "exec {GATE_$name}>&-"
		PATIENCE=60 wait_for gone "$(cat "$name.pid")"
	done
}

# measure: when nothing goes on.
measure() {
	PATIENCE=30 wait_for settled
	[ -n "${kib:-}" ] || kib=$(all private_kib)
	echo "$requests requests: $(all private_kib) KiB, $(all fds_of) descriptors"
}

# flat: as it was after the first rounds.
flat() {
	[ "$(all fds_of)" -le "$fds" ]
	[ "$(ours | wc -l)" -eq "$processes" ]
	! memory_counts || [ "$(all private_kib)" -lt $((kib + 400)) ]
}

begin() {
	wrapper -grace 0.5 -queue 100000 "$@"
	run -0 get "$CGI/hello"
	requests=0 kib='' processes=$(ours | wc -l) fds=$(all fds_of)
	# Each worker may have some open that it had not before.
	fds=$((fds + processes))
}

@test "mixed programs, aborts, deaths, cuts, slow readers and garbage: memory, descriptors and processes stay, no reply is wrong" {
	local seed=${SEED:-1} goal=$((SOAK * 6 / 10))
	begin
	while [ "$requests" -lt "$goal" ]; do
		beside garbage 10
		beside unread 3
		storm 50 100 8 wild $((seed++))
		storm 20 250 1 plain $((seed++))
		calm unread garbage
		measure
	done
	flat
}

# kills: one program, and each time one of the workers, again and again.
kills() {
	local pid
	while [ ! -e calm ] && ! gone "$WRAPPER"; do
		for pid in $(programs_of "$WRAPPER" 2>/dev/null | head -n 3); do
			kill -KILL "$pid" 2>/dev/null || :
		done
		sleep 0.1
		for pid in $(ours 2>/dev/null | sed 1d | shuf -n 1); do
			[ $((RANDOM % 20)) -ne 0 ] || kill -KILL "$pid" || :
		done
	done
}

@test "workers and programs are killed all the time: no reply is wrong, nothing is left" {
	local seed=${SEED:-1} goal=$((SOAK * 4 / 10))
	begin -workers 2
	kills &
	killer=$!
	while [ "$requests" -lt "$goal" ]; do
		storm 40 100 4 rough $((seed++))
	done
	touch calm
	wait $killer
	all_there() { [ "$(ours | wc -l)" -eq "$processes" ]; }
	wait_for all_there
	measure
	flat
}

@test "under valgrind: no byte is lost, none is used that should not be" {
	memory_counts || return 0
	start wrapper valgrind -q --error-exitcode=97 \
		--child-silent-after-fork=yes --leak-check=full \
		--show-leak-kinds=definite --errors-for-leak-kinds=definite \
		--log-file=valgrind.log "$CGI_FCGI" -listen "$SOCK" -grace 1 \
		-queue 100000
	WRAPPER=$PID
	wait_for listens "$SOCK"
	requests=0
	beside garbage 10
	storm 10 $((SOAK / 1000 + 10)) 4 wild 7
	calm garbage
	stop wrapper
	[ "$STATUS" -eq 0 ]
	# What else it says is of calls that it does not know.
	run -1 grep '^==' valgrind.log
}
