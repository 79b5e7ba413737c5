/* Landlock around a process: no file is opened, made or removed, no TCP socket
 * bound or connected, no abstract socket outside reached, and no process outside
 * signalled, each as far as the kernel has it.  A second wall behind a filter of
 * system calls, by other code of the kernel.
 *
 * What is open stays usable.  The calling thread and all that it begins later.
 *
 * Source: landlock(7), linux/landlock.h of Linux 6.12 (ABI 6).
 */
#ifndef ADIT_BASE_LANDLOCK_H
#define ADIT_BASE_LANDLOCK_H

struct error;

enum landlock_network { LANDLOCK_NO_TCP, LANDLOCK_TCP_CONNECT };

/* After no_new_privs.  0, also where the kernel has no Landlock.  `who` stands in
 * errors: "the data plane".
 */
int landlock_confine(const char *who, enum landlock_network network, struct error *err);

#endif
