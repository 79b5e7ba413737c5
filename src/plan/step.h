/* A plan is a list of steps; a step is plain data.
 *
 * It holds no pointers, no descriptors and no secrets, so the same data is
 * printed, compared with what the kernel reports, and carried out or undone.
 * What a step does is in apply/, by its kind.
 */
#ifndef ADIT_PLAN_STEP_H
#define ADIT_PLAN_STEP_H

#include "base/address.h"

#include <net/if.h>
#include <stdint.h>

enum {
	STEP_SYSCTL_PATH_LEN = 96,  /* NUL included */
	STEP_SYSCTL_VALUE_LEN = 32, /* NUL included */
};

enum step_kind {
	STEP_FIREWALL_LOAD,
	STEP_SYSCTL_SET,
	STEP_LINK_UP,
	STEP_TUN_CREATE,
	STEP_ADDRESS_ADD,
	STEP_ROUTE_ADD,
	STEP_KINDS
};

/* The table `inet adit` of the confined namespace; its text is ruleset_print()'s. */
struct step_firewall {
	char device[IFNAMSIZ]; /* the tunnel, by name: it need not exist yet */
};

struct step_sysctl {
	char path[STEP_SYSCTL_PATH_LEN]; /* below /proc/sys: "net/ipv4/ip_forward" */
	char value[STEP_SYSCTL_VALUE_LEN];
	/* What undo writes; "": undo leaves the value, which goes with its namespace. */
	char restore[STEP_SYSCTL_VALUE_LEN];
};

struct step_link {
	char name[IFNAMSIZ];
};

struct step_tun {
	char name[IFNAMSIZ];
	uint32_t mtu; /* bytes of inner IP packet */
	/* Most segments of one packet that the kernel hands over unsegmented;
	 * 0: as many as it likes.
	 */
	uint32_t gso_max_segs;
};

struct step_address {
	char link[IFNAMSIZ];
	struct prefix address; /* host bits kept; makes no route of its own */
};

struct step_route {
	char link[IFNAMSIZ]; /* "": unreachable, an error at once for whoever sends there */
	struct prefix to;    /* host bits cleared */
	uint32_t metric;     /* smaller wins; 0: the family's default */
};

struct step {
	enum step_kind kind;
	union {
		struct step_firewall firewall;
		struct step_sysctl sysctl;
		struct step_link link;
		struct step_tun tun;
		struct step_address address;
		struct step_route route;
	};
};

#endif
