/* /etc inside: the host's, read-only, with the resolver's files replaced.
 *
 * A folder view, not a file mounted over /etc/resolv.conf: such a mount goes
 * away when the host's file is replaced by rename, as network managers do.
 */
#ifndef ADIT_CONFINE_ETCVIEW_H
#define ADIT_CONFINE_ETCVIEW_H

struct error;
struct view_host;
struct view_plan;

int etcview_add(const struct view_host *host, struct view_plan *plan, struct error *err);

#endif
