#include "supervise/bystanders.h"

#include "base/error.h"
#include "base/log.h"
#include "config/profile.h"
#include "net/chains.h"
#include "net/legacy.h"
#include "net/nftables.h"
#include "net/nlsock.h"
#include "plan/plan.h"
#include "relay/owner.h"

#include <errno.h>
#include <linux/netfilter.h>
#include <string.h>

enum {
	TABLES_MAX = 32,
	PORTS_MAX = 128, /* are looked at */
};

struct look {
	const struct profile *profile;
	struct chain dropping[TABLES_MAX];
	size_t n_dropping;
	bool has_docker; /* its chain for others' rules */
};

static bool is_forwarding(const struct chain *chain)
{
	return chain->is_base && chain->hook == NF_INET_FORWARD &&
	       (chain->family == NFPROTO_INET || chain->family == NFPROTO_IPV4 ||
		chain->family == NFPROTO_IPV6);
}

/* firewalld's policy is to accept, and its last rule rejects, but for what was
 * translated.
 */
static bool is_in_the_way(const struct look *look, const struct chain *chain)
{
	if (strcmp(chain->table, "firewalld") == 0)
		return look->profile->n_allows > 0;
	return chain->drops && strncmp(chain->table, "adit", strlen("adit")) != 0;
}

static int keep(void *context, const struct chain *chain)
{
	struct look *look = context;

	if (strcmp(chain->name, "DOCKER-USER") == 0)
		look->has_docker = true;
	if (is_forwarding(chain) && is_in_the_way(look, chain) && look->n_dropping < TABLES_MAX)
		look->dropping[look->n_dropping++] = *chain;
	return 0;
}

static const char *family_word(const struct chain *chain)
{
	if (chain->family == NFPROTO_INET)
		return "inet";
	return chain->family == NFPROTO_IPV4 ? "ip" : "ip6";
}

/* `suffix` of the program's name: "-legacy", or none. */
static void advise_chain(const char *program, const char *suffix, const char *chain,
			 const char *link, struct error *err)
{
	error_hint(err, "%s%s -I %s -i %s -j ACCEPT; %s%s -I %s -o %s -j ACCEPT", program, suffix,
		   chain, link, program, suffix, chain, link);
}

static void advise(const struct look *look, const struct chain *chain, const char *link,
		   struct error *err)
{
	const char *program = chain->family == NFPROTO_IPV6 ? "ip6tables" : "iptables";

	if (strcmp(chain->table, "firewalld") == 0)
		error_hint(err, "firewall-cmd --zone=trusted --add-interface=%s", link);
	else if (strcmp(chain->name, "FORWARD") != 0)
		error_hint(err, "let that chain accept what comes or goes by %s", link);
	else
		advise_chain(program, "", look->has_docker ? "DOCKER-USER" : "FORWARD", link, err);
}

static void warn_of(const struct look *look, const struct chain *chain, const char *link)
{
	struct error err = {0};

	(void)error_set(
		&err, EPERM,
		"[Lan]: the chain '%s' of the table '%s %s' drops what it does not know, and "
		"it does not name %s: flows of the LAN may not pass",
		chain->name, family_word(chain), chain->table, link);
	advise(look, chain, link, &err);
	log_warn("%s; %s", err.what, err.hint);
}

/* nftables does not know these. */
static void warn_of_legacy(enum legacy_family family, const char *link)
{
	const char *program = family == LEGACY_IPV6 ? "ip6tables" : "iptables";
	struct legacy legacy;
	struct error err = {0};
	int r = legacy_look(family, link, &legacy);

	if (r == -ENOENT || (r == 0 && (!legacy.drops || legacy.is_named)))
		return;
	(void)error_set(&err, EPERM,
			"[Lan]: the chain 'FORWARD' of the legacy %s %s, and it does not name %s: "
			"flows of the LAN may not pass",
			program,
			r < 0 ? "may drop what it does not know" : "drops what it does not know",
			link);
	advise_chain(program, "-legacy", r == 0 && legacy.has_docker ? "DOCKER-USER" : "FORWARD",
		     link, &err);
	log_warn("%s; %s", err.what, err.hint);
}

/* ---- programs at ports that lead inside now ---- */

static void warn_of_owner(const struct profile_forward *forward, uint16_t port)
{
	static const char *const everywhere[] = {"0.0.0.0/0", "::/0"};
	bool is_tcp = forward->protocol == PROTOCOL_TCP;

	for (size_t i = 0; i < sizeof(everywhere) / sizeof(everywhere[0]); i++) {
		struct prefix all = {0};
		union endpoint at;
		struct owner owner;

		(void)prefix_parse(everywhere[i], strlen(everywhere[i]), &all);
		at = endpoint_make(&all.address, port);
		if (!owner_find(is_tcp ? RELAY_TCP : RELAY_UDP, &at, &owner))
			continue;
		log_warn(
			"[Lan]: port %u/%s is '%s's (process %d), and leads inside now for clients "
			"of the LAN",
			port, is_tcp ? "tcp" : "udp", owner.name, owner.pid);
		return;
	}
}

static void warn_of_owners(const struct profile *profile)
{
	unsigned int n = 0;

	for (size_t i = 0; i < profile->n_forwards; i++) {
		const struct profile_forward *forward = &profile->forward[i];

		for (unsigned int port = forward->outside.first;
		     port <= forward->outside.last && n < PORTS_MAX; port++, n++)
			warn_of_owner(forward, (uint16_t)port);
	}
}

void bystanders_warn(const struct profile *profile, const struct plan *host)
{
	struct look look = {.profile = profile};
	struct nlsock *sock = NULL;

	if (host->n_steps == 0 || (profile->n_forwards == 0 && profile->n_allows == 0) ||
	    nftables_open(&sock, NULL) < 0)
		return;
	warn_of_owners(profile);
	if (chains_dump(sock, keep, &look, NULL) < 0)
		look.n_dropping = 0;
	for (size_t i = 0; i < look.n_dropping; i++) {
		bool is_named = false;

		if (chains_mention(sock, &look.dropping[i], host->host_link, &is_named, NULL) ==
			    0 &&
		    !is_named)
			warn_of(&look, &look.dropping[i], host->host_link);
	}
	nlsock_close(sock);
	for (unsigned int i = 0; i < LEGACY_FAMILIES; i++)
		warn_of_legacy(i, host->host_link);
}
