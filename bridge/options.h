#ifndef BRIDGE_OPTIONS_H
#define BRIDGE_OPTIONS_H

#include <stdbool.h>

#include "opt.h"

/*
 * The bridge's command line: its options, APP and N, and what they mean
 * together. It fills the wish and does nothing about it.
 */

/* For -help and for finding out which side is meant. Ended by an option without
 * a name; what it fills is a struct wish. */
extern const struct opt bridge_options[];

/* Fills the wish. Ends the process with a usage error if the words are wrong,
 * and with OUTCOME_NO_MEMORY. */
void bridge_read_words(int argc, char **argv);

/* Whether somebody at a shell asks, as far as the command line has been read: a
 * web server would not have given these options. */
bool bridge_is_for_shell(void);

#endif
