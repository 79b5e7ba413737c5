/* How it works.  rtnetlink tells of each change by itself.  nftables tells of all
 * changes of a transaction, table by table, and then, in NFT_MSG_NEWGEN, who did it;
 * a transaction that leaves our table alone is nobody's concern.
 *
 * A port is looked up in /proc: the process must be in the namespace, and the last
 * number of its line NSpid, its id as it knows it itself, must be the port's.  A
 * second socket of one process has a port that is no id at all (netlink_autobind()),
 * above all of these.
 */
#include "net/drift.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "net/attr.h"
#include "net/netns.h"

#include <ctype.h>
#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum {
	PID_MAX = 4194304,	/* PID_MAX_LIMIT of linux/threads.h */
	BUFFER_LEN = 32768,	/* bytes of a datagram; the kernel's are of 16 KiB at most */
	ROOM_LEN = 1024 * 1024, /* bytes that may wait, where we may ask for that */
	TABLE_ATTR = 1,		/* NFTA_TABLE_NAME, NFTA_RULE_TABLE and so on: all the same */
	STATUS_LEN = 4096,	/* bytes of /proc/PID/status that are read */
};

static const int route_groups[] = {
	RTNLGRP_LINK,	    RTNLGRP_IPV4_IFADDR,  RTNLGRP_IPV6_IFADDR,
	RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE,	  RTNLGRP_IPV4_RULE,
	RTNLGRP_IPV6_RULE,  RTNLGRP_IPV4_NETCONF, RTNLGRP_IPV6_NETCONF,
};

static const int nftables_groups[] = {NFNLGRP_NFTABLES};

static int open_socket(int protocol, const int *groups, size_t n_groups, int *ret_fd)
{
	AUTO_FD int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
	struct sockaddr_nl address = {.nl_family = AF_NETLINK};
	int room = ROOM_LEN;

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) < 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	for (size_t i = 0; i < n_groups; i++)
		if (setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &groups[i],
			       sizeof(groups[i])) < 0)
			return -errno;
	*ret_fd = take_fd(&fd);
	return 0;
}

int drift_open(const char *table, struct drift *ret, struct error *err)
{
	struct drift drift = {.route = -1, .nftables = -1, .table = table};
	int r = open_socket(NETLINK_ROUTE, route_groups,
			    sizeof(route_groups) / sizeof(route_groups[0]), &drift.route);

	if (r == 0)
		r = open_socket(NETLINK_NETFILTER, nftables_groups, 1, &drift.nftables);
	if (r < 0) {
		drift_close(&drift);
		return error_errno(err, -r, "cannot watch the network namespace");
	}
	*ret = drift;
	return 0;
}

void drift_close(struct drift *drift)
{
	if (drift->route >= 0)
		(void)close(drift->route);
	if (drift->nftables >= 0)
		(void)close(drift->nftables);
	drift->route = -1;
	drift->nftables = -1;
}

static bool is_own(const struct drift_own *own, const struct drift_actor *actor)
{
	for (size_t i = 0; i < own->n_ports; i++)
		if (actor->port != 0 && own->port[i] == actor->port)
			return true;
	for (size_t i = 0; i < own->n_pids; i++)
		if (actor->pid != 0 && own->pid[i] == actor->pid)
			return true;
	return false;
}

static void add_actor(struct drift_report *report, const struct drift_actor *actor)
{
	if (actor->port == 0 && actor->pid == 0)
		return;
	for (size_t i = 0; i < report->n_actors; i++)
		if (report->actor[i].port == actor->port && report->actor[i].pid == actor->pid)
			return;
	if (report->n_actors < DRIFT_ACTORS_MAX)
		report->actor[report->n_actors++] = *actor;
}

static void note(struct drift_report *report, const struct drift_own *own, unsigned int changed,
		 const struct drift_actor *actor)
{
	if (changed == 0 || is_own(own, actor))
		return;
	report->changed |= changed;
	add_actor(report, actor);
}

static unsigned int class_of(uint16_t type)
{
	switch (type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		return DRIFT_LINKS;
	case RTM_NEWADDR:
	case RTM_DELADDR:
		return DRIFT_ADDRESSES;
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		return DRIFT_ROUTES;
	case RTM_NEWRULE:
	case RTM_DELRULE:
		return DRIFT_RULES;
	case RTM_NEWNETCONF:
	case RTM_DELNETCONF:
		return DRIFT_SETTINGS;
	}
	return 0;
}

static void read_route(struct drift *drift, const struct nlmsghdr *message,
		       const struct drift_own *own, struct drift_report *report)
{
	const struct drift_actor actor = {.port = message->nlmsg_pid};

	(void)drift;
	note(report, own, class_of(message->nlmsg_type), &actor);
}

static bool is_of_table(const struct nlmsghdr *message, const char *table)
{
	const struct nfgenmsg *header = mnl_nlmsg_get_payload(message);
	struct attrs attrs = attrs_of_message(message, sizeof(*header));

	if (header->nfgen_family != NFPROTO_INET)
		return false;
	while (attrs_next(&attrs))
		if (mnl_attr_get_type(attrs.at) == TABLE_ATTR)
			return mnl_attr_validate(attrs.at, MNL_TYPE_NUL_STRING) == 0 &&
			       strcmp(mnl_attr_get_str(attrs.at), table) == 0;
	return false;
}

/* Who ended the transaction. */
static struct drift_actor actor_of(const struct nlmsghdr *message)
{
	struct attrs attrs = attrs_of_message(message, sizeof(struct nfgenmsg));
	struct drift_actor actor = {.port = message->nlmsg_pid};

	while (attrs_next(&attrs)) {
		uint16_t type = mnl_attr_get_type(attrs.at);

		if (type == NFTA_GEN_PROC_PID && mnl_attr_validate(attrs.at, MNL_TYPE_U32) == 0)
			actor.pid = (pid_t)be32toh(mnl_attr_get_u32(attrs.at));
		else if (type == NFTA_GEN_PROC_NAME &&
			 mnl_attr_validate(attrs.at, MNL_TYPE_NUL_STRING) == 0)
			(void)snprintf(actor.name, sizeof(actor.name), "%s",
				       mnl_attr_get_str(attrs.at));
	}
	return actor;
}

static void read_nftables(struct drift *drift, const struct nlmsghdr *message,
			  const struct drift_own *own, struct drift_report *report)
{
	struct drift_actor actor;

	if (mnl_nlmsg_get_payload_len(message) < sizeof(struct nfgenmsg))
		return;
	if (message->nlmsg_type != (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWGEN)) {
		drift->is_table_harmed =
			drift->is_table_harmed || is_of_table(message, drift->table);
		return;
	}
	actor = actor_of(message);
	note(report, own, drift->is_table_harmed ? DRIFT_FIREWALL : 0, &actor);
	drift->is_table_harmed = false;
}

typedef void (*read_message)(struct drift *drift, const struct nlmsghdr *message,
			     const struct drift_own *own, struct drift_report *report);

static void read_datagram(struct drift *drift, const char *bytes, size_t len,
			  const struct drift_own *own, struct drift_report *report,
			  read_message each)
{
	const struct nlmsghdr *message;

	for (size_t at = 0; at < len; at += attrs_align(message->nlmsg_len)) {
		message = attr_message(bytes + at, len - at);
		if (!message)
			return;
		each(drift, message, own, report);
	}
}

static void overrun(struct drift_report *report)
{
	report->is_overrun = true;
	report->changed = DRIFT_EVERYTHING;
}

static void read_socket(struct drift *drift, int fd, const struct drift_own *own,
			struct drift_report *report, read_message each)
{
	char bytes[BUFFER_LEN] __attribute__((aligned(NLMSG_ALIGNTO)));

	for (unsigned int i = 0; i < DRIFT_DATAGRAMS_MAX; i++) {
		struct sockaddr_nl from = {0};
		socklen_t from_len = sizeof(from);
		ssize_t n = recvfrom(fd, bytes, sizeof(bytes), MSG_TRUNC, (struct sockaddr *)&from,
				     &from_len);

		if (n < 0 && errno == EINTR)
			continue;
		if ((n < 0 && errno == ENOBUFS) || n > (ssize_t)sizeof(bytes))
			overrun(report);
		else if (n <= 0)
			return;
		else if (from.nl_pid == 0) /* the kernel's own */
			read_datagram(drift, bytes, (size_t)n, own, report, each);
	}
	report->is_cut = true;
}

void drift_read(struct drift *drift, const struct drift_own *own, struct drift_report *ret)
{
	*ret = (struct drift_report){0};
	read_socket(drift, drift->route, own, ret, read_route);
	read_socket(drift, drift->nftables, own, ret, read_nftables);
}

static bool is_in(int netns, pid_t pid)
{
	AUTO_FD int theirs = -1;

	return netns_open_process(pid, &theirs, NULL) == 0 && netns_is_same(netns, theirs);
}

/* The text behind `key` in /proc/PID/status, up to the end of its line; NULL: none. */
static const char *find_field(char *status, const char *key)
{
	char *at = strstr(status, key);
	char *end;

	if (!at)
		return NULL;
	at += strlen(key);
	end = strchr(at, '\n');
	if (!end)
		return NULL;
	*end = '\0';
	return at;
}

static bool read_status(pid_t pid, char ret[STATUS_LEN])
{
	char path[sizeof("/proc/2147483647/status")];
	AUTO_FD int fd = -1;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, ret, STATUS_LEN - 1);
	ret[n > 0 ? n : 0] = '\0';
	return n > 0;
}

/* The number by which the process knows itself is the port's. */
static bool has_port(char *status, uint32_t port)
{
	const char *ids = find_field(status, "\nNSpid:");
	const char *last = ids ? strrchr(ids, '\t') : NULL;

	return last && strtoul(last, NULL, 10) == port;
}

/* It is the process of the port, and in the namespace. */
static bool is_process(int netns, pid_t pid, struct drift_actor *actor)
{
	char status[STATUS_LEN];
	char name[STATUS_LEN];
	const char *found;

	if (!read_status(pid, status))
		return false;
	memcpy(name, status, sizeof(name));
	found = find_field(name, "Name:\t");
	if (!found || !has_port(status, actor->port) || !is_in(netns, pid))
		return false;
	actor->pid = pid;
	(void)snprintf(actor->name, sizeof(actor->name), "%.*s", DRIFT_NAME_LEN - 1, found);
	return true;
}

bool drift_identify(int netns, struct drift_actor *actor)
{
	bool is_found;
	DIR *processes;

	if (actor->port == 0 || actor->port > PID_MAX)
		return false;
	if (is_process(netns, (pid_t)actor->port, actor))
		return true;
	processes = opendir("/proc");
	is_found = false;
	while (processes && !is_found) {
		const struct dirent *entry = readdir(processes);

		if (!entry)
			break;
		if (isdigit((unsigned char)entry->d_name[0]))
			is_found = is_process(netns, (pid_t)strtol(entry->d_name, NULL, 10), actor);
	}
	if (processes)
		(void)closedir(processes);
	return is_found;
}
