#ifndef WRAPPER_H
#define WRAPPER_H

#include "opt.h"

extern const struct opt wrapper_options[];

/* The wrapper, from its command line to its end. Returns the exit status. */
int wrapper_main(int argc, char **argv);

/* Fills the settings with what is not said otherwise. */
void wrapper_defaults(void);

/* The same from filled settings on. */
int wrapper_run(void);

/* The same under fcgiwrap's name, options and habits. */
int fcgiwrap_main(int argc, char **argv);

#endif
