# What brings the tests' packages, on machines that it only believes to see: an
# apt-get that notes what it is asked, and no command but these.
bats_require_minimum_version 1.5.0
load helpers

setup() {
	here
	mkdir bin
	cp "$REPO/tests/install" "$REPO/tests/cc32" .
	local name
	for name in sh dirname rm chmod grep; do
		ln -s "$(command -v $name)" bin/
	done
	command_is id 'echo 0'
	command_is uname 'echo x86_64'
	command_is gcc false
	echo exit 0 | program runs32
	command_is apt-cache 'echo Package: "$2"'
	command_is apt-get "echo \"\$*\" >>$PWD/asked"
	touch asked
	chmod a+w asked
}

command_is() { # NAME TEXT
	printf '#!/bin/sh\n%s\n' "$2" | program "bin/$1"
}

# install: as somebody who can change nothing on this machine.
install() {
	local as=()
	[ "$(id -u)" -ne 0 ] ||
		as=("$(command -v setpriv)" --reuid 65534 --regid 65534
			--clear-groups)
	run -0 env PATH="$PWD/bin" "${as[@]}" ./install
}

asked_for() { # WORD
	grep -qE "^.* install.* $1( |\$)" asked
}

@test "tests/install has nothing removed that is installed" {
	install
	grep -q -- ' --no-remove .*install.* make' asked
}

@test "tests/install: where gcc makes programs of 32 bits no cross compiler is brought, which would take gcc-multilib's place" {
	install
	asked_for gcc-i686-linux-gnu
	command_is gcc true
	run -0 env PATH="$PWD/bin" ./cc32
	[ "$output" = 'gcc -m32' ]
	: >asked
	install
	asked_for make
	run ! asked_for gcc-i686-linux-gnu
}

@test "tests/install: where the kernel runs no programs of 32 bits nothing is brought to make them" {
	echo exit 1 | program runs32
	install
	asked_for make
	run ! asked_for gcc-i686-linux-gnu
	run -0 env PATH="$PWD/bin" ./cc32
	[ "$output" = cc ]
}

@test "tests/runs32 says of programs of 32 bits what the kernel says" {
	[ "$(uname -m)" = x86_64 ] || return 0
	as --32 -o it.o - <<-'END'
		.globl _start
		_start: mov $1, %eax
		xor %ebx, %ebx
		int $0x80
	END
	ld -m elf_i386 -o it it.o
	local runs=1
	./it || runs=0
	run "$REPO/tests/runs32"
	[ $((status == 0)) -eq $runs ]
}

@test "tests/install: what a Debian does not have is named, and the others come" {
	install
	asked_for h2o
	command_is apt-cache '[ "$2" = h2o ] || echo Package: "$2"'
	: >asked
	install
	[[ $output == *'nothing is asked of h2o'* ]]
	asked_for make
	run ! asked_for h2o
}
