#ifndef ARGFILE_H
#define ARGFILE_H

/*
 * -f FILE: the words of a file are the command line, so that a #! line works.
 * Words are parted by blanks, tabs and line ends; "double quotes" keep what is
 * inside together; # at a word's beginning makes the rest of a line a comment.
 */

/* Returns the words behind name, as an argv ended by NULL that lives as long
 * as the process; *count tells how many. Ends the process with a usage error
 * if the file cannot be read or a quote is not closed. */
char **argfile_read(const char *path, char *name, int *count);

#endif
