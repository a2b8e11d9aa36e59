#ifndef TEMPORARY_H
#define TEMPORARY_H

/* Makes a file without a name in folder, to be read and written. Returns its
 * descriptor, close-on-exec, or -1 and errno. */
int temporary_open(const char *folder);

#endif
