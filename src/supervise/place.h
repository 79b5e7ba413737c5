/* Where a lasting namespace is found: its name and the paths made of it.
 *
 *     DIR/netns/NAME/lock         held by its supervisor (folder.h has DIR)
 *     DIR/netns/NAME/control      the supervisor's socket (control.h)
 *     DIR/netns/NAME/seal         which namespace is adit's, and held while it is made
 *     DIR/netns/NAME/before       what a namespace of others was like (foreign.h)
 *     DIR/netns/NAME/record       what cannot be told by looking (apply/record.h)
 *     DIR/netns/NAME/ledger       what of the host's is changed for it (ledger.h)
 *     DIR/netns/NAME/resolv.conf  for what runs inside, and nsswitch.conf
 *     DIR/netns/NAME/hidden       the files with keys (hidden.h)
 *     DIR/netns/NAME/log          of a supervisor in the background
 *     /run/netns/NAME             the namespace itself, pinned; ip-netns(8) knows it too
 */
#ifndef ADIT_SUPERVISE_PLACE_H
#define ADIT_SUPERVISE_PLACE_H

#include "config/profile.h"
#include "supervise/folder.h"

#include <sys/types.h>

struct error;

enum { PLACE_PATH_LEN = 256 }; /* NUL included */

struct place {
	char name[PROFILE_NAME_LEN];
	char folder[PLACE_PATH_LEN];
	char lock[PLACE_PATH_LEN];
	char control[FOLDER_PATH_LEN]; /* a socket's is shorter */
	char seal[PLACE_PATH_LEN];
	char before[PLACE_PATH_LEN];
	char record[PLACE_PATH_LEN];
	char ledger[PLACE_PATH_LEN];
	char resolv_conf[PLACE_PATH_LEN];
	char nsswitch[PLACE_PATH_LEN];
	char hidden[PLACE_PATH_LEN];
	char log[PLACE_PATH_LEN];
	char netns[PLACE_PATH_LEN];
};

#define PLACE_PINS "/run/netns"

/* Only paths; makes nothing.  -EINVAL: that is no name. */
int place_find(const char *name, struct place *ret, struct error *err);
/* Makes the folder. */
int place_make(const struct place *place, struct error *err);
/* Removes the folder and all that is in it. */
void place_remove(const struct place *place);

/* The supervisor's lock, as folder_lock(). */
int place_lock(const struct place *place, pid_t *ret_holder, struct error *err);
/* Who holds it now, as folder_lock_holder(). */
pid_t place_holder(const struct place *place);

/* The folder that all of them are in. */
int place_root(char ret[FOLDER_PATH_LEN], struct error *err);
/* The names of all places of this user's, in order.  Returns how many; *ret and
 * what it points to are the caller's: place_names_free().
 */
int place_names(char ***ret, struct error *err);
void place_names_free(char **names, int n);

#endif
