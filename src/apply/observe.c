#include "apply/observe.h"

#include "net/route.h"
#include "net/sysctl.h"

#include <string.h>
#include <unistd.h>

/* A new namespace's links begin with "default", whose own default the boot
 * parameter ipv6.disable_ipv6 sets; with ipv6.disable there is none.
 */
static bool has_ipv6(void)
{
	char value[8];

	return sysctl_read("net/ipv6/conf/default/disable_ipv6", value, sizeof(value), NULL) == 0 &&
	       strcmp(value, "0") == 0;
}

struct plan_environment observe_environment(struct nlsock *sock, const union endpoint *endpoint,
					    uint32_t mark)
{
	struct plan_environment environment = {
		.ping_gid = getgid(),
		.has_ipv6 = has_ipv6(),
	};
	struct route_path path;

	if (endpoint_is_set(endpoint) && route_get(sock, endpoint, mark, &path, NULL) == 0)
		environment.path_mtu = path.mtu;
	return environment;
}

int observe_settings(struct step *steps, size_t n_steps, struct error *err)
{
	for (size_t i = 0; i < n_steps; i++) {
		struct step_sysctl *sysctl = &steps[i].sysctl;
		int r;

		if (steps[i].kind != STEP_SYSCTL_SET)
			continue;
		r = sysctl_read(sysctl->path, sysctl->restore, sizeof(sysctl->restore), err);
		if (r < 0)
			return r;
	}
	return 0;
}
