#include "supervise/prepare.h"

#include "apply/observe.h"
#include "apply/observe_host.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/log.h"
#include "config/config.h"
#include "net/nlsock.h"
#include "net/route.h"
#include "plan/veth.h"
#include "supervise/public_key.h"
#include "supervise/resolve.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

DEFINE_AUTO(nlsock, nlsock_close);

int prepare_profile(const char *name, enum config_use use, struct prepared *ret, struct error *err)
{
	AUTO(report) struct report *report = report_new();
	char path[PROFILE_PATH_LEN];
	struct profile *profile = NULL;
	int r = report ? config_find(name, path, sizeof(path), err)
		       : error_set(err, ENOMEM, "out of memory");

	if (r < 0)
		return r;
	r = config_load(path, &profile, report, err);
	if (r == 0)
		r = config_require_available(report, use, err);
	report_print(report, stderr, log_use_color());
	if (r < 0) {
		profile_free(profile);
		return report_count(report, REPORT_ERROR) > 0 ? -EBADMSG : r;
	}
	r = public_key_derive(profile->private_key.byte, profile->public_key, err);
	if (r < 0) {
		profile_free(profile);
		return r;
	}
	*ret = (struct prepared){.profile = profile};
	return 0;
}

/* Where to begin in the list: behind the present one. */
static uint32_t find_start(const struct resolve_answer *answer, const union endpoint *present)
{
	for (uint32_t i = 0; i < answer->n_endpoints; i++)
		if (endpoint_equal(&answer->endpoint[i], present))
			return i + 1;
	return 0;
}

union endpoint prepare_choose_endpoint(const struct resolve_answer *answer,
				       const union endpoint *present, uint32_t fwmark)
{
	AUTO(nlsock) struct nlsock *nl = NULL;
	uint32_t start = find_start(answer, present);

	if (answer->n_endpoints == 0)
		return (union endpoint){.any.sa_family = AF_UNSPEC};
	if (nlsock_open(&nl, NULL) < 0)
		return answer->endpoint[start % answer->n_endpoints];
	for (uint32_t i = 0; i < answer->n_endpoints; i++) {
		const union endpoint *tried = &answer->endpoint[(start + i) % answer->n_endpoints];
		struct route_path path;

		if (route_get(nl, tried, fwmark, &path, NULL) == 0)
			return *tried;
	}
	return answer->endpoint[start % answer->n_endpoints];
}

static int resolve_peers(struct profile *profile, uint64_t timeout_ns, struct error *err)
{
	for (size_t i = 0; i < profile->n_peers; i++) {
		struct profile_peer *peer = &profile->peer[i];
		struct resolve_answer answer = {0};
		int r;

		if (peer->endpoint_host[0] == '\0')
			continue;
		r = resolve_wait(peer->endpoint_host, peer->endpoint_port, timeout_ns, &answer,
				 err);
		if (r < 0)
			return r;
		peer->endpoint = prepare_choose_endpoint(&answer, &peer->endpoint, profile->fwmark);
	}
	return 0;
}

/* Of the machine, with the smallest of the paths to the endpoints. */
static struct plan_environment observe(const struct profile *profile)
{
	const union endpoint nowhere = {.any.sa_family = AF_UNSPEC};
	AUTO(nlsock) struct nlsock *nl = NULL;
	struct plan_environment environment = {.ping_gid = getegid()};

	if (nlsock_open(&nl, NULL) < 0)
		return environment;
	environment = observe_environment(nl, &nowhere, profile->fwmark);
	for (size_t i = 0; i < profile->n_peers; i++) {
		uint32_t mtu = observe_environment(nl, &profile->peer[i].endpoint, profile->fwmark)
				       .path_mtu;

		if (mtu != 0 && (environment.path_mtu == 0 || mtu < environment.path_mtu))
			environment.path_mtu = mtu;
	}
	return environment;
}

int prepare_network(struct prepared *prepared, uint64_t timeout_ns, struct error *err)
{
	struct plan_environment environment;
	int r = resolve_peers(prepared->profile, timeout_ns, err);

	if (r < 0)
		return r;
	environment = observe(prepared->profile);
	return plan_run(prepared->profile, &environment, &prepared->plan, err);
}

static int plan_both(const struct prepared *prepared, enum profile_backend backend,
		     const struct plan_environment *environment, struct prepared *ret,
		     struct error *err)
{
	int r = plan_host(prepared->profile, environment, &ret->host, err);

	if (r == 0)
		r = plan_named(prepared->profile, environment, backend, &ret->plan, err);
	if (r < 0)
		plan_done(&ret->host);
	return r;
}

/* What LAN flows by a veth need besides. */
static int look_at_host(struct plan_host_environment *ret, struct error *err)
{
	AUTO(nlsock) struct nlsock *nl = NULL;
	int r = nlsock_open(&nl, err);

	return r < 0 ? r : observe_host(nl, ret, err);
}

int prepare_plan(struct prepared *prepared, enum profile_backend backend, struct error *err)
{
	struct plan_environment environment = observe(prepared->profile);
	struct prepared fresh = {.profile = prepared->profile};
	struct plan_host_environment host;
	int r = 0;

	if (veth_is_wanted(prepared->profile)) {
		r = look_at_host(&host, err);
		environment.host = &host;
	}
	if (r == 0)
		r = plan_both(prepared, backend, &environment, &fresh, err);
	if (r < 0)
		return r;
	plan_done(&prepared->plan);
	plan_done(&prepared->host);
	*prepared = fresh;
	return 0;
}

void prepare_done(struct prepared *prepared)
{
	profile_free(prepared->profile);
	plan_done(&prepared->plan);
	plan_done(&prepared->host);
	prepared->profile = NULL;
}
