# -preload where the system's C library is musl, as in Alpine.
bats_require_minimum_version 1.5.0
load helpers

setup_file() {
	make -s -C "$REPO" B="$BATS_FILE_TMPDIR/musl" CC=musl-gcc \
		TEMPLATE_CC=musl-gcc CFLAGS='-Os -Werror' \
		BIN="$BATS_FILE_TMPDIR/musl/cgi-fcgi" all
}

setup() {
	here
	CGI_FCGI=$BATS_FILE_TMPDIR/musl/cgi-fcgi
}

preloaded() {
	"$CGI_FCGI" -connect "$SOCK" -url /status 3>&- |
		sed -n 's/^preloaded: //p'
}

# same N FILE: asked N times it answers as FILE.plain does, from a template.
same() {
	local i before
	before=$(preloaded)
	get "$PWD/$2.plain" >without
	for ((i = 0; i < $1; i++)); do
		get "$PWD/$2" >with
		diff without with || return
	done
	[ "$(preloaded)" -eq $((before + $1)) ]
}

@test "a program of musl answers from its template as without: signals to itself, threads, its locks, what it starts, its exit status" {
	musl-gcc -pthread -o it -x c - <<-'END'
		#define _GNU_SOURCE
		#include <pthread.h>
		#include <signal.h>
		#include <stdio.h>
		#include <stdlib.h>
		#include <sys/syscall.h>
		#include <sys/wait.h>
		#include <unistd.h>
		static pthread_t first;
		static void came(int number)
		{
			printf("signal %d, mine: %d\n", number,
			       getpid() == syscall(SYS_gettid));
			fflush(stdout);
		}
		static void *outlive(void *text)
		{
			printf("join %d\n", pthread_join(first, NULL));
			fflush(stdout);
			puts(text);
			exit(4);
		}
		int main(void)
		{
			pthread_mutexattr_t checked;
			pthread_mutex_t lock;
			pthread_t other;
			printf("A: b\n\n%s %s\n", getenv("QUERY_STRING"),
			       getenv("LD_PRELOAD") ? "loaded" : "clean");
			signal(SIGUSR1, came);
			raise(SIGUSR1);
			pthread_mutexattr_init(&checked);
			pthread_mutexattr_settype(&checked,
						  PTHREAD_MUTEX_ERRORCHECK);
			pthread_mutex_init(&lock, &checked);
			printf("%d", pthread_mutex_lock(&lock));
			printf(" %d\n", pthread_mutex_lock(&lock));
			fflush(stdout);
			if (fork() == 0)
				exit(puts("forked") < 0);
			wait(NULL);
			system("echo started");
			first = pthread_self();
			pthread_create(&other, NULL, outlive, "outlived");
			pthread_exit(NULL);
		}
	END
	cp it it.plain
	wrapper -preload "$PWD/it" -status /status
	wait_for templates_ready "$PID" 1
	same 5 it
	grep -q 'outlived' with
	grep -q 'signal 10, mine: 1' with
	grep -q 'END 4 0' with
}

@test "musl's handlers of forks are called for each request" {
	musl-gcc -shared -fPIC -o libsecret.so -x c - <<-'END'
		#include <pthread.h>
		#include <unistd.h>
		int locked, secret;
		static void prepare(void) { locked++; }
		static void parent(void) { locked--; }
		static void child(void) { locked--; secret = getpid(); }
		__attribute__((constructor)) static void begin(void)
		{
			pthread_atfork(prepare, parent, child);
		}
	END
	musl-gcc -o it -x c - -L. -lsecret -Wl,-rpath,"$PWD" <<-'END'
		#include <stdio.h>
		#include <unistd.h>
		extern int locked, secret;
		int main(void)
		{
			printf("A: b\n\nlocked %d, mine: %d\n", locked,
			       secret == getpid());
			return 0;
		}
	END
	wrapper -preload "$PWD/it" -status /status
	wait_for templates_ready "$PID" 1
	local i
	for i in 1 2 3; do
		run -0 get "$PWD/it"
		[[ $output == *'locked 0, mine: 1'* ]]
	done
	[ "$(preloaded)" -eq 3 ]
}

@test "a program of another C library is run as always there, and the log says so" {
	echo 'int main(void) { return puts("A: b\n\nhello") < 0; }' |
		cc -include stdio.h -o it -x c -
	wrapper -preload "$PWD/it" -status /status
	logged "$PWD/it: is not preloaded: it has another C library"
	run -0 get "$PWD/it"
	[[ $output == *hello* ]]
	[ "$(preloaded)" -eq 0 ]
}

@test "a program that does not begin as C programs do is run as always there too, and never for nothing" {
	musl-gcc -nostartfiles -o it -x c - <<-END
		#include <fcntl.h>
		#include <unistd.h>
		void _start(void)
		{
			int fd = open("$PWD/runs", O_RDWR | O_CREAT | O_APPEND,
				      0600);
			write(fd, "x\\n", 2);
			write(1, "A: b\\n\\nhello\\n", 12);
			_exit(0);
		}
	END
	wrapper -preload "$PWD/it" -status /status
	logged "$PWD/it: is not preloaded: it does not begin as C programs do"
	run -0 get "$PWD/it"
	[[ $output == *hello* ]]
	[ "$(wc -l <runs)" -eq 1 ]
}
