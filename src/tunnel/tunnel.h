/* A running tunnel, whichever way it is done.
 *
 * The backend is chosen once, by tunnel_open(); callers never ask which.  The
 * device and its addresses, routes and firewall are apply/'s; a tunnel is keys,
 * peers and the traffic between them.
 *
 * A supervisor's loop watches two descriptors: tunnel_events_fd(), readable when
 * something happened that it may be waiting for (then tunnel_take_event() and
 * tunnel_read_stats()), and tunnel_pidfd(), readable when the data plane has
 * died (then close, and open again with the last timestamp that was read).
 */
#ifndef ADIT_TUNNEL_TUNNEL_H
#define ADIT_TUNNEL_TUNNEL_H

#include "base/address.h"
#include "base/clock.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct error;
struct profile;
struct text;
struct tunnel;
struct tunnel_backend;

enum { TUNNEL_TIMESTAMP_LEN = 12 }; /* TAI64N */

/* What a tunnel is made from.  Borrowed for the call. */
struct tunnel_config {
	const struct profile *profile; /* keys, peers, ListenPort, FwMark, Backend */
	/* One for each peer of the profile, AF_UNSPEC: not known yet; NULL: those
	 * in the profile, which has none where a host name stands.
	 */
	const union endpoint *endpoint;
	/* tunnel_choose()'s; NULL: the profile's Backend, where auto is userspace. */
	const struct tunnel_backend *backend;
	bool starts_handshake; /* now, with every peer that has an endpoint */

	/* The kernel's: the link, made by net/wireguard_link.h, and where it is.  What
	 * is set there already, by a predecessor, is changed to what is wanted, and its
	 * sessions go on.  It may have another name in each configuration.  Both
	 * descriptors are net/netns.h's, and borrowed.
	 */
	const char *device; /* NULL: there is none, and this backend cannot be */
	int netns_fd;
	int userns_fd; /* -1: the namespace belongs to our own */

	/* Userspace: the rest. */
	int tun_fd;   /* of net/tun.h; the tunnel takes a reference of its own */
	uint32_t mtu; /* bytes of inner packet */
	/* Nobody read the device for more than a second: what waits in it is stale. */
	bool drops_backlog;
	bool is_successor; /* of a tunnel that died: what waits is sent with its session */
	/* How many processors it shall have threads for; 0: as many as there are. */
	unsigned int n_processors;

	/* The data plane's user when root opens it; false: the caller's. */
	bool has_ids;
	uid_t uid;
	gid_t gid;

	/* The last that a predecessor sent: peers refuse older ones.  Zeroes: none. */
	uint8_t last_timestamp[TUNNEL_TIMESTAMP_LEN];
	uint16_t last_port; /* a predecessor's, taken again if nobody else has it; 0: none */
};

struct tunnel_peer_stats {
	uint8_t public_key[32];
	union endpoint endpoint; /* AF_UNSPEC: not known */
	/* Where it was heard from, if `endpoint` is somebody else's doing; else AF_UNSPEC. */
	union endpoint rightful;
	union endpoint source; /* of ours, sent from; AF_UNSPEC: the kernel chooses */
	uint32_t source_link;  /* index of the link it came by; 0: not known */
	uint64_t rx_bytes;     /* UDP payload of authentic messages */
	uint64_t tx_bytes;
	struct wall_time last_handshake; /* completed; 0: never */
	uint64_t handshakes_sent; /* initiations, retries included; kernel: those unanswered */
};

/* What to tell a person.  Starts zeroed; release with tunnel_stats_done().  The
 * kernel tells the port and of each peer; the rest stays zero.
 */
struct tunnel_stats {
	uint16_t listen_port; /* host byte order */
	uint8_t last_timestamp[TUNNEL_TIMESTAMP_LEN];
	struct tunnel_peer_stats *peer; /* owned */
	size_t n_peers;

	uint64_t rx_datagrams;	  /* of any kind */
	uint64_t rx_invalid;	  /* of them not authentic, malformed or not for us */
	uint64_t rx_bad_response; /* of them responses to us that do not authenticate */
	uint64_t rx_handshake;	  /* authentic handshake messages */
	uint64_t rx_replayed;	  /* data that came twice, or too late to tell */
	uint64_t tx_cookie;	  /* handshake messages answered with a cookie, under load */
	int tx_errno;		  /* positive errno of the latest send; 0: it went out */
	uint64_t tx_errors;
	int icmp_errno; /* the latest ICMP error about a datagram of ours; 0: none */
	uint8_t icmp_type;
	uint8_t icmp_code;
	uint64_t icmp_count;
	uint64_t tun_errors;  /* packets that the device did not take */
	bool is_mark_refused; /* FwMark needs CAP_NET_ADMIN and is not set */
	bool is_port_refused; /* ListenPort needs root; another one is used */
	uint64_t n_unlocked;  /* bytes of its key memory that it could not lock */
};

/* What of a tunnel is not as configured. */
enum {
	TUNNEL_DRIFT_KEY = 1, /* the private one */
	TUNNEL_DRIFT_PORT = 2,
	TUNNEL_DRIFT_MARK = 4,
	TUNNEL_DRIFT_PEERS = 8, /* who they are */
	TUNNEL_DRIFT_PRESHARED_KEYS = 16,
	TUNNEL_DRIFT_KEEPALIVES = 32,
	TUNNEL_DRIFT_ALLOWED_IPS = 64,
	TUNNEL_DRIFT_ENDPOINTS = 128,
};

struct tunnel_backend {
	const char *name; /* "kernel", "userspace": in `Backend=` and in status */

	/* Whether the caller can have it here, named namespaces assumed.  Changes
	 * nothing.  -EOPNOTSUPP, -EPERM: it cannot, with a hint.
	 */
	int (*probe)(struct error *err);
	/* On failure nothing is left behind.  *ret is set on success only. */
	int (*open)(const struct tunnel_config *config, struct tunnel **ret, struct error *err);
	int (*set_config)(struct tunnel *tunnel, const struct tunnel_config *config,
			  struct error *err);
	int (*set_endpoint)(struct tunnel *tunnel, const uint8_t public_key[32],
			    const union endpoint *endpoint, struct error *err);
	int (*forget_sources)(struct tunnel *tunnel, struct error *err);
	int (*read_stats)(struct tunnel *tunnel, struct tunnel_stats *ret, struct error *err);
	/* NULL: nobody else can change it. */
	int (*find_drift)(struct tunnel *tunnel, const struct tunnel_config *config,
			  struct error *err);
	pid_t (*pid)(const struct tunnel *tunnel);
	int (*pidfd)(const struct tunnel *tunnel);
	int (*events_fd)(const struct tunnel *tunnel);
	void (*close)(struct tunnel *tunnel);
};

extern const struct tunnel_backend tunnel_backend_kernel;
extern const struct tunnel_backend tunnel_backend_userspace;

/* Which backend a lasting namespace's tunnel gets, to be asked before its link is
 * planned: a TUN, or the kernel's WireGuard link.  Backend = auto is the kernel's
 * where the caller has CAP_NET_ADMIN and the kernel has WireGuard; the question
 * loads its module.  -EPERM, -EOPNOTSUPP: Backend = kernel cannot be; err says
 * why, with a hint.
 */
int tunnel_choose(const struct profile *profile, const struct tunnel_backend **ret,
		  struct error *err);

/* Forks: to be called from the thread that lives as long as the caller does,
 * since the data plane dies with it.  In a failure's text is no secret.
 */
int tunnel_open(const struct tunnel_config *config, struct tunnel **ret, struct error *err);

/* Replaces the peers at once: traffic never sees half of each list, and sessions
 * of peers that stay go on.  tun_fd and ids are not looked at.
 */
int tunnel_set_config(struct tunnel *tunnel, const struct tunnel_config *config, struct error *err);
/* A name was resolved anew; begins a handshake there.  -ENOENT: no such peer. */
int tunnel_set_endpoint(struct tunnel *tunnel, const uint8_t public_key[32],
			const union endpoint *endpoint, struct error *err);
/* The host's addresses or routes have changed: forget which of ours to send from. */
int tunnel_forget_sources(struct tunnel *tunnel, struct error *err);

/* All of these: -EPIPE or -ECONNRESET when the data plane has died. */
int tunnel_read_stats(struct tunnel *tunnel, struct tunnel_stats *ret, struct error *err);
void tunnel_stats_done(struct tunnel_stats *stats);
/* A handshake with any peer was completed. */
bool tunnel_stats_has_handshake(const struct tunnel_stats *stats);

/* Whether somebody else has changed it: the TUNNEL_DRIFT_* of what is not as `config`
 * says, which tunnel_set_config() puts right; 0: nothing.  Nobody tells when that
 * happens, so it is to be asked at each of its events, of which the kernel's backend
 * has one each 5 s at least.  Endpoints are judged by tunnel_read_stats() before.
 */
int tunnel_find_drift(struct tunnel *tunnel, const struct tunnel_config *config, struct error *err);
/* For a person: "the private key, the peers". */
void tunnel_print_drift(unsigned int drift, struct text *text);

/* Borrowed; -1 where the backend has no process. */
int tunnel_events_fd(const struct tunnel *tunnel);
int tunnel_pidfd(const struct tunnel *tunnel);
pid_t tunnel_pid(const struct tunnel *tunnel);
/* Makes tunnel_events_fd() wait for the next event. */
void tunnel_take_event(const struct tunnel *tunnel);

/* Ends the data plane and waits for its end; the kernel's goes on, as long as its
 * link is there.  Accepts NULL.
 */
void tunnel_close(struct tunnel *tunnel);

/* ---- for backends ---- */

struct tunnel {
	const struct tunnel_backend *backend;
};

#endif
