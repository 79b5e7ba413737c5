#include "net/legacy.h"

#include "base/cleanup.h"

#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>

enum { TABLE_MAX = 1 << 24 }; /* bytes; more is not read */

static const char filter[] = "filter";

/* The two families' structures differ in where an entry has its target. */
static const struct {
	const char *names;
	int domain;
	int level;
	size_t target_offset; /* of the field that has it, from the entry's beginning */
} families[LEGACY_FAMILIES] = {
	[LEGACY_IPV4] = {"/proc/self/net/ip_tables_names", AF_INET, IPPROTO_IP,
			 offsetof(struct ipt_entry, target_offset)},
	[LEGACY_IPV6] = {"/proc/self/net/ip6_tables_names", AF_INET6, IPPROTO_IPV6,
			 offsetof(struct ip6t_entry, target_offset)},
};
_Static_assert(sizeof(struct ipt_getinfo) == sizeof(struct ip6t_getinfo), "one for both");
_Static_assert(offsetof(struct ipt_get_entries, entrytable) ==
		       offsetof(struct ip6t_get_entries, entrytable),
	       "one for both");

static bool has_table(enum legacy_family family)
{
	FILE *names = fopen(families[family].names, "re");
	char line[XT_TABLE_MAXNAMELEN + 2];
	bool is_there = false;

	while (names && !is_there && fgets(line, sizeof(line), names)) {
		line[strcspn(line, "\n")] = '\0';
		is_there = strcmp(line, filter) == 0;
	}
	if (names)
		(void)fclose(names);
	return is_there;
}

/* The last rule of a chain is its policy. */
static bool is_drop(enum legacy_family family, const uint8_t *entries, size_t size, size_t at)
{
	struct xt_standard_target target;
	uint16_t offset;

	if (size < at || size - at < families[family].target_offset + sizeof(offset))
		return false;
	memcpy(&offset, entries + at + families[family].target_offset, sizeof(offset));
	if (size - at < offset + sizeof(target))
		return false;
	memcpy(&target, entries + at + offset, sizeof(target));
	return target.target.u.user.name[0] == '\0' && target.verdict == -NF_DROP - 1;
}

static bool has_text(const uint8_t *entries, size_t size, const char *text)
{
	return memmem(entries, size, text, strlen(text) + 1) != NULL;
}

static int read_entries(enum legacy_family family, int socket, const struct ipt_getinfo *info,
			const char *link, struct legacy *ret)
{
	socklen_t len = (socklen_t)(sizeof(struct ipt_get_entries) + info->size);
	AUTO_FREE struct ipt_get_entries *entries = calloc(1, len);
	const uint8_t *first;

	if (!entries)
		return -ENOMEM;
	(void)snprintf(entries->name, sizeof(entries->name), "%s", filter);
	entries->size = info->size;
	if (getsockopt(socket, families[family].level, IPT_SO_GET_ENTRIES, entries, &len) < 0)
		return -errno;
	first = (const uint8_t *)entries->entrytable;
	*ret = (struct legacy){
		.drops = is_drop(family, first, info->size, info->underflow[NF_INET_FORWARD]),
		.is_named = has_text(first, info->size, link),
		.has_docker = has_text(first, info->size, "DOCKER-USER"),
	};
	return 0;
}

int legacy_look(enum legacy_family family, const char *link, struct legacy *ret)
{
	struct ipt_getinfo info = {0};
	socklen_t len = sizeof(info);
	AUTO_FD int sock = -1;

	if (!has_table(family))
		return -ENOENT;
	sock = socket(families[family].domain, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (sock < 0)
		return -errno;
	(void)snprintf(info.name, sizeof(info.name), "%s", filter);
	if (getsockopt(sock, families[family].level, IPT_SO_GET_INFO, &info, &len) < 0)
		return -errno;
	if (info.size > TABLE_MAX)
		return -EFBIG;
	return read_entries(family, sock, &info, link, ret);
}
