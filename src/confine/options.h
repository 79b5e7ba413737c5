/* What is asked of a confinement: plain data, filled by the command line, read
 * by every file of this room.
 *
 * Everything pointed to is borrowed for the time of the call that is given it,
 * and in the confined side's copy (made by fork) for good.
 */
#ifndef ADIT_CONFINE_OPTIONS_H
#define ADIT_CONFINE_OPTIONS_H

#include "base/address.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;

enum {
	CONFINE_KEEP_FDS_MAX = 32,
	CONFINE_SHARE_PATHS_MAX = 32,
	CONFINE_NETWORK_FDS_MAX = 8,
};

/* The namespaces of process 1, in the order in which they are to be joined. */
enum confine_ns { NS_USER, NS_PID, NS_NET, NS_IPC, NS_MNT, CONFINE_NAMESPACES };

enum { CONFINE_PATH_LEN = 4096 };

/* What --share gives by name; a bit each. */
enum confine_share {
	SHARE_X11 = 1 << 0,
	SHARE_BUS = 1 << 1,
	SHARE_SSH_AGENT = 1 << 2,
};

/* Signal handling as the command must find it: as adit itself found it. */
struct confine_signals {
	sigset_t mask;
	sigset_t ignored;
};
/* To be called before the caller changes any signal. */
void confine_signals_save(struct confine_signals *ret);

/* Makes the network: firewall, lo, tunnel, addresses, routes.  Called once in
 * process 1, inside the new network namespace, with all capabilities over it,
 * the host's file system still in view, and no descriptors of the caller's but
 * 0 to 2.  It may run other programs and wait for them.
 *
 * `tun` is /dev/net/tun, opened in this namespace and not attached to an
 * interface yet; it is closed afterwards unless it is among ret_fds.  What is
 * in ret_fds is handed to the supervisor with CONFINE_NETWORK, in this order,
 * and closed here.
 */
typedef int (*confine_network)(void *context, int tun, int ret_fds[CONFINE_NETWORK_FDS_MAX],
			       size_t *ret_n_fds, struct error *err);

/* A network namespace that is there already, for process 1 to be made in. */
struct confine_entry {
	/* Owns the network namespace; the caller may enter it.  -1: it is root's. */
	int userns;
	int netns;
	/* Files bound read-only over those of /etc, so that a change of them shows.
	 * Opened with the rights the caller has over userns.
	 */
	const char *resolv_conf;
	const char *nsswitch;
};

struct confine_options {
	char *const *argv; /* NULL-terminated; argv[0] is looked for in PATH when it has no slash */
	confine_network network;
	void *network_context;
	const struct confine_entry *entry; /* NULL: `network` makes one */

	/* resolv.conf inside, unless entry has one; no server: names are not resolved at all */
	const struct address *dns;
	size_t n_dns;
	const char *const *search;
	size_t n_search;

	/* Files with keys, which the command does not see; absolute paths. */
	const char *const *hidden_file;
	size_t n_hidden_files;

	unsigned int shares; /* enum confine_share */
	const char *const *share_path;
	size_t n_share_paths; /* at most CONFINE_SHARE_PATHS_MAX */
	const int *keep_fd;
	size_t n_keep_fds; /* at most CONFINE_KEEP_FDS_MAX */
	bool has_display;  /* bind the Wayland sockets in: true unless --no-display */
	bool has_sound;	   /* bind the PipeWire and PulseAudio sockets in */
	bool share_tmp;
	bool is_strict; /* mask network and automount file systems */
	bool allow_io_uring;
	bool as_root;

	const struct confine_signals *signals; /* NULL: as they are now */
	int tun_helper; /* of user_helper_start(); -1: process 1 opens /dev/net/tun itself */
};

/* No command, everything as by default. */
void confine_options_init(struct confine_options *options);

#endif
