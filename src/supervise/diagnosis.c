#include "supervise/diagnosis.h"

#include "base/clock.h"
#include "base/error.h"

#include <errno.h>

static bool is_no_route(int code)
{
	return code == ENETUNREACH || code == EHOSTUNREACH || code == ENETDOWN ||
	       code == EADDRNOTAVAIL || code == EAFNOSUPPORT;
}

enum diagnosis_cause diagnosis_find(const struct diagnosis_facts *facts)
{
	if (facts->bad_responses > 0)
		return CAUSE_BAD_REPLY;
	if (facts->send_errno == EPERM || facts->send_errno == EACCES)
		return CAUSE_FIREWALL_HERE;
	if (is_no_route(facts->send_errno))
		return CAUSE_NO_ROUTE;
	if (facts->icmp_errno != 0)
		return CAUSE_REFUSED;
	return CAUSE_SILENCE;
}

static int explain_refusal(const struct diagnosis_facts *facts, const char *to, struct error *err)
{
	int r;

	switch (facts->icmp_errno) {
	case ECONNREFUSED:
		r = error_set(err, ECONNREFUSED,
			      "%s refused: nothing listens there on that UDP port", to);
		error_hint(err, "is the port in Endpoint right, and the server running?");
		return r;
	case EACCES:
	case EPERM:
		r = error_set(err, EACCES, "%s refused: a firewall on the way prohibits it (ICMP)",
			      to);
		error_hint(err, "this network may block VPNs; try another port of the provider");
		return r;
	default:
		r = error_errno(err, facts->icmp_errno, "%s refused: a router on the way answers",
				to);
		error_hint(err, "is the address in Endpoint right?");
		return r;
	}
}

int diagnosis_explain(const struct diagnosis_facts *facts, uint64_t waited_ns, struct error *err)
{
	char to[ENDPOINT_TEXT_LEN];
	bool is_v6 = facts->endpoint.any.sa_family == AF_INET6;
	int r = 0;

	endpoint_print(&facts->endpoint, to);
	switch (diagnosis_find(facts)) {
	case CAUSE_BAD_REPLY:
		r = error_set(err, EBADMSG, "%s answers, but its reply does not authenticate", to);
		error_hint(err, facts->has_preshared_key ? "is PresharedKey that of this server?"
							 : "does this server want a PresharedKey?");
		return r;
	case CAUSE_FIREWALL_HERE:
		r = error_set(
			err, EPERM,
			"sending to %s is not permitted: a firewall on this machine refuses it",
			to);
		error_hint(err, "allow UDP to that address (nft list ruleset shows the rules)");
		return r;
	case CAUSE_NO_ROUTE:
		r = error_set(err, ENETUNREACH, "no route to %s%s", to,
			      is_v6 ? ": this machine has no IPv6 connection to it"
				    : ": this machine is not online");
		error_hint(err, is_v6 ? "try an IPv4 Endpoint" : "ip route get shows the way");
		return r;
	case CAUSE_REFUSED:
		return explain_refusal(facts, to, err);
	case CAUSE_SILENCE:
	case CAUSES:
		break;
	}
	r = error_set(err, ETIMEDOUT, "no answer from %s within %.3g s", to,
		      (double)waited_ns / (double)NS_PER_S);
	error_hint(err,
		   "likeliest first: a key that the server does not know (revoked, or PublicKey of "
		   "another server), a captive portal, a network that blocks UDP");
	return r;
}
