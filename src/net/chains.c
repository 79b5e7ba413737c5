#include "net/chains.h"

#include "base/error.h"
#include "net/attr.h"
#include "net/nlsock.h"

#include <endian.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>
#include <string.h>

static struct nlmsghdr *begin(struct nlsock *sock, uint16_t type, uint8_t family)
{
	struct nlmsghdr *request = nlsock_begin(sock, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type),
						NLM_F_DUMP, sizeof(struct nfgenmsg));
	struct nfgenmsg *header = mnl_nlmsg_get_payload(request);

	header->nfgen_family = family;
	header->version = NFNETLINK_V0;
	return request;
}

static bool is_of(const struct nlmsghdr *message, uint16_t type)
{
	return message->nlmsg_type == (NFNL_SUBSYS_NFTABLES << 8 | type) &&
	       mnl_nlmsg_get_payload_len(message) >= sizeof(struct nfgenmsg);
}

static void read_name(const struct nlattr *attr, char ret[CHAINS_NAME_LEN])
{
	if (mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) == 0)
		(void)snprintf(ret, CHAINS_NAME_LEN, "%s", mnl_attr_get_str(attr));
}

static uint32_t read_u32(const struct nlattr *attr)
{
	return mnl_attr_validate(attr, MNL_TYPE_U32) == 0 ? be32toh(mnl_attr_get_u32(attr)) : 0;
}

static void read_hook(const struct nlattr *nest, struct chain *ret)
{
	struct attrs attrs = attrs_of_nest(nest);

	ret->is_base = true;
	while (attrs_next(&attrs))
		if (mnl_attr_get_type(attrs.at) == NFTA_HOOK_HOOKNUM)
			ret->hook = read_u32(attrs.at);
}

struct dump {
	chains_each each;
	void *context;
};

static int pass_on(void *context, const struct nlmsghdr *message)
{
	const struct dump *dump = context;
	struct chain chain = {0};
	struct attrs attrs;

	if (!is_of(message, NFT_MSG_NEWCHAIN))
		return 0;
	chain.family = ((const struct nfgenmsg *)mnl_nlmsg_get_payload(message))->nfgen_family;
	attrs = attrs_of_message(message, sizeof(struct nfgenmsg));
	while (attrs_next(&attrs)) {
		uint16_t type = mnl_attr_get_type(attrs.at);

		if (type == NFTA_CHAIN_TABLE)
			read_name(attrs.at, chain.table);
		else if (type == NFTA_CHAIN_NAME)
			read_name(attrs.at, chain.name);
		else if (type == NFTA_CHAIN_HOOK)
			read_hook(attrs.at, &chain);
		else if (type == NFTA_CHAIN_POLICY)
			chain.drops = read_u32(attrs.at) == NF_DROP;
	}
	return dump->each(dump->context, &chain);
}

int chains_dump(struct nlsock *nftables, chains_each each, void *context, struct error *err)
{
	struct dump dump = {.each = each, .context = context};
	int r;

	(void)begin(nftables, NFT_MSG_GETCHAIN, NFPROTO_UNSPEC);
	r = nlsock_exchange(nftables, pass_on, &dump, err);
	if (r < 0)
		(void)error_wrap(err, "cannot list the chains of nftables");
	return r;
}

struct search {
	const char *table;
	const char *word;
	bool is_found;
};

/* The kernel lists the rules of all tables where it does not heed the table's name. */
static int look(void *context, const struct nlmsghdr *message)
{
	struct search *search = context;
	struct attrs attrs;
	char table[CHAINS_NAME_LEN] = "";

	if (!is_of(message, NFT_MSG_NEWRULE))
		return 0;
	attrs = attrs_of_message(message, sizeof(struct nfgenmsg));
	while (attrs_next(&attrs))
		if (mnl_attr_get_type(attrs.at) == NFTA_RULE_TABLE)
			read_name(attrs.at, table);
	if (strcmp(table, search->table) == 0 &&
	    memmem(mnl_nlmsg_get_payload(message), mnl_nlmsg_get_payload_len(message), search->word,
		   strlen(search->word)))
		search->is_found = true;
	return 0;
}

int chains_mention(struct nlsock *nftables, const struct chain *of, const char *word, bool *ret,
		   struct error *err)
{
	struct search search = {.table = of->table, .word = word};
	struct nlmsghdr *request = begin(nftables, NFT_MSG_GETRULE, of->family);
	int r;

	mnl_attr_put_strz(request, NFTA_RULE_TABLE, of->table);
	r = nlsock_exchange(nftables, look, &search, err);
	if (r < 0)
		return error_wrap(err, "cannot read the rules of table '%s'", of->table);
	*ret = search.is_found;
	return 0;
}
