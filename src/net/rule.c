#include "net/rule.h"

#include "base/error.h"
#include "net/attr.h"
#include "net/nlsock.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>

static void put_prefix(struct nlmsghdr *request, uint16_t type, const struct prefix *prefix)
{
	size_t len;
	const uint8_t *bytes;

	if (prefix->len == 0)
		return;
	bytes = address_bytes(&prefix->address, &len);
	mnl_attr_put(request, type, len, bytes);
}

static void put_name(struct nlmsghdr *request, uint16_t type, const char *name)
{
	if (name[0])
		mnl_attr_put_strz(request, type, name);
}

static int exchange(struct nlsock *sock, uint16_t type, uint16_t flags, const struct rule *rule,
		    struct error *err)
{
	struct nlmsghdr *request = nlsock_begin(sock, type, flags, sizeof(struct fib_rule_hdr));
	struct fib_rule_hdr *header = mnl_nlmsg_get_payload(request);

	header->family = (uint8_t)rule->family;
	header->action = rule->action ? rule->action : FR_ACT_TO_TBL;
	header->table = rule->table < 256 ? (uint8_t)rule->table : RT_TABLE_UNSPEC;
	header->src_len = rule->from.len;
	header->dst_len = rule->to.len;
	if (rule->table)
		mnl_attr_put_u32(request, FRA_TABLE, rule->table);
	mnl_attr_put_u32(request, FRA_PRIORITY, rule->priority);
	put_name(request, FRA_IIFNAME, rule->iif);
	put_name(request, FRA_OIFNAME, rule->oif);
	put_prefix(request, FRA_SRC, &rule->from);
	put_prefix(request, FRA_DST, &rule->to);
	if (rule->mark_mask) {
		mnl_attr_put_u32(request, FRA_FWMARK, rule->mark);
		mnl_attr_put_u32(request, FRA_FWMASK, rule->mark_mask);
	}
	return nlsock_exchange(sock, NULL, NULL, err);
}

int rule_add(struct nlsock *sock, const struct rule *rule, struct error *err)
{
	int r = exchange(sock, RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, rule, err);

	if (r < 0)
		(void)error_wrap(err, "cannot add the rule of priority %u", rule->priority);
	return r;
}

int rule_delete(struct nlsock *sock, const struct rule *rule, struct error *err)
{
	int r = exchange(sock, RTM_DELRULE, 0, rule, err);

	if (r < 0)
		(void)error_wrap(err, "cannot delete the rule of priority %u", rule->priority);
	return r;
}

static bool read_number(const struct nlattr *attr, uint32_t *ret)
{
	if (mnl_attr_validate(attr, MNL_TYPE_U32) < 0)
		return false;
	*ret = mnl_attr_get_u32(attr);
	return true;
}

static bool read_name(const struct nlattr *attr, char ret[IFNAMSIZ])
{
	if (mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) < 0)
		return false;
	(void)snprintf(ret, IFNAMSIZ, "%s", mnl_attr_get_str(attr));
	return true;
}

/* Says nothing: there for its default value, or about who made the rule. */
static bool is_idle(const struct nlattr *attr)
{
	uint32_t number = 0;

	switch (mnl_attr_get_type(attr)) {
	case FRA_SUPPRESS_PREFIXLEN:
	case FRA_SUPPRESS_IFGROUP:
		return read_number(attr, &number) && number == UINT32_MAX;
	case FRA_PROTOCOL:
	case FRA_PAD:
		return true;
	}
	return false;
}

static bool read_attribute(const struct nlattr *attr, struct rule *ret)
{
	switch (mnl_attr_get_type(attr)) {
	case FRA_TABLE:
		return read_number(attr, &ret->table);
	case FRA_PRIORITY:
		return read_number(attr, &ret->priority);
	case FRA_FWMARK:
		return read_number(attr, &ret->mark);
	case FRA_FWMASK:
		return read_number(attr, &ret->mark_mask);
	case FRA_IIFNAME:
		return read_name(attr, ret->iif);
	case FRA_OIFNAME:
		return read_name(attr, ret->oif);
	case FRA_SRC:
		return attr_address(attr, ret->family, &ret->from.address);
	case FRA_DST:
		return attr_address(attr, ret->family, &ret->to.address);
	}
	ret->has_more = ret->has_more || !is_idle(attr);
	return true;
}

/* ::ffff:a.b.c.d of IPv6: not one that we could name.  Anything else as it is. */
static void forget_unnameable(struct rule *rule, struct prefix *prefix)
{
	if (prefix->len == 0 || (address_family(&prefix->address) == rule->family &&
				 prefix->len <= prefix_full_len(&prefix->address)))
		return;
	*prefix = (struct prefix){0};
	rule->has_more = true;
}

static int parse(const struct nlmsghdr *message, struct rule *ret)
{
	const struct fib_rule_hdr *header = mnl_nlmsg_get_payload(message);
	struct attrs attrs;

	if (message->nlmsg_type != RTM_NEWRULE ||
	    mnl_nlmsg_get_payload_len(message) < sizeof(*header) ||
	    (header->family != AF_INET && header->family != AF_INET6))
		return -EBADMSG;
	*ret = (struct rule){
		.family = header->family,
		.action = header->action,
		.table = header->table,
		.from = {.len = header->src_len},
		.to = {.len = header->dst_len},
		.has_more = header->tos != 0 || (header->flags & FIB_RULE_INVERT) != 0,
	};
	attrs = attrs_of_message(message, sizeof(*header));
	while (attrs_next(&attrs))
		if (!read_attribute(attrs.at, ret))
			return -EBADMSG;
	forget_unnameable(ret, &ret->from);
	forget_unnameable(ret, &ret->to);
	return 0;
}

struct dump {
	rule_each each;
	void *context;
};

static int pass_on(void *context, const struct nlmsghdr *message)
{
	const struct dump *dump = context;
	struct rule rule;
	int r = parse(message, &rule);

	return r < 0 ? r : dump->each(dump->context, &rule);
}

int rule_dump(struct nlsock *sock, int family, rule_each each, void *context, struct error *err)
{
	struct dump dump = {.each = each, .context = context};
	struct nlmsghdr *request =
		nlsock_begin(sock, RTM_GETRULE, NLM_F_DUMP, sizeof(struct fib_rule_hdr));
	struct fib_rule_hdr *header = mnl_nlmsg_get_payload(request);
	int r;

	header->family = (uint8_t)family;
	r = nlsock_exchange(sock, pass_on, &dump, err);
	if (r < 0)
		(void)error_wrap(err, "cannot list the rules of routing");
	return r;
}
