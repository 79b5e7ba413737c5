/* What there is in the caller's network namespace, as text to be compared:
 * links, addresses, every route, the firewall and some settings.
 */
#ifndef ADIT_TESTS_UNIT_APPLY_SNAPSHOT_H
#define ADIT_TESTS_UNIT_APPLY_SNAPSHOT_H

#include "base/text.h"
#include "net/ifaddr.h"
#include "net/link.h"
#include "net/nlsock.h"
#include "net/route.h"
#include "net/rule.h"
#include "net/sysctl.h"

#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <stdint.h>
#include <sys/socket.h>

enum { SNAPSHOT_LEN = 16384 };

struct snapshot {
	char bytes[SNAPSHOT_LEN];
	struct text text;
};

static inline int snapshot_link(void *context, const struct link_info *link)
{
	/* Not IFF_RUNNING and beyond, which say how a link fares. */
	text_add(context, "link %s %s flags %x mtu %u segs %u\n", link->name, link->kind,
		 link->flags & (IFF_UP | IFF_MULTICAST), link->mtu, link->gso_max_segs);
	return 0;
}

static inline int snapshot_address(void *context, const struct link_address *address)
{
	char prefix[PREFIX_TEXT_LEN];

	text_add(context, "address %s link %u\n", prefix_print(&address->address, prefix),
		 address->index);
	return 0;
}

static inline int snapshot_route(void *context, const struct route *route)
{
	char prefix[PREFIX_TEXT_LEN];

	text_add(context, "route type %d %s link %u metric %u table %u\n", (int)route->type,
		 prefix_print(&route->to, prefix), route->oif, route->metric, route->table);
	return 0;
}

static inline int snapshot_rule(void *context, const struct rule *rule)
{
	char from[PREFIX_TEXT_LEN] = "";
	char to[PREFIX_TEXT_LEN] = "";

	text_add(context, "rule %d %u from %s to %s iif %s oif %s mark %x/%x table %u\n",
		 rule->family, rule->priority,
		 rule->from.len ? prefix_print(&rule->from, from) : "all",
		 rule->to.len ? prefix_print(&rule->to, to) : "all", rule->iif, rule->oif,
		 rule->mark, rule->mark_mask, rule->table);
	return 0;
}

static inline void snapshot_settings(struct text *text)
{
	static const char *const paths[] = {
		"net/ipv4/conf/all/forwarding",		  "net/ipv4/conf/default/accept_redirects",
		"net/ipv4/conf/all/send_redirects",	  "net/ipv4/conf/default/route_localnet",
		"net/ipv6/conf/default/accept_ra",	  "net/ipv6/conf/default/autoconf",
		"net/ipv6/conf/default/accept_redirects", "net/ipv6/conf/default/addr_gen_mode",
	};

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		char value[64] = "absent";

		(void)sysctl_read(paths[i], value, sizeof(value), NULL);
		text_add(text, "%s = %s\n", paths[i], value);
	}
}

/* Tables, chains and rules as the kernel writes them, the generation apart. */
static inline int snapshot_object(void *context, const struct nlmsghdr *message)
{
	const unsigned char *bytes = (const unsigned char *)(message + 1);
	uint64_t hash = 14695981039346656037U; /* FNV-1a */

	for (size_t i = sizeof(struct nfgenmsg); i < message->nlmsg_len - sizeof(*message); i++)
		hash = (hash ^ bytes[i]) * 1099511628211U;
	text_add(context, "nftables %x %016llx\n", message->nlmsg_type, (unsigned long long)hash);
	return 0;
}

static inline void snapshot_firewall(struct text *text)
{
	static const uint16_t dumps[] = {NFT_MSG_GETTABLE, NFT_MSG_GETCHAIN, NFT_MSG_GETRULE};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	struct nlsock *sock = NULL;

	if (fd < 0 || nlsock_adopt(fd, &sock, NULL) < 0)
		return;
	for (size_t i = 0; i < sizeof(dumps) / sizeof(dumps[0]); i++) {
		(void)nlsock_begin(sock, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | dumps[i]),
				   NLM_F_DUMP, sizeof(struct nfgenmsg));
		(void)nlsock_exchange(sock, snapshot_object, text, NULL);
	}
	nlsock_close(sock);
}

static inline void snapshot_take(struct nlsock *sock, struct snapshot *ret)
{
	text_init(&ret->text, ret->bytes, sizeof(ret->bytes));
	(void)link_dump(sock, snapshot_link, &ret->text, NULL);
	(void)ifaddr_dump(sock, snapshot_address, &ret->text, NULL);
	(void)route_dump(sock, snapshot_route, &ret->text, NULL);
	(void)rule_dump(sock, AF_INET, snapshot_rule, &ret->text, NULL);
	(void)rule_dump(sock, AF_INET6, snapshot_rule, &ret->text, NULL);
	snapshot_settings(&ret->text);
	snapshot_firewall(&ret->text);
}

#endif
