#ifndef FCGIWRAP_H
#define FCGIWRAP_H

/*
 * The wrapper under fcgiwrap's name, with its options and habits, so that a
 * symbolic link takes its place and no configuration changes.
 */

/* As wrapper_main. */
int fcgiwrap_main(int argc, char **argv);

#endif
