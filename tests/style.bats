# The house's rules, on the sources themselves.
bats_require_minimum_version 1.5.0
load helpers

setup() {
	cd "$REPO" || return
	shopt -s nullglob
	SOURCES=(*.c {common,preload,wrapper,bridge}/*.[ch])
	ALL=("${SOURCES[@]}" fuzz/*.[ch] tests/*.[ch] tests/cgi/*.c bench/*.[ch] faults/*.[ch])
}

# none COMMAND...: it prints nothing.
none() {
	run "$@"
	echo "$output"
	[ -z "$output" ]
}

@test "all C is laid out as .clang-format says" {
	clang-format --dry-run -Werror "${ALL[@]}"
}

@test "no function is longer than 50 lines" {
	none awk '
		FNR == 1 { start = 0 }
		/^{/ { start = FNR; name = before }
		/^}/ && start {
			if (FNR - start - 1 > 50)
				print FILENAME ": " name " has " FNR - start - 1
			start = 0
		}
		{ before = $0 }' "${ALL[@]}"
}

@test "no line is wider than 80 columns, tabs counted as 8" {
	for file in "${ALL[@]}"; do
		expand "$file" | LC_ALL=C.UTF-8 awk -v file="$file" \
			'length > 80 { print file ":" FNR; bad = 1 }
			END { exit bad }' || return
	done
}

@test "no function that invites mistakes is called" {
	local bad='\b(strcpy|strcat|sprintf|vsprintf|strtok|atoi|atol|gets|system|popen|alloca|signal|tmpnam|mktemp|rand|strncpy)\('
	none grep -nE "$bad" "${SOURCES[@]}"
	# The rule itself works.
	run -0 grep -E "$bad" <<<'	strcpy(to, from);'
}

@test "no code is commented out, nothing is left to be done" {
	none grep -nE '#if 0|\b(TODO|FIXME|XXX)\b' "${ALL[@]}"
	none grep -nE '^[[:space:]]*//' "${ALL[@]}"
}

@test "every header guards itself and is complete by itself" {
	for file in {common,preload,wrapper,bridge}/*.h; do
		grep -q '^#ifndef [A-Z_]*_H$' "$file" || return
		cc -std=c11 -D_GNU_SOURCE -Icommon -fsyntax-only -x c "$file"
	done
}

@test "a file includes only what stands above it in the order of layers (tests/layers.txt)" {
	none awk -f tests/layers.awk tests/layers.txt "${SOURCES[@]}"
	# The rule itself works.
	cp -r common wrapper bridge tests/layers.txt "$BATS_TEST_TMPDIR"
	cd "$BATS_TEST_TMPDIR" || return
	echo '#include "log.h"' >>common/record.h
	run awk -f "$REPO/tests/layers.awk" layers.txt common/record.h
	[[ $output == *'not above it'* ]]
}

@test "every test file is loaded the same way and every title says something" {
	cd tests
	for file in *.bats; do
		grep -qx 'bats_require_minimum_version 1.5.0' "$file" &&
			grep -qx 'load helpers' "$file" || return
	done
	run grep -hcE '^[[:space:]]*skip( |$)' ./*.bats
	[ "$(printf '%s\n' "${lines[@]}" | sort -u)" = 0 ]
}

@test "no committed file names a path of somebody's machine" {
	none grep -rnE '(^|[^A-Z])/(work|root)/' --exclude-dir=.git --exclude-dir=build \
		--exclude=style.bats --exclude=cgi-fcgi --exclude=.git .
}
