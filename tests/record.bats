# The wire format and texts on their own: common/, through tests/unit.c.
bats_require_minimum_version 1.5.0
load helpers

unit() {
	"$BUILD/unit" "$1"
}

@test "a record's header is version, type, id, two lengths and a zero (FastCGI 3.3)" {
	unit header
}

@test "padding brings any content to a multiple of 8, content and padding of a full record to at most 65535" {
	unit padding
}

@test "BEGIN_REQUEST and END_REQUEST are laid out as 5.1 and 5.5 say" {
	unit bodies
}

@test "only the specification's eleven record types have names" {
	unit types
}

@test "content of 0, 1, 7, 8, 9, 127, 128, 255, 65527, 65528, 65535 bytes with padding 0 to 255 is the same however it is cut" {
	unit lengths
}

@test "a whole conversation reads the same whole, byte by byte, and in every two-way split" {
	unit conversation
}

@test "a fixed body that is shorter or longer than 8 bytes never eats the next record" {
	unit short-bodies
}

@test "any version but 1 is refused at its byte, what came before it is not" {
	unit version
}

@test "what a reader gives back comes again, from every place" {
	unit unread
}

@test "a length up to 127 takes one byte, from 128 four (FastCGI 3.4)" {
	unit pair-lengths
}

@test "names and values of 0, 1, 127, 128, 65535 bytes are the same however they are cut" {
	unit pairs
}

@test "a short length written in four bytes is read (FastCGI 3.4)" {
	unit long-form
}

@test "a stream that ends inside a pair is told from one that ends between two" {
	unit complete
}

@test "numbers and texts come out as printf(3) has them" {
	unit text
}
