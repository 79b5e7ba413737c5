#include "net/nftables.h"

#include "base/error.h"
#include "net/attr.h"
#include "net/nlsock.h"

#include <endian.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int nftables_open(struct nlsock **ret, struct error *err)
{
	return nlsock_open_protocol(NETLINK_NETFILTER, ret, err);
}

static struct nlmsghdr *begin(struct nlsock *sock, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *request = nlsock_begin(sock, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type),
						flags, sizeof(struct nfgenmsg));
	struct nfgenmsg *header = mnl_nlmsg_get_payload(request);

	header->nfgen_family = NFPROTO_INET;
	header->version = NFNETLINK_V0;
	return request;
}

/* What one kind of message is about, and what of it is not the table's doing. */
struct kind {
	uint16_t get;
	uint16_t answer;
	uint16_t table_attr; /* the table's name */
	uint16_t value_attr; /* changes by itself; 0: nothing does */
};

static const struct kind kinds[] = {
	{NFT_MSG_GETCHAIN, NFT_MSG_NEWCHAIN, NFTA_CHAIN_TABLE, NFTA_CHAIN_COUNTERS},
	{NFT_MSG_GETRULE, NFT_MSG_NEWRULE, NFTA_RULE_TABLE, 0},
	{NFT_MSG_GETSET, NFT_MSG_NEWSET, NFTA_SET_TABLE, 0},
	{NFT_MSG_GETOBJ, NFT_MSG_NEWOBJ, NFTA_OBJ_TABLE, NFTA_OBJ_DATA},
};

static const struct kind table_kind = {NFT_MSG_GETTABLE, NFT_MSG_NEWTABLE, NFTA_TABLE_NAME, 0};

/* A message of the kind about the table; the kernel lists all tables' of some kinds. */
static bool is_about(const struct nlmsghdr *message, const struct kind *kind, const char *table)
{
	const struct nfgenmsg *header = mnl_nlmsg_get_payload(message);
	struct attrs attrs;

	if (message->nlmsg_type != (NFNL_SUBSYS_NFTABLES << 8 | kind->answer) ||
	    mnl_nlmsg_get_payload_len(message) < sizeof(*header) ||
	    header->nfgen_family != NFPROTO_INET)
		return false;
	attrs = attrs_of_message(message, sizeof(*header));
	while (attrs_next(&attrs))
		if (mnl_attr_get_type(attrs.at) == kind->table_attr)
			return mnl_attr_validate(attrs.at, MNL_TYPE_NUL_STRING) == 0 &&
			       strcmp(mnl_attr_get_str(attrs.at), table) == 0;
	return false;
}

struct reading {
	const char *table;
	const struct kind *kind;
	struct nftables_image image;
	size_t size; /* of image.bytes */
};

static int append(struct reading *reading, const void *bytes, size_t len)
{
	struct nftables_image *image = &reading->image;

	if (image->len + len > NFTABLES_IMAGE_MAX)
		return -EFBIG;
	if (image->len + len > reading->size) {
		size_t size = 2 * (image->len + len);
		uint8_t *grown = realloc(image->bytes, size);

		if (!grown)
			return -ENOMEM;
		image->bytes = grown;
		reading->size = size;
	}
	memcpy(image->bytes + image->len, bytes, len);
	image->len += len;
	return 0;
}

static int keep(void *context, const struct nlmsghdr *message)
{
	struct reading *reading = context;
	struct attrs attrs;
	int r;

	if (!is_about(message, reading->kind, reading->table))
		return 0;
	r = append(reading, &message->nlmsg_type, sizeof(message->nlmsg_type));
	attrs = attrs_of_message(message, sizeof(struct nfgenmsg));
	while (r == 0 && attrs_next(&attrs)) {
		uint16_t type = mnl_attr_get_type(attrs.at);

		if (reading->kind->value_attr == 0 || type != reading->kind->value_attr)
			r = append(reading, attrs.at, attrs.at->nla_len);
	}
	return r;
}

/* Without the table the kernel knows, this one ends with -ENOENT. */
static int read_table(struct nlsock *sock, struct reading *reading, struct error *err)
{
	struct nlmsghdr *request = begin(sock, NFT_MSG_GETTABLE, 0);

	mnl_attr_put_strz(request, NFTA_TABLE_NAME, reading->table);
	reading->kind = &table_kind;
	return nlsock_exchange(sock, keep, reading, err);
}

static int read_contents(struct nlsock *sock, struct reading *reading, struct error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct nlmsghdr *request = begin(sock, kinds[i].get, NLM_F_DUMP);

		mnl_attr_put_strz(request, kinds[i].table_attr, reading->table);
		reading->kind = &kinds[i];
		r = nlsock_exchange(sock, keep, reading, err);
	}
	return r;
}

int nftables_read(struct nlsock *sock, const char *table, struct nftables_image *ret,
		  struct error *err)
{
	struct reading reading = {.table = table};
	int r = read_table(sock, &reading, err);

	if (r == 0)
		r = read_contents(sock, &reading, err);
	if (r < 0) {
		free(reading.image.bytes);
		(void)error_wrap(err, "cannot read table 'inet %s'", table);
		return r;
	}
	*ret = reading.image;
	return 0;
}

struct count {
	const char *table;
	nftables_each each;
	void *context;
};

static uint64_t read_u64(const struct nlattr *attr)
{
	uint64_t number = 0;

	if (mnl_attr_get_payload_len(attr) == sizeof(number))
		memcpy(&number, mnl_attr_get_payload(attr), sizeof(number));
	return be64toh(number);
}

static void read_values(const struct nlattr *data, struct nftables_counter *ret)
{
	struct attrs attrs = attrs_of_nest(data);

	while (attrs_next(&attrs)) {
		if (mnl_attr_get_type(attrs.at) == NFTA_COUNTER_PACKETS)
			ret->packets = read_u64(attrs.at);
		else if (mnl_attr_get_type(attrs.at) == NFTA_COUNTER_BYTES)
			ret->bytes = read_u64(attrs.at);
	}
}

static bool is_counter(const struct nlattr *attr)
{
	return mnl_attr_validate(attr, MNL_TYPE_U32) == 0 &&
	       be32toh(mnl_attr_get_u32(attr)) == NFT_OBJECT_COUNTER;
}

static int pass_on(void *context, const struct nlmsghdr *message)
{
	static const struct kind object = {NFT_MSG_GETOBJ, NFT_MSG_NEWOBJ, NFTA_OBJ_TABLE,
					   NFTA_OBJ_DATA};
	const struct count *count = context;
	struct nftables_counter counter = {0};
	struct attrs attrs;
	bool is_ours = false;

	if (!is_about(message, &object, count->table))
		return 0;
	attrs = attrs_of_message(message, sizeof(struct nfgenmsg));
	while (attrs_next(&attrs)) {
		uint16_t type = mnl_attr_get_type(attrs.at);

		if (type == NFTA_OBJ_TYPE)
			is_ours = is_counter(attrs.at);
		else if (type == NFTA_OBJ_NAME &&
			 mnl_attr_validate(attrs.at, MNL_TYPE_NUL_STRING) == 0)
			(void)snprintf(counter.name, sizeof(counter.name), "%s",
				       mnl_attr_get_str(attrs.at));
		else if (type == NFTA_OBJ_DATA)
			read_values(attrs.at, &counter);
	}
	return is_ours ? count->each(count->context, &counter) : 0;
}

int nftables_counters(struct nlsock *sock, const char *table, nftables_each each, void *context,
		      struct error *err)
{
	struct count count = {.table = table, .each = each, .context = context};
	struct nlmsghdr *request = begin(sock, NFT_MSG_GETOBJ, NLM_F_DUMP);
	int r;

	mnl_attr_put_strz(request, NFTA_OBJ_TABLE, table);
	r = nlsock_exchange(sock, pass_on, &count, err);
	if (r < 0)
		(void)error_wrap(err, "cannot read the counters of table 'inet %s'", table);
	return r;
}
