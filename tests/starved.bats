# What is scarce: descriptors, processes, places under -max. The wrapper waits,
# sleeps while it waits, and goes on.
bats_require_minimum_version 1.5.0
load helpers

# holds N: keeps N connections open until the file `release` is there.
holds() {
	cat >hold.pl <<-'END'
		use Socket;
		my ($path, $n) = @ARGV;
		my @kept;
		for (1 .. $n) {
			socket my $s, AF_UNIX, SOCK_STREAM, 0 or die;
			connect $s, sockaddr_un($path) or die $!;
			push @kept, $s;
		}
		open my $f, '>', 'held'; close $f;
		select undef, undef, undef, 0.02 until -e 'release';
	END
	start holder perl hold.pl "$SOCK" "$1"
	wait_for [ -e held ]
}

# ticks PID: hundredths of a second that it has used.
ticks() {
	awk '{ print $14 + $15 }' "/proc/$1/stat"
}

@test "out of descriptors it stops accepting for a moment, says so once, sleeps, and goes on" {
	(ulimit -n 60 && wrapper)
	WRAPPER=$(cat wrapper.pid)
	holds 80
	wait_for logged 'no connection can be accepted'
	local before
	before=$(ticks "$WRAPPER")
	sleep 2
	[ $(($(ticks "$WRAPPER") - before)) -lt 20 ]
	[ "$(grep -c 'no connection can be accepted' wrapper.log)" -eq 1 ]
	touch release
	ended holder
	wait_for get "$CGI/hello"
	run -0 get "$CGI/hello"
	[[ $output == *hello* ]]
}

@test "a program for which there are no descriptors is a 503 that says so, and the next is served" {
	(ulimit -n 24 && wrapper)
	WRAPPER=$(cat wrapper.pid)
	export WAIT=$PWD/go
	local i items=()
	for i in {1..8}; do
		items+=("get $i $CGI/deaf WAIT=$PWD/go")
	done
	run -0 wire "${items[@]}" 'ends 1' "create $PWD/go" \
		'end 1 2 3 4 5 6 7 8' 'tell 8'
	[[ $output == *'Status: 503'* && $output == *'Too many open files'* ]]
	run -0 get "$CGI/hello"
	[[ $output == *hello* ]]
}

@test "a body that must wait, and for which there is no descriptor, is a 503" {
	(ulimit -n 24 && wrapper)
	WRAPPER=$(cat wrapper.pid)
	local i items=()
	for i in {1..20}; do
		items+=("begin $i responder keep")
		items+=("params $i SCRIPT_FILENAME=$CGI/hello" "params $i" "stdin $i x")
	done
	run -0 wire "${items[@]}" 'ends 1' 'tell 20'
	[[ $output == *'Status: 503'* && $output == *'Too many open files'* ]]
	run -0 get "$CGI/hello"
	[[ $output == *hello* ]]
}

@test "a program that cannot even be looked for without a descriptor is a 503, too" {
	(ulimit -n 60 && wrapper)
	WRAPPER=$(cat wrapper.pid)
	start asking "$BUILD/wire" "$SOCK" 'get-values FCGI_MPXS_CONNS' \
		'records 1' "create $PWD/known" "await $PWD/full" \
		"get 1 $CGI/hello" "get 2 $CGI_C/../cgi/world/tail" 'end 1 2' \
		"create $PWD/release" 'tell 1 2'
	wait_for [ -e known ]
	holds 80
	wait_for logged 'no connection can be accepted'
	touch full
	ended asking
	[ "$STATUS" -eq 0 ]
	[ "$(grep -c 'STDOUT Status: 503 ' asking.log)" -eq 2 ]
	[ "$(grep -c 'STDERR .*Too many open files' asking.log)" -eq 2 ]
	ended holder
	wait_for get "$CGI/hello"
}

@test "a process that cannot be had is a 503 that says so, and the next is served" {
	# The limit is of a user: one that has nothing else.
	start wrapper setpriv --reuid 61299 --regid 61299 --clear-groups \
		prlimit --nproc=4 "$CGI_FCGI" -listen "@starved-$$"
	wait_for listens "@starved-$$"
	SOCK=@starved-$$
	local i items=()
	for i in {1..8}; do
		items+=("get $i $CGI_C/sleeper WAIT=$PWD/go")
	done
	chmod 755 .
	run -0 wire "${items[@]}" 'ends 1' "create $PWD/go" \
		'end 1 2 3 4 5 6 7 8' 'tell 8'
	[[ $output == *'Status: 503'* && $output == *'cannot start a process'* ]]
	run -0 get "$CGI_C/world"
	[[ $output == *'END 0'* ]]
}

@test "-max holds for all workers together, and what waits in one runs when another's program ends" {
	wrapper -workers 2 -max 3
	local i names=()
	for i in {1..8}; do
		start "client$i" "$BUILD/wire" "$SOCK" \
			"get 1 $CGI/deaf WAIT=$PWD/go" 'end 1' 'tell 1'
		names+=("client$i")
	done
	run3() { [ "$(programs_of "$WRAPPER" | wc -w)" -eq 3 ]; }
	wait_for run3
	sleep 0.3
	run3
	touch go
	for i in "${names[@]}"; do
		ended "$i"
		[ "$STATUS" -eq 0 ]
	done
}

@test "out of memory a request is a 503 or its connection is closed, and the next is served" {
	# Instruments need more of it than any limit leaves.
	local kib=unlimited
	! memory_counts || kib=40000
	(ulimit -v $kib && wrapper)
	WRAPPER=$(cat wrapper.pid)
	local value i
	value=$(head -c 60000 /dev/zero | tr '\0' x)
	# 80 requests that have sent 960,000 bytes of variables each, and none
	# that has sent all.
	{
		for i in {1..80}; do
			echo "begin $i responder keep"
			printf "params $i A%d=$value\n" {1..16}
		done
		for i in {1..80}; do
			echo "params $i SCRIPT_FILENAME=$CGI/hello"
			echo "params $i"
			echo "stdin $i"
		done
		echo 'timeout 60'
		echo 'ends 80'
		echo 'tell 80'
	} >script
	run wire - <script
	[[ $kib = unlimited || $output == *'Status: 503'* ||
		$output == *'closed'* ]] || {
		echo "${output:0:500}"
		return 1
	}
	alive "$WRAPPER"
	run -0 get "$CGI/hello"
	[[ $output == *hello* ]]
}
