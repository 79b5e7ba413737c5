/* The whole of what the command sees of the file system, put together. */
#ifndef ADIT_CONFINE_ROOTVIEW_H
#define ADIT_CONFINE_ROOTVIEW_H

#include "confine/mounts.h"

#include <sys/types.h>

struct confine_options;
struct error;
struct view_plan;

/* What of the host the view depends on.  All borrowed. */
struct view_host {
	const struct confine_options *options;
	uid_t uid;
	const char *runtime_dir;  /* the host's XDG_RUNTIME_DIR; "": none */
	const char *kept;	  /* folder made by tmpview_prepare(); "": none */
	const char *unix_sockets; /* text of the host's /proc/net/unix */
	const char *terminal;	  /* "/dev/pts/3"; "": standard input to error are none */
	struct mount_list mounts; /* of process 1's own mount namespace, before any step */
};

/* The fresh XDG_RUNTIME_DIR inside. */
enum { RUNTIME_DIR_LEN = 32 };
void rootview_runtime_dir(uid_t uid, char ret[RUNTIME_DIR_LEN]);

int rootview_build(const struct view_host *host, struct view_plan *plan, struct error *err);

#endif
