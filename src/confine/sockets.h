/* UNIX sockets bound outside that the views do not make dead by themselves.
 *
 * connect(2) by path crosses network namespaces.  In /run, /tmp, /var/tmp, /etc
 * and /dev/shm the path leads to another inode; anywhere else, $HOME above all,
 * each socket file is covered with a dead one.  Which there are is known from
 * the host's /proc/net/unix at the start.  A program may bind a socket under
 * one name and move it to another (ssh's ControlMaster does), so every socket
 * file of a folder in which one was bound is covered.
 *
 * A socket that is bound there later is not found: the documentation says so.
 */
#ifndef ADIT_CONFINE_SOCKETS_H
#define ADIT_CONFINE_SOCKETS_H

#include <stddef.h>

struct error;
struct view_host;
struct view_plan;

/* Calls back with each absolute path that a socket was bound to in the text of
 * /proc/net/unix.
 */
void sockets_each_path(const char *unix_sockets,
		       void (*each)(void *context, const char *path, size_t len), void *context);

int sockets_add_covers(const struct view_host *host, struct view_plan *plan, struct error *err);

#endif
