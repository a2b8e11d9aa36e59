# Lines and branches that were taken, of each file and of all, out of what
# gcov -b writes. A switch without default has a branch for a value that no case
# has: the compiler (-Wswitch) sees to it that there is none, so it is no branch.

function add_line() {
	if (is_code) {
		lines[name]++
		covered[name] += was_run
	}
	ways[name] += branches
	went[name] += taken
	if (text ~ /^\t*switch \(/) {
		depth++
		margin[depth] = indent(text)
		untaken_default[depth] = branches > 0 && !last_taken
	} else if (depth > 0 && text ~ /^\t*default:/ &&
		   indent(text) == margin[depth]) {
		untaken_default[depth] = 0
	} else if (depth > 0 && text ~ /^\t*}/ &&
		   indent(text) == margin[depth]) {
		ways[name] -= untaken_default[depth]
		depth--
	}
	branches = taken = 0
}

function indent(line) {
	match(line, /^\t*/)
	return RLENGTH
}

function show(what, n, n_of, w, w_of) {
	return sprintf("%-24s %6.1f %% of %4d lines %6.1f %% of %4d branches",
		what, 100 * n / n_of, n_of, w_of ? 100 * w / w_of : 100, w_of)
}

FNR == 1 {
	if (name)
		add_line()
	depth = is_code = 0
	text = ""
	name = $0
	sub(/.*:Source:/, "", name)
}

/^branch/ {
	branches++
	last_taken = / taken [1-9]/
	taken += last_taken
	next
}

/^ *[-0-9#=*]+: *[0-9]+:/ {
	add_line()
	was_run = $0 !~ /^ *[#=]/
	is_code = $0 !~ /^ *-:/
	text = $0
	sub(/^[^:]*:[^:]*:/, "", text)
}

END {
	add_line()
	for (file in lines) {
		n += covered[file]
		n_of += lines[file]
		w += went[file]
		w_of += ways[file]
		print show(file, covered[file], lines[file], went[file],
			ways[file]) | "sort"
	}
	close("sort")
	print show("all", n, n_of, w, w_of)
}
