#ifndef GIVEUP_H
#define GIVEUP_H

/*
 * The end of a template that cannot be one, or of its child. The wrapper reads
 * why from stderr, and runs the program as always.
 */

/* Says why, and what errno means unless it is 0. */
_Noreturn void give_up(const char *why);

#endif
