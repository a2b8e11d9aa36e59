# What is built, how large it is, and where it goes.
bats_require_minimum_version 1.5.0
load helpers

# build NAME [VARIABLE=VALUE]...: into this file's folder, without a warning.
build() {
	local dir=$BATS_FILE_TMPDIR/$1
	shift
	run make -s -C "$REPO" B="$dir" BIN="$dir/cgi-fcgi" "$@" all helpers
	echo "$output"
	[ "$status" -eq 0 ]
	[ -z "$output" ]
	BIN=$dir/cgi-fcgi
}

# The aim is 64 KiB dynamic and 128 KiB static; what holds today is below.
@test "gcc builds all without a warning, stripped under 116 KiB, with libc alone" {
	build gcc CC=gcc CFLAGS='-Os -Werror'
	strip -o "$BATS_TEST_TMPDIR/small" "$BIN"
	# Of machines of this kind: instructions of others are larger.
	[ "$(uname -m)" != x86_64 ] || [ "$(stat -c %s small)" -lt 118784 ]
	run -0 ldd "$BIN"
	[ "$(printf '%s\n' "${lines[@]}" |
		grep -cvE 'linux-vdso|libc\.so|/ld[^/]*\.so|linux-gate')" -eq 0 ]
}

@test "as it is built by default the C library checks buffers, no stack is executable, its tables are read-only, and it lies anywhere" {
	local mark
	env -u CFLAGS make -s -C "$REPO" B="$PWD/default" \
		BIN="$PWD/default/cgi-fcgi" CC=gcc "$PWD/default/cgi-fcgi"
	readelf -lWd --dyn-syms default/cgi-fcgi >parts
	for mark in 'GNU_STACK .* RW ' GNU_RELRO 'FLAGS_1.* PIE' \
		'__memcpy_chk@'; do
		grep -q "$mark" parts || {
			echo "no $mark" >&2
			return 1
		}
	done
}

@test "template.so gives a program no name but the functions that it stands before and what the preludes need" {
	run -0 nm -D --defined-only "${CGI_FCGI%/*}/preload/template.so"
	[ "$(awk '{ print $3 }' <<<"$output" | LC_ALL=C sort)" = "__libc_start_main
__register_atfork
cgi_fcgi_env
cgi_fcgi_env_length
cgi_fcgi_files
cgi_fcgi_wait
fork" ]
}

@test "clang builds all without a warning" {
	build clang CC=clang CFLAGS='-Os -Werror'
}

@test "musl-gcc builds all without a warning, static, stripped under 164 KiB, and it runs" {
	build musl CC=musl-gcc CFLAGS='-Os -fno-pie -Werror' \
		LDFLAGS='-static -Wl,-z,norelro'
	strip -o "$BATS_TEST_TMPDIR/small" "$BIN"
	local most=167936
	# Of musl itself there are 5 KiB more in Debian 13: 170 KiB.
	case $(/lib/ld-musl-x86_64.so.1 2>&1) in
	*'Version 1.2.5'*) most=174080 ;;
	esac
	[ "$(uname -m)" != x86_64 ] || [ "$(stat -c %s small)" -lt $most ]
	run ldd "$BIN"
	[[ $output == *'not a dynamic'* || $output == *'statically linked'* ]]
	CGI_FCGI=$BIN
	wrapper
	get "$CGI/hello" | grep -q hello
}

@test "make install puts binary, manual page, completions and, if asked, fcgiwrap's name below DESTDIR, uninstall takes them away" {
	build gcc CC=gcc CFLAGS='-Os -Werror'
	local made=(make -s -C "$REPO" "B=$BATS_FILE_TMPDIR/gcc" "BIN=$BIN"
		CC=gcc CFLAGS='-Os -Werror' PREFIX=/usr "DESTDIR=$PWD/root")
	"${made[@]}" install
	run -0 find root -type f
	[ "$(find root -type f | sort)" = "root/usr/bin/cgi-fcgi
root/usr/lib/cgi-fcgi/CgiFcgiTemplate.pm
root/usr/lib/cgi-fcgi/template.py
root/usr/lib/cgi-fcgi/template.rb
root/usr/lib/cgi-fcgi/template.so
root/usr/share/bash-completion/completions/cgi-fcgi
root/usr/share/man/man1/cgi-fcgi.1
root/usr/share/zsh/site-functions/_cgi-fcgi" ]
	root/usr/bin/cgi-fcgi -version
	"${made[@]}" install FCGIWRAP=1
	root/usr/sbin/fcgiwrap -h
	"${made[@]}" uninstall
	[ -z "$(find root -name '*cgi-fcgi*')" ]
	[ -z "$(find root -type l)" ]
}

@test "the manual page has no mistake" {
	none=$(mandoc -T lint -W warning "$REPO/cgi-fcgi.1")
	[ -z "$none" ]
}

@test "make demo asks with GET and POST, and leaves nothing behind" {
	export TMPDIR=$PWD CGI_FCGI
	run -0 "$REPO/examples/demo"
	[[ $output == *'Hello, reader!'* ]]
	[[ $output == *'/hello.cgi/a/path'* ]]
	[[ $output == *'You sent 14 bytes: name=value&x=1'* ]]
	[ -z "$(find . -name 'cgi-fcgi-demo*')" ]
}

@test "make demo leaves nothing behind when it fails or is interrupted" {
	export TMPDIR=$PWD
	CGI_FCGI=/bin/false run ! "$REPO/examples/demo"
	[ -z "$(find . -name 'cgi-fcgi-demo*')" ]
	# A bridge that never ends.
	program hang <<-END
		#!/bin/sh
		[ "\$1" = -listen ] && exec "$CGI_FCGI" "\$@"
		touch "$PWD/asked"
		exec sleep 1000
	END
	start demo setsid env CGI_FCGI="$PWD/hang" perl -e \
		'$SIG{INT} = "DEFAULT"; exec @ARGV' "$REPO/examples/demo"
	wait_for [ -e asked ]
	pkill -INT -s "$(cat demo.pid)" || pkill -INT -P "$(cat demo.pid)" || :
	ended demo
	[ -z "$(find . -name 'cgi-fcgi-demo*')" ]
}
