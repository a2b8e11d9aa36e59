# make coverage, for a moment.
bats_require_minimum_version 1.5.0
load helpers

@test "make coverage tells the lines and branches of each file and of all that the tests reach" {
	# It is being measured by it.
	[ "${INSTRUMENTED:-}" != coverage ] || return 0
	# Bats in bats would take the outer one for itself.
	run -0 env -i PATH=/usr/local/bin:/usr/bin:/bin COVERAGE="$PWD/coverage" \
		"$REPO/tests/coverage" tests/record.bats
	echo "$output"
	[[ $output =~ common/record.c\ +([0-9]+)\.[0-9]\ %\ of\ +[0-9]+\ lines\ +[0-9.]+\ %\ of ]]
	[ "${BASH_REMATCH[1]}" -ge 80 ]
	[[ ${lines[-1]} == all*lines*branches ]]
	grep -q '#####' coverage/conn.c.gcov
}
