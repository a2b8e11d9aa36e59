#ifndef LOADABLE_H
#define LOADABLE_H

#include <elf.h>
#include <link.h>

/*
 * Whether template.so can be loaded into a program (-preload): one that it
 * cannot be loaded into would simply run. It knows the forms of files, not what
 * is in template.so.
 */

/* Once: the library is template.so. Returns 0, or -1 if it cannot be. */
int loadable_init(const char *library);

/* Of a program that is open to be read, whose header is elf. Returns NULL, or
 * why it cannot be. */
const char *loadable_refuses(int fd, const ElfW(Ehdr) * elf);

#endif
