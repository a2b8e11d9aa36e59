#ifndef PRIVILEGE_H
#define PRIVILEGE_H

/*
 * Who the wrapper is and where it lives: -user, -chroot, -daemon, -pidfile.
 * Each of these ends the process with one line if it cannot be done.
 */

/* Looks the user up, before anything is listened on. */
void privilege_check(void);

/* -daemon and -pidfile. */
void privilege_background(void);

/* -chroot, then -user with no supplementary groups. */
void privilege_drop(void);

/* Removes the pidfile, if we may. */
void privilege_forget_pidfile(void);

#endif
