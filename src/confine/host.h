/* What of the host the view depends on: read once, before anything is made, by
 * whoever adds steps to the view.
 */
#ifndef ADIT_CONFINE_HOST_H
#define ADIT_CONFINE_HOST_H

#include "confine/mounts.h"

#include <stdio.h>
#include <sys/types.h>

struct confine_options;

/* All borrowed. */
struct view_host {
	const struct confine_options *options;
	uid_t uid;
	const char *runtime_dir;  /* the host's XDG_RUNTIME_DIR; "": none */
	const char *kept;	  /* folder made by tmpview_prepare(); "": none */
	const char *unix_sockets; /* of socktable_read() */
	const char *terminal;	  /* "/dev/pts/3"; "": standard input to error are none */
	const int *given;	  /* of entry_fork(), by enum entry_mount; NULL: none */
	struct mount_list mounts; /* of process 1's own mount namespace, before any step */
};

/* The fresh XDG_RUNTIME_DIR inside. */
enum { RUNTIME_DIR_LEN = 32 };
static inline void host_runtime_dir(uid_t uid, char ret[RUNTIME_DIR_LEN])
{
	(void)snprintf(ret, RUNTIME_DIR_LEN, "/run/user/%u", uid);
}

#endif
