# Large streams, which go from pipe to socket and back without being copied.
bats_require_minimum_version 1.5.0
load helpers

# digest_of BYTES: of what `fill` of tests/wire.c sends.
digest_of() {
	perl -e 'my $b = join "", map { chr(65 + $_ % 251 % 26) } 0 .. 251 * 1000 - 1;
		my $n = shift;
		for (; $n > length $b; $n -= length $b) { print $b }
		print substr $b, 0, $n' "$1" | sha256sum | cut -d ' ' -f 1
}

# pour BYTES ITEM...: the sum of a large reply, among other records.
pour() {
	local n=$1
	shift
	run -0 wire 'timeout 60' "get 1 $CGI_C/pour QUERY_STRING=$n" "$@" \
		'end 1' 'sum 1'
}

@test "a large reply is the same to whoever reads it how, on a unix socket and on TCP" {
	local port first
	port=$(free_port)
	wrapper -listen 127.0.0.1:$port -root /
	pour 50000001
	first=$output
	[[ $first == '1 out=500000'*'end=1 status=0' ]]
	pour 50000001 'stall 300'
	[ "$output" = "$first" ]
	pour 50000001 'stall 50' 'out 1 \n\n' 'stall 50'
	[ "$output" = "$first" ]
	ADDR=127.0.0.1:$port pour 50000001 'stall 100'
	[ "$output" = "$first" ]
}

@test "what a server asks for itself is answered in the middle of a large reply" {
	local first
	wrapper
	pour 30000000
	first=$output
	pour 30000000 'stall 300' 'get-values FCGI_MPXS_CONNS' 'stall 100' \
		'get-values FCGI_MPXS_CONNS'
	[ "$output" = "$first" ]
	pour 30000000 'stall 300' 'begin 2 9' 'record 77 0 x' 'end 2'
	[ "$output" = "$first" ]
}

@test "several large replies on one connection do not mix" {
	local first
	wrapper
	pour 20000000
	first=${output#1 }
	run -0 wire 'timeout 60' "get 1 $CGI_C/pour QUERY_STRING=20000000" \
		"get 2 $CGI_C/pour QUERY_STRING=20000000" "get 3 $CGI/hello" \
		"get 4 $CGI_C/pour QUERY_STRING=20000000" 'stall 100' \
		'end 1 2 3 4' 'sum 1' 'sum 2' 'sum 4'
	[ "${lines[0]#1 }" = "$first" ]
	[ "${lines[1]#2 }" = "$first" ]
	[ "${lines[2]#4 }" = "$first" ]
}

@test "an abort in the middle of a large reply leaves whole records behind" {
	wrapper
	run -0 wire "get 1 $CGI_C/pour QUERY_STRING=1000000000" 'stall 300' \
		'abort 1' 'end 1' "get 2 $CGI/hello" 'end 2' 'tell 2'
	[[ $output == *'hello \n'* ]]
	wait_for eval '[ -z "$(programs_of "$WRAPPER")" ]'
}

@test "so does a limit, while nobody reads" {
	wrapper -max-time 0.5
	run -0 wire "get 1 $CGI_C/pour QUERY_STRING=1000000000" 'stall 1000' \
		'end 1' "get 2 $CGI/hello" 'end 2' 'tell 2' 'sum 1'
	[[ $output == *'hello \n'* ]]
	[[ $output == *'status=143' ]]
}

@test "so does the end of the program" {
	program dies <<-'END'
		#!/bin/sh
		printf 'A: b\n\n'
		head -c 200000 /dev/zero | tr '\0' x
		kill -9 $$
	END
	wrapper
	run -0 wire "get 1 $PWD/dies" 'stall 300' 'end 1' "get 2 $CGI/hello" \
		'end 2' 'tell 2' 'sum 1'
	[[ $output == *'hello \n'* ]]
	[[ $output == *'out=200006:'*'status=137' ]]
}

@test "a program that takes its output back spoils its own reply, not its neighbours'" {
	program thief <<-'END'
		#!/usr/bin/perl
		open my $mine, '<', '/proc/self/fd/1' or die;
		$SIG{PIPE} = 'IGNORE';
		$| = 1;
		print "A: b\n\n";
		my $pid = fork // die;
		if (!$pid) {
			close STDOUT;
			1 while sysread $mine, my $block, 5000;
			exit;
		}
		print 'x' x 65536 for 1 .. 500;
		kill KILL => $pid;
		wait;
	END
	wrapper
	for i in 1 2 3; do
		run -0 wire "get 1 $PWD/thief" "get 2 $CGI/hello" \
			"get 3 $CGI_C/pour QUERY_STRING=3000000" \
			'end 1 2 3' 'tell 2' 'sum 3'
		[[ $output == *'hello \n'* ]]
		[[ $output == *'3 out=3000040:'*'status=0' ]]
	done
}

@test "a large body arrives as it was sent, whatever its records look like" {
	local want pad
	wrapper
	want=$(digest_of 9000000)
	for pad in 0 7 255; do
		run -0 wire "open 1 $CGI/digest CONTENT_LENGTH=9000000" \
			"pad $pad" 'fill 1 9000000' 'stdin 1' 'end 1' 'tell 1'
		[[ $output == *"$want"* ]]
	done
	# Pieces of another size than records have.
	run -0 wire "open 1 $CGI/digest CONTENT_LENGTH=9000000" 'chunk 50001' \
		'fill 1 9000000' 'stdin 1' 'end 1' 'tell 1'
	[[ $output == *"$want"* ]]
	# Small ones after large ones.
	run -0 wire "open 1 $CGI/count CONTENT_LENGTH=5000013" \
		'fill 1 3000000' 'stdin 1 small' 'stdin 1 ones' \
		'fill 1 2000000' 'stdin 1 last' 'stdin 1' 'end 1' 'tell 1'
	[[ $output == *'5000013 5000013\n'* ]]
}

@test "large bodies that share a connection with others each arrive whole" {
	local want i items=()
	wrapper
	want=$(digest_of 4000000)
	for i in 1 2 3 4; do
		items+=("fill 1 1000000" "fill 2 1000000" "get 9 $CGI/hello"
			'end 9')
	done
	run -0 wire "open 1 $CGI/digest CONTENT_LENGTH=4000000" \
		"open 2 $CGI/digest CONTENT_LENGTH=4000000" "${items[@]}" \
		'stdin 1' 'stdin 2' 'end 1 2' 'tell 1' 'tell 2'
	[ "$(grep -c "$want" <<<"$output")" -eq 2 ]
}

@test "a large body's connection closing ends its program, however much was in between" {
	wrapper
	run -0 wire "open 1 $CGI/digest CONTENT_LENGTH=90000000" \
		'fill 1 50000000' 'close'
	wait_for eval '[ -z "$(programs_of "$WRAPPER")" ]'
	run -0 get "$CGI/hello"
}

# fetch ADDR OPTION...: a large answer through the bridge, its checksum.
fetch() {
	"$CGI_FCGI" -url '/pour?40000001' -root "$CGI_C" -connect "$@" 3>&-
}

@test "the bridge prints a large answer whole, to a file, to a pipe and to one who is slow" {
	local port want
	port=$(free_port)
	wrapper -listen 127.0.0.1:$port -root /
	fetch "$SOCK" >file
	[ "$(stat -c %s file)" -eq 40000001 ]
	want=$(sha256sum <file)
	[ "$(fetch "$SOCK" | sha256sum)" = "$want" ]
	[ "$(fetch "$SOCK" | (sleep 0.5 && sha256sum))" = "$want" ]
	[ "$(fetch 127.0.0.1:$port | sha256sum)" = "$want" ]
	[ "$(fetch "$SOCK" -trace 2>/dev/null | sha256sum)" = "$want" ]
	[ "$(fetch "$SOCK" -include | tail -c 40000001 | sha256sum)" = "$want" ]
	[ "$(fetch "$SOCK" -head)" = $'Content-Type: application/octet-stream' ]
}

@test "a reader of a large answer that goes away is 23, one that stalls is 28" {
	wrapper
	run -0 bash -c 'set -o pipefail; "$@" 2>said | head -c 1000000 >/dev/null
		echo ${PIPESTATUS[0]}' - "$CGI_FCGI" -url '/pour?40000001' \
		-root "$CGI_C" -connect "$SOCK"
	[ "$output" = 23 ]
	grep -q stdout said
	mkfifo pipe
	exec 5<>pipe
	run -28 --separate-stderr bash -c '"$@" >pipe' - "$CGI_FCGI" \
		-url '/pour?40000001' -root "$CGI_C" -connect "$SOCK" -timeout 0.3
	[[ $stderr == *'waited for stdout to be read'* ]]
	exec 5>&-
}

# mixed BYTES TYPE: an application that answers with large records, each second
# one of that type and of as many bytes.
mixed() {
	start mixed perl -MIO::Socket::UNIX -e '
		my ($path, $n, $type) = @ARGV;
		my $door = IO::Socket::UNIX->new(Local => $path, Listen => 9) or die;
		sub record { pack("CCnnxx", 1, $_[0], 1, length $_[1]) . $_[1] }
		my $answer = record(6, "A: b\n\n");
		$answer .= record(6, "o" x 65528) . record($type, "x" x $n) for 1 .. 40;
		$answer .= record(3, "\0" x 8);
		while (my $peer = $door->accept) {
			sysread $peer, my $request, 65536;
			print $peer $answer;
			1 while sysread $peer, $request, 65536;
		}' "$PWD/mixed" "$1" "$2"
	wait_for listens "$PWD/mixed"
}

@test "what does not belong to a large answer never gets into it" {
	local i type
	for type in 7 77; do
		mixed 60000 $type
		for i in 1 2 3 4 5; do
			"$CGI_FCGI" -url / -connect "$PWD/mixed" 2>err |
				(sleep 0.1 && cat) >out
			[ "$(stat -c %s out)" -eq $((40 * 65528)) ]
			[ "$(tr -d o <out | wc -c)" -eq 0 ]
		done
		stop mixed
		rm mixed
	done
}

@test "nor does it get into a large body on its way to the program" {
	local other type i items=()
	other=$(printf 'x%.0s' {1..60000})
	wrapper
	for type in 8 77; do
		items=()
		for i in {1..20}; do
			items+=('fill 1 100000' "record $type 1 $other"
				"record $type 1 $other")
		done
		printf '%s\n' "open 1 $CGI/digest CONTENT_LENGTH=2000000" hold \
			"${items[@]}" flush 'stdin 1' 'end 1' 'tell 1' >script
		run -0 wire - <script
		[[ $output == *"$(digest_of 2000000)"* ]]
	done
}
