# Where a long has 32 bits: built for i386, which the kernel of amd64 runs too.
# Elsewhere it is built for the machine that it is.
bats_require_minimum_version 1.5.0
load helpers

export BATS_TEST_TIMEOUT=600

setup_file() {
	CC32=$("$REPO/tests/cc32")
	export CC32 MADE=$BATS_FILE_TMPDIR/made
	make -s -C "$REPO" B="$MADE" BIN="$MADE/cgi-fcgi" "CC=$CC32" \
		CFLAGS='-Os -Werror' all helpers >"$MADE.log" 2>&1 || :
}

setup() {
	here
	CGI_FCGI=$MADE/cgi-fcgi BUILD=$MADE/tests CGI_C=$MADE/tests/cgi
}

@test "it builds without a warning, and template.so is of the command's machine" {
	cat "$MADE.log"
	[ ! -s "$MADE.log" ]
	run -0 readelf -h "$CGI_FCGI"
	grep -E 'Class:|Data:|Machine:' <<<"$output" >command
	run -0 readelf -h "$MADE/preload/template.so"
	grep -E 'Class:|Data:|Machine:' <<<"$output" >template
	diff command template
}

@test "what was last changed after 2038 is run, and sent" {
	cp "$CGI/count" "$CGI_C/world" .
	echo text >body
	touch -d '2045-01-01 UTC' count world body
	wrapper
	ROOT=$PWD run -0 ask /count -content -body body
	[ "$output" = '5 5' ]
	ROOT=$PWD run -0 ask /world -role filter -data body
	[[ $output == *FCGI_DATA_LAST_MOD=2366841600* ]]
}

@test "bodies and replies of more than 4 GiB arrive whole, and are counted so" {
	local n=4500000000
	truncate -s $n body
	wrapper -verbose -status /status
	run -0 "$CGI_FCGI" -connect "$SOCK" -url "$CGI/count" -body body 3>&-
	[ "$output" = "$n $n" ]
	wait_for logged "$n bytes in"
	[ "$("$CGI_FCGI" -connect "$SOCK" -url "$CGI_C/pour?$n" 3>&- |
		wc -c)" -eq $n ]
	wait_for logged "$((n + 40)) out"
	run -0 "$CGI_FCGI" -connect "$SOCK" -url /status 3>&-
	[[ $output == *"bytes_in: $n"* ]]
}

@test "-preload: programs answer from templates, those of other machines as always" {
	local i
	$CC32 -o compiled -x c - <<-'END'
		#include <stdio.h>
		int main(void)
		{
			puts("A: b\n");
			return 3;
		}
	END
	wrapper -preload all -status /status
	for i in 1 2 3 4 5 6; do
		run -3 "$CGI_FCGI" -connect "$SOCK" -url "$PWD/compiled" \
			-include 3>&-
		[[ $output == 'A: b'* ]]
		run -0 ask /hello
		[[ $output == *hello* ]]
	done
	run -0 "$CGI_FCGI" -connect "$SOCK" -url /status 3>&-
	[[ $output =~ preloaded:\ [1-9] ]]
	[ "$CC32" = cc ] ||
		[ "$(grep -c 'hello: is not preloaded: it is of another machine' \
			wrapper.log)" -eq 1 ]
}
