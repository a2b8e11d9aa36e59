# Several machines: wrappers on TCP behind one HAProxy or nginx, with the
# configurations of examples/. The machines are three loopback addresses, which
# refuse, as a machine does on which the wrapper has ended; for one that falls
# silent they are network namespaces.
bats_require_minimum_version 1.5.0
load helpers
load matrix

setup() {
	here
	HALL=$PWD
	mkdir cgi-bin
	program cgi-bin/node.cgi <<-'END'
		#!/bin/sh
		sleep 0.05
		printf 'Content-Type: text/plain\n\n%s %s\n' "$NODE" "$QUERY_STRING"
	END
	program cgi-bin/long.cgi <<-'END'
		#!/bin/sh
		echo $$ >"$PIDS/$NODE"
		while ! [ -e "$PIDS/go" ]; do sleep 0.02; done
		printf 'Content-Type: text/plain\n\nlong\n'
	END
	export PIDS=$PWD/pids
	mkdir pids
	nodes_port=$(free_port)
	# Where the web server and its clients are: here.
	IN=
}

# node N: the wrapper of that machine.
node() {
	NODE=node$1 start "node$1" "$CGI_FCGI" -listen "127.0.0.$(($1 + 1)):$nodes_port" \
		-root "$HALL/cgi-bin" -status /cgi-status -env NODE -env PIDS
	wait_for "$CGI_FCGI" -connect "127.0.0.$(($1 + 1)):$nodes_port" \
		-url /cgi-status/ping -fail
}

# machines FILE: an example, with these addresses.
machines() {
	example "$1" | sed -e "s/192.0.2.1:9000/127.0.0.2:$nodes_port/" \
		-e "s/192.0.2.2:9000/127.0.0.3:$nodes_port/" \
		-e "s/192.0.2.3:9000/127.0.0.4:$nodes_port/"
}

haproxy_here() {
	machines haproxy/several.cfg >haproxy.cfg
	server haproxy haproxy -db -f haproxy.cfg
}

nginx_here() {
	mkdir -p nginx
	machines nginx/several.conf >nginx/site.conf
	run_nginx www-data
}

# load_of COUNT: so many requests, eight at a time; pages in the file load, what
# failed in lost.
load_of() {
	many_replies 8 "/cgi-bin/node.cgi?[1-$1]" -f --max-time 10 -o 'load.#1' \
		-w '%{exitcode} %{url}\n' >told 2>/dev/null || :
	[ "$(wc -l <told)" -eq "$1" ]
	# No file if there is none.
	if grep -v '^0 ' told >lost.now; then
		cat lost.now >>lost
	fi
	cat load.* >load
	rm load.*
}

has_begun() {
	[ -n "$(cat pids/* 2>/dev/null)" ]
}

# answered NODE...: all of them had a share.
answered() {
	local name
	for name; do
		grep -q "^$name " load || {
			echo "$name had none" >&2
			return 1
		}
	done
}

shares_and_survives() {
	local loading
	load_of 60
	[ ! -e lost ]
	[ "$(sort -u load | wc -l)" -eq 60 ]
	answered node1 node2 node3
	# Killed in mid-load: no more is lost than ran on it.
	load_of 150 &
	loading=$!
	wait_for [ -e load.40 ]
	kill -KILL "$(cat node2.pid)"
	wait $loading
	touch lost
	echo "lost: $(wc -l <lost)"
	[ "$(wc -l <lost)" -le 8 ]
	[ $(($(sort -u load | wc -l) + $(wc -l <lost))) -eq 150 ]
	# Back again, it has its share again.
	node 2
}

@test "behind HAProxy: requests are spread, a machine killed in mid-load loses what ran on it, one drained loses nothing" {
	local i
	for i in 1 2 3; do node $i; done
	try_ports haproxy_here
	shares_and_survives
	rm -f lost
	# Drained while a request of it runs.
	curl -sS -f "$URL/cgi-bin/long.cgi" >long 3>&- &
	local asking=$!
	wait_for has_begun
	local name
	name=$(ls pids)
	load_of 100 &
	local loading=$!
	wait_for [ -e load.20 ]
	kill -USR1 "$(cat "$name.pid")"
	wait $loading
	[ ! -e lost ]
	alive "$(cat "$name.pid")"
	touch pids/go
	wait $asking
	[ "$(cat long)" = long ]
	wait_for gone "$(cat "$name.pid")"
}

@test "behind nginx: requests are spread, a machine killed in mid-load loses what ran on it" {
	local i
	for i in 1 2 3; do node $i; done
	try_ports nginx_here
	shares_and_survives
}

@test "the health check sees a machine go and come back" {
	local i
	for i in 1 2 3; do node $i; done
	try_ports haproxy_here
	stop node3
	wait_for grep -q 'cgi/three is DOWN' haproxy.log
	load_of 40
	[ ! -e lost ]
	answered node1 node2
	run ! grep node3 load
	node 3
	wait_for grep -q 'cgi/three is UP' haproxy.log
	load_of 60
	[ ! -e lost ]
	answered node1 node2 node3
}

haproxy_with_two() {
	machines haproxy/several.cfg >whole.cfg
	sed '/server three/d' whole.cfg >haproxy.cfg
	# With a master, which is what is told to reload.
	server haproxy haproxy -W -db -f haproxy.cfg
}

@test "a machine is added by a line and a reload in mid-load: it has its share" {
	local i loading
	for i in 1 2; do node $i; done
	try_ports haproxy_with_two
	load_of 40
	[ ! -e lost ]
	answered node1 node2
	load_of 300 &
	loading=$!
	wait_for [ -e load.40 ]
	node 3
	cp whole.cfg haproxy.cfg
	kill -USR2 "$(cat haproxy.pid)"
	wait $loading
	# HAProxy 2.6's old process may give up a FastCGI connection in use.
	touch lost
	[ "$(wc -l <lost)" -le 8 ]
	[ $(($(sort -u load | wc -l) + $(wc -l <lost))) -eq 300 ]
	answered node1 node2 node3
	rm lost
	load_of 60
	[ ! -e lost ]
}

# in_space NAME COMMAND...: in the network of that machine.
in_space() {
	local name=$1
	shift
	nsenter -U --preserve-credentials -n -t "$(cat "$name.pid")" "$@"
}

# space NAME COMMAND...: a network of its own, as long as COMMAND is there.
space() {
	local name=$1
	shift
	start "$name" "$@" sleep 1000
	has_own_network() {
		[ "$(readlink "/proc/$PID/ns/net")" != \
			"$(readlink "/proc/$$/ns/net")" ] &&
			[ "$(cat "/proc/$PID/comm")" = sleep ]
	}
	wait_for has_own_network
}

# line N: from the front to machine N, with the addresses of the examples.
line() {
	local pid
	pid=$(cat "machine$1.pid")
	in_space front ip link add "line$1" type veth peer name eth0 netns "$pid"
	in_space front ip link set "line$1" up
	in_space "machine$1" ip address add "192.0.2.$1/32" dev eth0
	in_space "machine$1" ip link set eth0 up
	in_space "machine$1" ip route add 192.0.2.100 dev eth0
	in_space front ip route add "192.0.2.$1" dev "line$1" src 192.0.2.100
}

# networks: three machines, each in a network of its own, and the front.
networks() {
	local i
	space front unshare -rn
	in_space front ip link set lo up
	in_space front ip address add 192.0.2.100/32 dev lo
	for i in 1 2 3; do
		space "machine$i" nsenter -U --preserve-credentials -n \
			-t "$(cat front.pid)" unshare -n
		line $i
		NODE=node$i FCGI_WEB_SERVER_ADDRS=192.0.2.100 \
			start "node$i" nsenter -U --preserve-credentials -n \
			-t "$(cat "machine$i.pid")" "$CGI_FCGI" \
			-listen "192.0.2.$i:9000" -root "$HALL/cgi-bin" \
			-status /cgi-status -env NODE -env PIDS
	done
	IN="nsenter -U --preserve-credentials -n -t $(cat front.pid)"
	PORT=8080 URL=http://127.0.0.1:8080
	example haproxy/several.cfg >haproxy.cfg
	# Words of a list.
	# shellcheck disable=SC2086
	start haproxy $IN haproxy -db -f haproxy.cfg
}

@test "a machine that falls silent loses what ran on it, and has its share again when it is back" {
	# Not everybody may make networks: there the machine's wrapper is stopped.
	if unshare -rn ip link add line0 type veth peer name eth0; then
		networks
		silence() { in_space machine2 ip link set eth0 down; }
		wake() {
			in_space machine2 ip link set eth0 up
			in_space machine2 ip route add 192.0.2.100 dev eth0
		}
	else
		node 1
		node 2
		node 3
		try_ports haproxy_here
		silence() { kill -STOP "$(cat node2.pid)"; }
		wake() { kill -CONT "$(cat node2.pid)"; }
	fi
	all_up() { load_of 12 && answered node1 node2 node3; }
	wait_for all_up
	rm -f lost
	load_of 200 &
	local loading=$!
	wait_for [ -e load.40 ]
	silence
	wait_for grep -q 'cgi/two is DOWN' haproxy.log
	wait $loading
	touch lost
	echo "lost: $(wc -l <lost)"
	[ "$(wc -l <lost)" -le 8 ]
	[ $(($(sort -u load | wc -l) + $(wc -l <lost))) -eq 200 ]
	# Nothing is lost any more.
	rm lost
	load_of 60
	[ ! -e lost ]
	wake
	wait_for grep -q 'cgi/two is UP' haproxy.log
	load_of 60
	[ ! -e lost ]
	answered node1 node2 node3
}
