#include "tunnel/tunnel.h"

#include "base/error.h"
#include "config/profile.h"

#include <errno.h>
#include <unistd.h>

/* NULL: this build has it not. */
static const struct tunnel_backend *const backends[] = {
	[BACKEND_AUTO] = &tunnel_backend_userspace,
	[BACKEND_KERNEL] = NULL,
	[BACKEND_USERSPACE] = &tunnel_backend_userspace,
};

int tunnel_open(const struct tunnel_config *config, struct tunnel **ret, struct error *err)
{
	const struct tunnel_backend *backend = backends[config->profile->backend];

	if (!backend) {
		(void)error_set(err, EOPNOTSUPP, "Backend = kernel is not available yet");
		error_hint(err, "leave Backend out, or write Backend = userspace");
		return -EOPNOTSUPP;
	}
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
