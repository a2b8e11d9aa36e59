#ifndef BRIDGE_H
#define BRIDGE_H

#include "opt.h"

/* The bridge's options, for -help and for finding out which side is meant. */
extern const struct opt bridge_options[];

/* The bridge, from its command line to its end. Returns the exit status. */
int bridge_main(int argc, char **argv);

#endif
