/* /dev, /proc and /sys inside.
 *
 * /proc and /sys are the namespaces' own: other processes and the host's links
 * do not show.  Nothing is mounted over parts of /proc, since a program that
 * makes namespaces itself (a browser's or bwrap's sandbox) could then not mount
 * its own; as root, where ids are the host's, /proc/sys and its like are made
 * read-only all the same, and /dev is made of a few nodes.
 */
#ifndef ADIT_CONFINE_DEVVIEW_H
#define ADIT_CONFINE_DEVVIEW_H

struct view_host;
struct view_plan;

void devview_add(const struct view_host *host, struct view_plan *plan);
/* /proc and /sys, after VIEW_PRIVATE has gone. */
void devview_add_kernel(const struct view_host *host, struct view_plan *plan);

#endif
