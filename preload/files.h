#ifndef FILES_H
#define FILES_H

/*
 * The files that a program has opened while it was loaded. One that the
 * template has open has one offset for all of its children, unless each opens
 * it anew.
 */

/* In the template: from now on it knows which. */
void files_note(void);

/* In the child: each is its own, at the same place. */
void files_own(void);

#endif
