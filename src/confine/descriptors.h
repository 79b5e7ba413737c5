/* Descriptors that the command inherits.
 *
 * A socket keeps the network namespace it was made in, and an unconnected,
 * listening or even accepted one can be connected anew to anywhere (reproduced
 * on Linux 6.18): so what is not asked for is closed, and what stands as
 * standard input, output or error is looked at.
 */
#ifndef ADIT_CONFINE_DESCRIPTORS_H
#define ADIT_CONFINE_DESCRIPTORS_H

#include <stdbool.h>
#include <stddef.h>

struct confine_options;
struct error;

/* NULL: `fd` may be left to the command (or is not open).  Else what it is, "an
 * IP socket".  Files, terminals, pipes and connected UNIX stream sockets without
 * a name (as journald and ssh give) pass.
 */
const char *descriptors_find_fault(int fd);

/* -EPERM for 0 to 2; -EBADF for a kept one that is not open. */
int descriptors_check(const struct confine_options *options, struct error *err);

/* Closes everything above 2 but `keep`, which it sorts. */
void descriptors_close_others(int *keep, size_t n_keep);
/* 0 to 2 become /dev/null.  0 or -errno. */
int descriptors_detach_standard(void);

#endif
