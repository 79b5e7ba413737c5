#include "tunnel/tunnel.h"

#include "base/text.h"
#include "config/profile.h"

#include <unistd.h>

static const struct tunnel_backend *const backends[] = {
	[BACKEND_AUTO] = &tunnel_backend_userspace,
	[BACKEND_KERNEL] = &tunnel_backend_kernel,
	[BACKEND_USERSPACE] = &tunnel_backend_userspace,
};

int tunnel_choose(const struct profile *profile, const struct tunnel_backend **ret,
		  struct error *err)
{
	bool is_auto = profile->backend == BACKEND_AUTO;
	const struct tunnel_backend *wanted =
		is_auto ? &tunnel_backend_kernel : backends[profile->backend];
	int r = wanted->probe(is_auto ? NULL : err);

	if (r < 0 && !is_auto)
		return r;
	*ret = r < 0 ? &tunnel_backend_userspace : wanted;
	return 0;
}

int tunnel_open(const struct tunnel_config *config, struct tunnel **ret, struct error *err)
{
	const struct tunnel_backend *backend = config->backend;

	if (!backend)
		backend = backends[config->profile->backend];
	return backend->open(config, ret, err);
}

int tunnel_set_config(struct tunnel *tunnel, const struct tunnel_config *config, struct error *err)
{
	return tunnel->backend->set_config(tunnel, config, err);
}

int tunnel_set_endpoint(struct tunnel *tunnel, const uint8_t public_key[32],
			const union endpoint *endpoint, struct error *err)
{
	return tunnel->backend->set_endpoint(tunnel, public_key, endpoint, err);
}

int tunnel_forget_sources(struct tunnel *tunnel, struct error *err)
{
	return tunnel->backend->forget_sources(tunnel, err);
}

int tunnel_read_stats(struct tunnel *tunnel, struct tunnel_stats *ret, struct error *err)
{
	return tunnel->backend->read_stats(tunnel, ret, err);
}

static const struct text_bit drift_names[] = {
	{TUNNEL_DRIFT_KEY, "the private key"},
	{TUNNEL_DRIFT_PORT, "the port"},
	{TUNNEL_DRIFT_MARK, "the mark"},
	{TUNNEL_DRIFT_PEERS, "the peers"},
	{TUNNEL_DRIFT_PRESHARED_KEYS, "a preshared key"},
	{TUNNEL_DRIFT_KEEPALIVES, "a keepalive"},
	{TUNNEL_DRIFT_ALLOWED_IPS, "allowed IPs"},
	{TUNNEL_DRIFT_ENDPOINTS, "an endpoint"},
	{0, NULL},
};

int tunnel_find_drift(struct tunnel *tunnel, const struct tunnel_config *config, struct error *err)
{
	if (!tunnel->backend->find_drift)
		return 0;
	return tunnel->backend->find_drift(tunnel, config, err);
}

void tunnel_print_drift(unsigned int drift, struct text *text)
{
	text_add_bits(text, drift_names, drift);
}

int tunnel_events_fd(const struct tunnel *tunnel)
{
	return tunnel->backend->events_fd(tunnel);
}

int tunnel_pidfd(const struct tunnel *tunnel)
{
	return tunnel->backend->pidfd(tunnel);
}

pid_t tunnel_pid(const struct tunnel *tunnel)
{
	return tunnel->backend->pid(tunnel);
}

/* The descriptor does not block, and what it counts does not matter. */
void tunnel_take_event(const struct tunnel *tunnel)
{
	uint64_t count;

	if (read(tunnel_events_fd(tunnel), &count, sizeof(count)) < 0)
		return;
}

void tunnel_close(struct tunnel *tunnel)
{
	if (tunnel)
		tunnel->backend->close(tunnel);
}
