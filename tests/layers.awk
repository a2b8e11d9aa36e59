# awk -f layers.awk layers.txt SOURCE...: prints each include that breaks the
# order of layers.txt, and each source that does not stand in it.
FNR == 1 { file = FILENAME; sub(/\.[ch]$/, "", file) }
FILENAME ~ /layers\.txt$/ {
	for (i = 1; i <= NF && $1 !~ /^#/; i++)
		rank[$i] = FNR
	next
}
FNR == 1 && !(file in rank) { print FILENAME " is not in layers.txt" }
/^#include "/ {
	split($2, part, "\"")
	name = part[2]
	sub(/\.h$/, "", name)
	dir = file
	sub(/[^\/]*$/, "", dir)
	other = (dir name) in rank ? dir name : "common/" name
	if (!(other in rank))
		other = name
	if (other != file && !(rank[other] < rank[file]))
		print FILENAME ":" FNR ": " part[2] " is not below it"
	if (dir ~ /wrapper|bridge/ && other ~ /^(wrapper|bridge)/ &&
	    index(other, dir) != 1)
		print FILENAME ":" FNR ": the two sides know nothing of each other"
}
