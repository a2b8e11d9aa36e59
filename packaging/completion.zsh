#compdef cgi-fcgi
# For zsh: options are those that -help shows, all else is a file's name.
if [[ $PREFIX == -* ]]; then
	compadd -- $("$words[1]" -help | grep -oE '  -[a-z-]+')
else
	_files
fi
