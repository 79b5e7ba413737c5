/* The chains of all tables of nftables, whoever made them: for who wants to know what
 * else decides about packets.
 *
 * Source: linux/netfilter/nf_tables.h.
 */
#ifndef ADIT_NET_CHAINS_H
#define ADIT_NET_CHAINS_H

#include <stdbool.h>
#include <stdint.h>

struct error;
struct nlsock;

enum { CHAINS_NAME_LEN = 64 }; /* NUL included; longer ones are cut */

struct chain {
	uint8_t family; /* NFPROTO_* of linux/netfilter.h */
	char table[CHAINS_NAME_LEN];
	char name[CHAINS_NAME_LEN];
	bool is_base;  /* the kernel calls it, at `hook` */
	uint32_t hook; /* NF_INET_* */
	bool drops;    /* what no rule accepts */
};

/* A negative return ends the dump with it. */
typedef int (*chains_each)(void *context, const struct chain *chain);
/* By a handle of nftables_open(). */
int chains_dump(struct nlsock *nftables, chains_each each, void *context, struct error *err);

/* Whether a rule of a table has the word in it, the name of a link say. */
int chains_mention(struct nlsock *nftables, const struct chain *of, const char *word, bool *ret,
		   struct error *err);

#endif
