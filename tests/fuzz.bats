# Fuzzing, for a moment: every input that ever broke something, and new ones.
# make fuzz does it for longer.
bats_require_minimum_version 1.5.0
load helpers

@test "no input of the corpus, and none that a fuzzer finds in a moment, breaks a decoder's promise" {
	FUZZ_SECONDS=2 run -0 "$REPO/fuzz/run"
	echo "$output"
	[ "${lines[-1]}" = "$(wc -w <"$REPO/fuzz/targets") targets, 0 failed" ]
}
