/* The firewall of a confined namespace, as nft(8) reads it: one text, applied
 * in one transaction, and shown byte for byte as it is applied.
 *
 * Everything is keyed by interface name, so the rules stand before the
 * interface does.  Source: nft(8); RFC 1122 section 3.2.1.3 (127/8), RFC 4291
 * section 2.5.3 (::1).
 */
#ifndef ADIT_PLAN_RULESET_H
#define ADIT_PLAN_RULESET_H

#include <stdbool.h>
#include <stddef.h>

struct error;
struct profile_accept;

enum {
	RULESET_TEXT_LEN = 32768, /* final NUL included */
	RULESET_NAME_LEN = 80,	  /* of a table, likewise */
	RULESET_BEGINNING_LEN = 256,
};

#define RULESET_TABLE "adit" /* of family inet, inside */

struct veth;

struct ruleset {
	const char *device; /* the tunnel, by name: it need not exist yet; "": only lo */
	/* Ports at which new flows from the tunnel are let in; borrowed. */
	const struct profile_accept *accept;
	size_t n_accepts;
	const struct veth *veth; /* borrowed; NULL: there is no link to the host */
};

/* Writes what the table says, for ruleset_beginning() to begin.  -EINVAL: the device's
 * name is not one that may stand in the text; -ENOSPC: `size` is too small.
 */
int ruleset_print(const struct ruleset *ruleset, char *ret, size_t size, struct error *err);

/* What stands before the table in the text that loads it.  Replaced, it never is
 * away, neither is it where there was none; not replaced, nft refuses it where there
 * is one already.  (Replacing costs 12 ms in the kernel, which a new namespace need
 * not wait for.)  Returns ret, as ruleset_removal() does.
 */
const char *ruleset_beginning(const char *table, bool is_replaced, char ret[RULESET_BEGINNING_LEN]);

/* The text that removes the table and succeeds also where there is none. */
const char *ruleset_removal(const char *table, char ret[RULESET_BEGINNING_LEN]);

/* What the table's counters count, for status. */
struct ruleset_counter {
	const char *name;    /* in the table */
	const char *meaning; /* a few words for a person */
};
#define RULESET_COUNTER_LOOPBACK6 "to_loopback_ipv6"
/* In the order in which they are to be shown; ends with a NULL name. */
extern const struct ruleset_counter ruleset_counters[];

#endif
