#ifndef DESCRIPTORS_H
#define DESCRIPTORS_H

/*
 * The descriptors that a program has while it is loaded: its own begin where
 * they always do, and what template.so holds is out of their way.
 */

/* From here on: programs count on low numbers. */
#define FIRST_FD 100

/* A copy of fd that is out of the way, or -1 and errno. */
int descriptors_aside(int fd);

/* Interpreters remember what they have found their stdin and stdout to be: it
 * must be pipes as later on, in which nobody can seek. */
void descriptors_open_pipes(void);

/* What was printed into them while the program was loaded is nobody's. */
void descriptors_close_pipes(void);

#endif
