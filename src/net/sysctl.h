/* Kernel settings below /proc/sys.  Those below net/ are the caller's network
 * namespace's, whichever /proc is mounted.
 */
#ifndef ADIT_NET_SYSCTL_H
#define ADIT_NET_SYSCTL_H

#include <stdbool.h>
#include <stddef.h>

struct error;

/* `path` is relative: "net/ipv4/conf/all/forwarding".  The value is read
 * without its final newline.  -EINVAL: leads elsewhere; -ENOENT.
 */
int sysctl_read(const char *path, char *ret, size_t size, struct error *err);
int sysctl_write(const char *path, const char *value, struct error *err);

/* The same words, whatever white space is between them. */
bool sysctl_value_equal(const char *a, const char *b);

#endif
