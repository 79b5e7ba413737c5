/* What the kernel says of a table of nftables.  It is changed by nft(8), nft.h.
 *
 * Source: linux/netfilter/nf_tables.h, linux/netfilter/nfnetlink.h.
 */
#ifndef ADIT_NET_NFTABLES_H
#define ADIT_NET_NFTABLES_H

#include <stddef.h>
#include <stdint.h>

struct error;
struct nlsock;

enum {
	NFTABLES_IMAGE_MAX = 1 << 18, /* bytes */
	NFTABLES_NAME_LEN = 64,	      /* NUL included; the kernel's names may be longer */
};

/* A handle in the caller's network namespace. */
int nftables_open(struct nlsock **ret, struct error *err);

/* All that the kernel says of one table: flags, chains, rules, sets and objects, each
 * with its number, but neither what counters count nor what stands in sets.  The
 * number of a table is never given again, so an image is equal to an earlier one
 * only where nobody has touched the table; the elements of a set without a name
 * cannot be touched.
 */
struct nftables_image {
	uint8_t *bytes; /* malloc()ed */
	size_t len;
};

/* Of family inet.  -ENOENT: there is none; -EINTR: it changed meanwhile, ask again;
 * -EFBIG: more than NFTABLES_IMAGE_MAX.
 */
int nftables_read(struct nlsock *sock, const char *table, struct nftables_image *ret,
		  struct error *err);

struct nftables_counter {
	char name[NFTABLES_NAME_LEN];
	uint64_t packets;
	uint64_t bytes; /* of IP packets */
};

/* A negative return ends the dump with it. */
typedef int (*nftables_each)(void *context, const struct nftables_counter *counter);
/* The named counters of one table of family inet; none where there is no table. */
int nftables_counters(struct nlsock *sock, const char *table, nftables_each each, void *context,
		      struct error *err);

#endif
