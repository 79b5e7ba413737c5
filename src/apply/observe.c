#include "apply/observe.h"

#include "base/fd.h"
#include "net/nftables.h"
#include "net/route.h"
#include "plan/ruleset.h"

#include <errno.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Whether the kernel speaks it (boot parameter ipv6.disable).  That the host's own
 * links have it disabled says nothing of those in a new namespace, which begins
 * with the kernel's defaults (net.core.devconf_inherit_init_net).
 */
static bool has_ipv6(void)
{
	return access("/proc/sys/net/ipv6", F_OK) == 0 || errno != ENOENT;
}

/* Root's namespaces are for everybody.  The map is the one that the namespace's owner
 * has or will have: every id of ours to itself.
 */
static gid_t last_ping_gid(void)
{
	const unsigned long long most = INT32_MAX; /* icmp(7), ping_group_range */
	unsigned long long first;
	unsigned long long count;
	unsigned long long last;
	char map[256];

	if (geteuid() != 0 || fd_read_file("/proc/self/gid_map", map, sizeof(map)) < 0 ||
	    sscanf(map, " %llu %*u %llu", &first, &count) != 2 || first > getgid())
		return 0;
	last = first + count - 1;
	return (gid_t)(last < most ? last : most);
}

struct plan_environment observe_environment(struct nlsock *sock, const union endpoint *endpoint,
					    uint32_t mark)
{
	struct plan_environment environment = {
		.ping_gid = getgid(),
		.ping_gid_last = last_ping_gid(),
		.has_ipv6 = has_ipv6(),
	};
	struct route_path path;

	if (endpoint_is_set(endpoint) && route_get(sock, endpoint, mark, &path, NULL) == 0)
		environment.path_mtu = path.mtu;
	return environment;
}

struct counting {
	struct observed_counter *counter;
	int n_counters;
};

static int keep_counter(void *context, const struct nftables_counter *counter)
{
	struct counting *counting = context;

	for (int i = 0; i < counting->n_counters; i++) {
		struct observed_counter *known = &counting->counter[i];

		if (strcmp(known->name, counter->name) != 0)
			continue;
		known->packets = counter->packets;
		known->bytes = counter->bytes;
	}
	return 0;
}

/* Of /proc/net/dev_snmp6/DEVICE, whose lines are a name, space and a number.  The
 * same by rtnetlink has no names, and Linux has changed the order of the numbers.
 */
static uint64_t read_header_errors(const char *device)
{
	char path[sizeof("/proc/self/net/dev_snmp6/") + IFNAMSIZ];
	char line[128];
	unsigned long long n = 0;
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/self/net/dev_snmp6/%s", device);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "Ip6InHdrErrors %llu", &n) == 1)
			break;
	if (file)
		(void)fclose(file);
	return n;
}

static void add_header_errors(struct counting *counting, const char *device)
{
	for (int i = 0; i < counting->n_counters; i++)
		if (strcmp(counting->counter[i].name, RULESET_COUNTER_LOOPBACK6) == 0)
			counting->counter[i].packets += read_header_errors(device);
}

int observe_counters(struct nlsock *nftables, const char *device,
		     struct observed_counter ret[OBSERVE_COUNTERS_MAX], struct error *err)
{
	struct counting counting = {.counter = ret};
	int r;

	for (int i = 0; i < OBSERVE_COUNTERS_MAX && ruleset_counters[i].name; i++)
		ret[counting.n_counters++] = (struct observed_counter){
			.name = ruleset_counters[i].name,
			.meaning = ruleset_counters[i].meaning,
		};
	r = nftables_counters(nftables, RULESET_TABLE, keep_counter, &counting, err);
	if (r < 0)
		return r;
	if (device)
		add_header_errors(&counting, device);
	return counting.n_counters;
}
