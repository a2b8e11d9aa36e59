# For bash: options are those that -help shows, all else is a file's name.
_cgi_fcgi() {
	local word=${COMP_WORDS[COMP_CWORD]}
	[[ $word != -* ]] || mapfile -t COMPREPLY < <(compgen -W "$("$1" -help |
		grep -oE '  -[a-z-]+' | sort -u)" -- "$word")
}
complete -o default -F _cgi_fcgi cgi-fcgi
