# What distributions make of it.
bats_require_minimum_version 1.5.0
load helpers

export BATS_TEST_TIMEOUT=300

# sources: a copy of what would be released, in the folder src.
sources() {
	mkdir src
	git -C "$REPO" ls-files -z | tar -C "$REPO" --null -T - -cf - |
		tar -C src -xf -
}

version() {
	sed -n 's/^VERSION = //p' "$REPO/Makefile"
}

@test "one version everywhere: -version, Debian's changelog, Alpine's APKBUILD" {
	[[ $("$CGI_FCGI" -version) == *"$(version)"* ]]
	grep -q "^cgi-fcgi ($(version)-" "$REPO/debian/changelog"
	grep -q "^pkgver=$(version)\$" "$REPO/packaging/alpine/APKBUILD"
}

@test "make dist makes a tarball that builds" {
	sources
	git -C src init -q
	git -C src add -A
	git -C src -c user.name=a -c user.email=a@b commit -qm a
	make -s -C src dist
	tar xf "src/cgi-fcgi-$(version).tar.gz"
	make -s -C "cgi-fcgi-$(version)"
	[[ $("cgi-fcgi-$(version)/cgi-fcgi" -version) == *"$(version)"* ]]
}

@test "Debian's package is built for another machine: the command, and template.so, are of that one" {
	[ "$(dpkg --print-architecture)" = amd64 ] || return 0
	sources
	cd src || return
	DEB_BUILD_OPTIONS=nocheck run -0 dpkg-architecture -a i386 -f \
		-c debian/rules install
	for file in bin/cgi-fcgi lib/cgi-fcgi/template.so; do
		run -0 readelf -h "debian/cgi-fcgi/usr/$file"
		[[ $output == *'Intel 80386'* ]]
	done
}

@test "dpkg-buildpackage makes a package without a lintian error, that has all" {
	local file
	sources
	cd src || return
	run -0 dpkg-buildpackage -us -uc -b
	run -0 lintian --fail-on error --allow-root ../*.changes
	dpkg-deb -x ../cgi-fcgi_*.deb unpacked
	for file in bin/cgi-fcgi lib/cgi-fcgi/template.so lib/cgi-fcgi/template.py \
		lib/cgi-fcgi/template.rb lib/cgi-fcgi/CgiFcgiTemplate.pm share/man/man1/cgi-fcgi.1.gz \
		share/doc/cgi-fcgi/README.md.gz \
		share/bash-completion/completions/cgi-fcgi \
		share/zsh/vendor-completions/_cgi-fcgi; do
		[ -s "unpacked/usr/$file" ]
	done
	# In /lib until Debian 12.
	for file in service socket; do
		[ -s "unpacked/lib/systemd/system/cgi-fcgi.$file" ] ||
			[ -s "unpacked/usr/lib/systemd/system/cgi-fcgi.$file" ]
	done
	CGI_FCGI=$PWD/unpacked/usr/bin/cgi-fcgi
	SOCK=$BATS_TEST_TMPDIR/sock
	cd .. || return
	wrapper -preload all
	for i in 1 2 3 4; do
		run -0 get "$CGI/hello"
		[[ $output == *hello* ]]
	done
	run ! logged 'not found'
}

# Alpine's abuild is not in Debian; these are what it calls.
@test "the functions of the APKBUILD build and install" {
	sources
	cd src || return
	CC=musl-gcc CFLAGS=-Os pkgdir=$PWD/root subpkgdir=$PWD/link sh -ec '
		. packaging/alpine/APKBUILD
		build
		package
		_fcgiwrap'
	[ -x root/usr/bin/cgi-fcgi ]
	[ -s root/usr/share/man/man1/cgi-fcgi.1 ]
	[ -s root/usr/share/zsh/site-functions/_cgi-fcgi ]
	[ "$(readlink link/usr/sbin/fcgiwrap)" = ../bin/cgi-fcgi ]
}

@test "make install UNITS=1 puts unit files that name the installed command" {
	run -0 make -s -C "$REPO" install "B=$PWD/b" "BIN=$PWD/b/cgi-fcgi" \
		PREFIX=/opt/x "DESTDIR=$PWD/root" UNITS=1
	grep -q '^ExecStart=/opt/x/bin/cgi-fcgi ' \
		root/opt/x/lib/systemd/system/cgi-fcgi.service
	[ -s root/opt/x/lib/systemd/system/cgi-fcgi.socket ]
}
