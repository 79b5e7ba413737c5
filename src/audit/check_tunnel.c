#include "audit/check_tunnel.h"

#include "audit/finding.h"

#include <stdio.h>

static const struct finding broken = {
	.promises = 1U << PROMISE_ONLY_TUNNEL,
	.verdict = VERDICT_BROKEN,
};
static const struct finding unknown = {
	.promises = 1U << PROMISE_ONLY_TUNNEL,
	.verdict = VERDICT_UNKNOWN,
};

static void judge_sockets(const struct check_tunnel *seen, struct finding_list *findings)
{
	struct finding finding = broken;

	finding.pid = seen->data_plane;
	(void)snprintf(finding.name, sizeof(finding.name), "adit-dataplane");
	if (seen->sockets.n_inside > 0)
		finding_add(findings, &finding,
			    "the tunnel's own socket is inside (descriptor %d): what it encrypts "
			    "does not go by the host's network",
			    seen->sockets.inside_fd);
}

/* Somebody inside may have a socket at that port, too, for whatever reason. */
static void judge_port(const struct check_tunnel *seen, struct finding_list *findings)
{
	if (seen->n_at_port == 0)
		finding_add(findings, &broken,
			    "the tunnel's own socket, at UDP port %u, is not in the host's "
			    "network%s",
			    seen->port,
			    seen->n_at_port_inside > 0 ? "; one inside has the port" : "");
	else if (seen->n_at_port_inside > 0)
		finding_add(findings, &unknown,
			    "of the sockets at UDP port %u, one is inside: it may be the tunnel's",
			    seen->port);
}

void check_tunnel(const struct check_tunnel *seen, struct finding_list *findings)
{
	if (seen->data_plane > 0 && seen->has_sockets)
		judge_sockets(seen, findings);
	else if (seen->port != 0)
		judge_port(seen, findings);
	else if (seen->is_kernels)
		finding_add(findings, &unknown,
			    "the supervisor does not answer: where the tunnel's own socket is "
			    "is not known");
}

/* A heading, then "  N: ADDRESS:PORT ..." in hexadecimal. */
static size_t count_in(const char *path, uint16_t port)
{
	FILE *table = fopen(path, "re");
	char line[512];
	unsigned int found;
	size_t n = 0;

	while (table && fgets(line, sizeof(line), table))
		if (sscanf(line, " %*u: %*[0-9A-F]:%4x", &found) == 1 && found == port)
			n++;
	if (table)
		(void)fclose(table);
	return n;
}

size_t check_tunnel_count(uint16_t port)
{
	return count_in("/proc/self/net/udp", port) + count_in("/proc/self/net/udp6", port);
}
