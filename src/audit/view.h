/* Files and sockets as the root of a process shows them.
 *
 * What a process inside has put there is never followed out of its root and never
 * waited for.
 *
 * Source: openat2(2), proc(5).
 */
#ifndef ADIT_AUDIT_VIEW_H
#define ADIT_AUDIT_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* A descriptor of its root folder.  -EACCES and so on: it cannot be looked at; -ENOENT:
 * the process has ended.
 */
int view_open(pid_t pid);

/* The beginning of a file, "" where there is no regular file; NUL included in `size`. */
void view_read(int root, const char *path, char *ret, size_t size);

/* There is a socket that can be written to by somebody. */
bool view_has_socket(int root, const char *path);

#endif
