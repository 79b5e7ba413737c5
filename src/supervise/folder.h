/* The folder in which a user's running adits are found, and locks in it.
 *
 * $XDG_RUNTIME_DIR/adit, /run/adit for root, or /tmp/adit-UID; it belongs to the
 * user alone, and so does every folder below it.
 */
#ifndef ADIT_SUPERVISE_FOLDER_H
#define ADIT_SUPERVISE_FOLDER_H

#include <sys/types.h>
#include <sys/un.h>

struct error;

enum { FOLDER_PATH_LEN = sizeof(((struct sockaddr_un *)0)->sun_path) };

/* Its path; not made here.  -ENAMETOOLONG: too long for a socket's. */
int folder_find(char ret[FOLDER_PATH_LEN], struct error *err);
/* Makes one when it is not there.  -EPERM: it is somebody else's too. */
int folder_make(const char *path, struct error *err);

/* A lock that ends with the process, on a file that then names the process.
 * Returns its descriptor.  -EBUSY: *ret_holder has it (0: unknown).
 * The holder unlinks the file before it closes the descriptor.
 */
int folder_lock(const char *path, pid_t *ret_holder, struct error *err);
/* Who has it now; 0: nobody; -EBUSY: unknown who; another negative errno: cannot tell. */
pid_t folder_lock_holder(const char *path);

/* A listening SOCK_SEQPACKET socket, the user's alone.  The caller holds a lock,
 * so what is there was left by a crash.
 */
int folder_listen(const char *path, struct error *err);
/* -ENOENT: nobody listens there. */
int folder_connect(const char *path, struct error *err);
/* Takes a connection of the same user's, or of root's; -errno: none. */
int folder_accept(int listen);

#endif
