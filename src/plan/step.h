/* A plan is a list of steps; a step is plain data.
 *
 * It holds no pointers, no descriptors and no secrets, so the same data is
 * printed, compared with what the kernel reports, and carried out or undone.
 * What a step does is in apply/, by its kind.  Steps are made zeroed.
 */
#ifndef ADIT_PLAN_STEP_H
#define ADIT_PLAN_STEP_H

#include "base/address.h"

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

enum {
	STEP_SYSCTL_PATH_LEN = 96,  /* NUL included */
	STEP_SYSCTL_VALUE_LEN = 32, /* NUL included */
	STEP_LINK_KIND_LEN = 16,    /* NUL included */
};

/* Whose network namespace a step changes. */
enum step_side {
	SIDE_INSIDE, /* the confined one */
	SIDE_HOST,   /* the one that the tunnel's own packets go by */
	SIDES
};

enum step_kind {
	STEP_FIREWALL_LOAD,
	STEP_SYSCTL_SET,
	STEP_RULE_ADD,
	STEP_LINK_UP,
	STEP_LINK_CREATE,
	STEP_VETH_CREATE,
	STEP_TUN_CREATE,
	STEP_WIREGUARD_CREATE,
	STEP_LINK_ALTER,
	STEP_ADDRESS_ADD,
	STEP_ROUTE_ADD,
	STEP_KINDS
};

/* The side's table, whose text is plan.ruleset[side]. */
struct step_firewall {
	/* There may be a table, which the text replaces in the same transaction;
	 * false: there is none, and loading is refused where there is.
	 */
	bool is_replaced;
	bool is_changed; /* found only: what stands is not what was loaded last */
};

struct step_sysctl {
	char path[STEP_SYSCTL_PATH_LEN]; /* below /proc/sys: "net/ipv4/ip_forward" */
	char value[STEP_SYSCTL_VALUE_LEN];
	/* What undo writes; "": undo leaves the value, which goes with its namespace. */
	char restore[STEP_SYSCTL_VALUE_LEN];
	/* Not of a link or a namespace of adit's: it is given back when nobody needs it
	 * any more, by whoever keeps the ledger of them.
	 */
	bool is_borrowed;
};

/* A policy routing rule: the kernel's own, or found. */
struct step_rule {
	uint8_t family; /* AF_INET or AF_INET6 */
	uint8_t action; /* FR_ACT_* of linux/fib_rules.h */
	uint32_t priority;
	uint32_t table;
	struct prefix from; /* len 0: any, and the address is zeroes */
	struct prefix to;
	char iif[IFNAMSIZ]; /* "": any */
	char oif[IFNAMSIZ];
	uint32_t mark;
	uint32_t mark_mask;
	bool has_more; /* it says more than is kept here, so it cannot be made again */
};

struct step_link {
	char name[IFNAMSIZ];
};

/* A virtual link that needs no more than its kind, or one found in the tunnel's place. */
struct step_link_create {
	char name[IFNAMSIZ];
	char kind[STEP_LINK_KIND_LEN]; /* "dummy"; "": hardware, found only */
};

/* A veth, one end on the host and the other inside. */
struct step_veth {
	char name[IFNAMSIZ];	/* on the host */
	char peer[IFNAMSIZ];	/* inside; found: "" when it is called otherwise */
	char renamed[IFNAMSIZ]; /* found only: what somebody called the host's end; "": by its name
				 */
};

/* The tunnel: of STEP_TUN_CREATE and STEP_WIREGUARD_CREATE.  The latter is asked
 * for from the host's side, where its UDP socket stays, and comes to be inside.
 */
struct step_tun {
	char name[IFNAMSIZ];
	uint32_t mtu; /* bytes of inner IP packet */
	/* Most segments of one packet that the kernel hands over unsegmented;
	 * 0: as many as it likes.
	 */
	uint32_t gso_max_segs;
	char renamed[IFNAMSIZ]; /* found only: what somebody called it; "": by its name */
};

/* From what the tunnel is to what it should be; nothing else of it changes. */
struct step_alter {
	struct step_tun from;
	struct step_tun to; /* is called to.name */
};

struct step_address {
	char link[IFNAMSIZ];
	struct prefix address; /* host bits kept; makes no route of its own, except on lo */
	bool is_deaf;	       /* found only: the kernel's own route to it is gone */
};

enum step_way {
	WAY_UNREACHABLE, /* an error at once for whoever sends there */
	WAY_LINK,
	/* these are found, not planned */
	WAY_LOCAL, /* to this namespace itself, whatever the address */
	WAY_BLACKHOLE,
	WAY_PROHIBIT,
	WAY_THROW,
	WAY_SEVERAL, /* by several links or a nexthop object: cannot be made again */
	WAYS
};

struct step_route {
	enum step_way way;
	char link[IFNAMSIZ]; /* WAY_LINK, WAY_LOCAL; "" otherwise */
	struct prefix to;    /* host bits cleared */
	uint32_t metric;     /* smaller wins; 0: the family's default */
	/* what follows is found, not planned */
	uint32_t table; /* 0: main */
	uint8_t tos;
	bool has_gateway;
	struct address gateway;
	struct prefix from; /* IPv6: for these sources only; len 0: for all */
};

struct step {
	enum step_kind kind;
	enum step_side side;
	bool is_removal; /* apply undoes what the rest says; undo does it */
	union {
		struct step_firewall firewall;
		struct step_sysctl sysctl;
		struct step_rule rule;
		struct step_link link;
		struct step_link_create create;
		struct step_veth veth;
		struct step_tun tun;
		struct step_alter alter;
		struct step_address address;
		struct step_route route;
	};
};

/* For whoever makes steps: a link's name in one; "net/FAMILY/conf/LINK/SETTING"; a setting. */
void step_write_name(char ret[IFNAMSIZ], const char *name);
void step_write_path(char ret[STEP_SYSCTL_PATH_LEN], const char *family, const char *link,
		     const char *setting);
void step_write_sysctl(struct step *ret, const char *path, const char *value);

/* A total order of what steps make: side, kind, then what identifies it, then all
 * else that a plan and a finding must agree on.  sysctl.restore and is_borrowed,
 * is_removal and firewall.is_replaced do not count.
 */
int step_compare(const struct step *a, const struct step *b);

/* Both are about the same object: the same setting, link, address, table. */
bool step_is_same_object(const struct step *a, const struct step *b);

/* The link that the step makes, changes, or leads by; "": none. */
const char *step_link_name(const struct step *step);

#endif
