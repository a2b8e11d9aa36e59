#ifndef ARGFILE_H
#define ARGFILE_H

/*
 * -f FILE: the words of a file are the arguments, so that a file can begin
 * with #!/usr/bin/cgi-fcgi -f. Words are separated by blanks, tabs and line
 * ends; double quotes hold a word together; # begins a comment.
 */

/* Reads the words; argv[0] is name. Returns them ended by NULL and their
 * number in *argc; they live as long as the process. A file that cannot be
 * read ends the process. */
char **argfile_read(const char *path, char *name, int *argc);

#endif
