/* The whole of what the command sees of the file system, put together. */
#ifndef ADIT_CONFINE_ROOTVIEW_H
#define ADIT_CONFINE_ROOTVIEW_H

struct error;
struct view_host;
struct view_plan;

int rootview_build(const struct view_host *host, struct view_plan *plan, struct error *err);

#endif
