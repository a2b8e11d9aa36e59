#ifndef PRIVILEGE_H
#define PRIVILEGE_H

/*
 * Who the wrapper is and where it lives: -user, -chroot, -daemon, -pidfile. To
 * be called in this order; but for the last each ends the process with one line
 * if it cannot be done.
 */

/* Looks the user up and opens the pidfile, before anything is listened on. */
void privilege_check(void);

/* -daemon and -pidfile, which is written when the caller is returned to: with
 * -daemon in another process, whose lines go to syslog. */
void privilege_background(void);

/* -chroot, then -user with no supplementary groups. */
void privilege_drop(void);

/* Removes the pidfile, if we may and it names nobody else. */
void privilege_forget_pidfile(void);

#endif
