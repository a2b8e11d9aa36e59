# awk -f layers.awk layers.txt SOURCE...: prints each include that breaks the
# order of layers.txt, and each source that does not stand in it.
function stem(name) {
	sub(/\.[ch]$/, "", name)
	return name
}

# The line that a file stands in, 0 if in none.
function rank_of(name) {
	return name in rank ? rank[name] : rank[stem(name)] + 0
}

FILENAME ~ /layers\.txt$/ {
	for (i = 1; i <= NF && $1 !~ /^#/; i++)
		rank[$i] = FNR
	next
}

FNR == 1 {
	dir = FILENAME
	sub(/[^\/]*$/, "", dir)
	own = rank_of(FILENAME)
	if (!own)
		print FILENAME " is not in layers.txt"
}

/^#include "/ {
	split($2, part, "\"")
	name = dir part[2]
	if (!rank_of(name))
		name = part[2] ~ /\// ? part[2] : "common/" part[2]
	if (stem(name) == stem(FILENAME))
		next
	if (!rank_of(name) || rank_of(name) >= own)
		print FILENAME ":" FNR ": " part[2] " is not above it in layers.txt"
	if (dir ~ /wrapper|bridge|preload/ && index(name, "common/") != 1 &&
	    index(name, dir) != 1)
		print FILENAME ":" FNR ": " name " is not of this side"
}
