# The manual, -help and the README say the same.
bats_require_minimum_version 1.5.0
load helpers

options() {
	"$CGI_FCGI" -help | grep -oE '  -[a-z-]+' | tr -d ' ' | cut -c 2- | sort -u
}

# described OPTION: whether the manual has an entry for it.
described() {
	grep -qE "^\.It .*Fl $1( |\$)" "$REPO/cgi-fcgi.1"
}

@test "every option of -help has an entry in the manual" {
	local option
	[ "$(options | wc -l)" -gt 40 ]
	for option in $(options); do
		described "$option" || {
			echo "not in the manual: -$option"
			return 1
		}
	done
}

@test "every option in the manual's lists is one that -help knows" {
	local option known
	known=" $(options | tr '\n' ' ')"
	for option in $(grep -E '^\.It .*Fl ' "$REPO/cgi-fcgi.1" |
		grep -oE 'Fl [a-z-]+' | cut -d ' ' -f 2 | sort -u); do
		[[ $known == *" $option "* ]] || {
			echo "only in the manual: -$option"
			return 1
		}
	done
}

@test "-help fits a screen of 42 lines and 80 columns" {
	[ "$("$CGI_FCGI" -help | wc -l)" -le 42 ]
	[ "$("$CGI_FCGI" -help | awk '{ print length }' | sort -n |
		tail -n 1)" -le 80 ]
}

@test "the options that the README shows exist" {
	local option known shown
	known=" $(options | tr '\n' ' ') version help f listen connect "
	shown=$(grep -E '^    (cgi-fcgi|    )' "$REPO/README.md" |
		grep -oE ' -[a-z][a-z-]+' | cut -d - -f 2- | sort -u)
	[ "$(wc -l <<<"$shown")" -gt 10 ]
	for option in $shown; do
		[[ $known == *" $option "* ]] || {
			echo "only in the README: -$option"
			return 1
		}
	done
}

# wrappers: the commands of README and manual that start one, a line each.
wrappers() {
	sed -e 's/^\.Dl //' -e 's/^\(    \|[$#] \)//' -e 's/\\e$/\\/' \
		"$REPO/README.md" "$REPO/cgi-fcgi.1" |
		sed -e ':a' -e '/\\$/ { N; s/\\\n *//; ba }' |
		grep '^cgi-fcgi -listen'
}

@test "each command that starts the wrapper in README and manual starts one" {
	local command
	mkdir folder
	[ "$(wrappers | wc -l)" -ge 8 ]
	while read -r command; do
		echo "$command"
		command=$(sed 's|/run/|./|; s|:9000|:0|; s|-user git|-user www-data|
			s|-root [^ ]*|-root folder|; s|/srv/a.cgi|/bin/true|
			' <<<"$command")
		eval "start wrapper '$CGI_FCGI' ${command#cgi-fcgi}"
		wait_for grep -q 'listening on' wrapper.log
		stop wrapper
	done <<<"$(wrappers)"
}

@test "the README's tour of the source names every file of it" {
	local file tour
	tour=$(sed -n '/^## How the house/,/^## How it is tested/p' "$REPO/README.md")
	for file in "$REPO"/{common,wrapper,preload,bridge}/*.c; do
		file=$(basename "$file" .c)
		grep -qw -- "$file" <<<"$tour" || {
			echo "not in the README: $file"
			return 1
		}
	done
}

@test "every file that the README links is there" {
	local file
	local files
	files=$(grep -oE '\]\([^)]+\)' "$REPO/README.md" | tr -d '])(')
	[ "$(wc -l <<<"$files")" -gt 15 ]
	for file in $files; do
		[ -e "$REPO/$file" ] || {
			echo "not there: $file"
			return 1
		}
	done
}

@test "bash completes every option of -help, and leaves other words to files" {
	# shellcheck disable=SC1091
	. "$REPO/packaging/completion.bash"
	COMP_WORDS=("$CGI_FCGI" -) COMP_CWORD=1
	_cgi_fcgi "$CGI_FCGI"
	[ "$(printf '%s\n' "${COMPREPLY[@]#-}")" = "$(options)" ]
	COMPREPLY=() COMP_WORDS=("$CGI_FCGI" -listen -tim) COMP_CWORD=2
	_cgi_fcgi "$CGI_FCGI"
	[ "${COMPREPLY[*]}" = -timeout ]
	COMPREPLY=() COMP_WORDS=("$CGI_FCGI" -listen /t)
	_cgi_fcgi "$CGI_FCGI"
	[ -z "${COMPREPLY[*]}" ]
}

@test "zsh completes options and files" {
	mkdir functions
	cp "$REPO/packaging/completion.zsh" functions/_cgi-fcgi
	cat >session <<-'END'
		zmodload zsh/zpty
		zpty shell zsh -f -i
		zpty -w shell 'fpath=(functions $fpath)'
		zpty -w shell 'autoload -U compinit; compinit -u -D'
		zpty -w shell 'said() { if [[ $1 == -help ]]; then "$CGI_FCGI" -help; else print -r "<$*>"; fi }'
		zpty -w shell 'compdef _cgi-fcgi said'
		zpty -w shell $'said -listen func\t -tim\t'
		zpty -w shell exit
		zpty -r shell output '*<-*>*'
		print -r -- "$output"
	END
	run -0 timeout 60 zsh -f session
	[[ $output == *'<-listen functions -timeout>'* ]]
}
