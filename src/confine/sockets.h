/* UNIX sockets bound outside that the views do not make dead by themselves.
 *
 * connect(2) by path crosses network namespaces.  In /run, /tmp, /var/tmp, /etc
 * and /dev/shm the path leads to another inode; anywhere else, $HOME above all,
 * each socket file is covered with a dead one.  Which there are is known from
 * the kernel's tables at the start (confine/socktable.h).  A program may bind a
 * socket under one name and move it to another (ssh's ControlMaster does), so
 * every socket file of a folder in which one was bound is covered; and at every
 * other place, too, at which a second mount shows that folder.
 *
 * A socket that is bound there later is not found: the documentation says so.
 */
#ifndef ADIT_CONFINE_SOCKETS_H
#define ADIT_CONFINE_SOCKETS_H

struct error;
struct view_host;
struct view_plan;

int sockets_add_covers(const struct view_host *host, struct view_plan *plan, struct error *err);

#endif
