#ifndef WRAPPER_OPTIONS_H
#define WRAPPER_OPTIONS_H

#include "opt.h"

/*
 * The wrapper's options: the table that fills the settings. What several of
 * them mean together, and whether it can be done, is not its business.
 */

/* Ended by an option without a name; what it fills is a struct settings. */
extern const struct opt wrapper_options[];

/* Fills the settings with what is not said otherwise. To be called first. */
void wrapper_defaults(void);

#endif
