/* One command and all its descendants in namespaces of their own.
 *
 * How it works.  The caller (the supervisor, S) stays where it is.  Process 1
 * (I) is cloned into new user, network, mount, process and (without --share
 * x11) IPC namespaces with the caller's own uid and gid mapped, makes the
 * network by the caller's function, then what the command shall see of the file
 * system, and waits.  On confine_go() it forks the command (C), which crosses
 * into a child user and mount namespace: from there neither the network nor
 * a mount made by I can be changed, not even as uid 0.  When S or C ends, I
 * ends, and with process 1 the kernel ends every process inside.
 *
 * The two sides speak over a socket pair (confine/channel.h).  S calls, in order:
 *
 *     confine_start()                      -> namespaces stand, I is working
 *     confine_receive() CONFINE_NETWORK    -> the descriptors the callback made
 *     confine_receive() CONFINE_READY      -> views stand; nothing has run yet
 *     confine_go()                         -> after the handshake
 *     confine_receive() CONFINE_STARTED, _STOPPED, _CONTINUED, _EXITED, _GONE
 *     confine_end(), confine_done()
 *
 * CONFINE_NOTE and CONFINE_FAILED may come at any time.  Closing the channel
 * ends everything inside, and so does the caller's death.
 */
#ifndef ADIT_CONFINE_CONFINE_H
#define ADIT_CONFINE_CONFINE_H

#include "base/error.h"
#include "confine/options.h"

#include <sys/types.h>

struct confine {
	pid_t init;		     /* process 1, in our numbering; -1: none */
	int init_fd;		     /* pidfd of it: readable when it has ended */
	int channel;		     /* SOCK_SEQPACKET; poll it for EPOLLIN */
	int ns[CONFINE_NAMESPACES];  /* nsfs descriptors; NS_IPC is -1 with --share x11 */
	bool is_joined;		     /* by confine_join(): the namespaces are another's */
	int kept_lock;		     /* locks the folder below; -1: none */
	char kept[CONFINE_PATH_LEN]; /* where what is left in /tmp is kept; "": nowhere */
};

/* Says why confinement is impossible here (user namespaces forbidden, no
 * /dev/net/tun, a masked /proc), each cause told apart, or fails on the way
 * with everything undone.
 */
int confine_start(const struct confine_options *options, struct confine *ret, struct error *err);

/* A further command in the namespaces of a running one, confined alike; `ns`
 * as in struct confine, borrowed.  Of the options the network, dns, search and
 * file-system views are not looked at: they are the first one's.  Follow with
 * confine_receive() CONFINE_READY and confine_go() as above.
 */
int confine_join(const struct confine_options *options, const int ns[CONFINE_NAMESPACES],
		 struct confine *ret, struct error *err);

enum confine_event_kind {
	CONFINE_NETWORK,   /* fd, n_fds: now the caller's */
	CONFINE_READY,	   /* everything stands; waits for confine_go() */
	CONFINE_NOTE,	   /* error.what and error.hint: for the user, no failure */
	CONFINE_STARTED,   /* the command's exec succeeded; pid in the inner numbering */
	CONFINE_STOPPED,   /* status: the signal */
	CONFINE_CONTINUED, /* it runs again */
	CONFINE_EXITED,	   /* status: 0-255, or 128 + signal; process 1 ends now */
	CONFINE_FAILED,	   /* error; status: 125, or 126 and 127 of the exec; process 1 ends now */
	CONFINE_GONE,	   /* process 1 has ended; nothing more comes */
	CONFINE_EVENTS
};

struct confine_event {
	enum confine_event_kind kind;
	int status;
	pid_t pid;
	int fd[CONFINE_NETWORK_FDS_MAX]; /* close-on-exec */
	size_t n_fds;
	struct error error;
};

/* The next event; waits for it when the channel is blocking (it is).
 * Negative only when the channel itself fails.
 */
int confine_receive(struct confine *confine, struct confine_event *ret, struct error *err);

/* Lets the command begin. */
int confine_go(struct confine *confine, struct error *err);
/* To the command itself, not its children. */
int confine_signal(struct confine *confine, int signal);
/* SIGCONT to the command and to its process group. */
int confine_continue(struct confine *confine);

/* Ends what still runs inside and waits for it (SIGKILL to process 1). */
void confine_end(struct confine *confine);

/* After the end: closes the namespaces and removes the folder in which /tmp and
 * /var/tmp were kept, unless something is left in it.  Then true, with its path
 * in `ret`.  The removing goes on in a process of its own.
 */
bool confine_kept(struct confine *confine, char ret[CONFINE_PATH_LEN]);

/* Closes descriptors; calls confine_end() first.  Accepts a zeroed init of -1. */
void confine_done(struct confine *confine);

#endif
