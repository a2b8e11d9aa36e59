# Static analysis.
bats_require_minimum_version 1.5.0
load helpers

export BATS_TEST_TIMEOUT=850

@test "gcc -fanalyzer, clang-tidy and cppcheck find nothing (make analyse)" {
	run -0 "$REPO/tests/analyse"
}

@test "each of them would: mistakes are found" {
	local mark
	cp -r "$REPO"/{.clang-tidy,common,tests} .
	cat >>common/text.c <<-'END'
		#include <stdlib.h>
		int mistake(int n);
		int mistake(int n)
		{
			int *p = malloc(sizeof(*p));
			int list[2] = {0, 0};
			if (n)
				free(p);
			return *p + list[2];
		}
	END
	run ! tests/analyse common/text.c
	for mark in Wanalyzer clang-analyzer arrayIndexOutOfBounds; do
		[[ $output == *"$mark"* ]]
	done
}
