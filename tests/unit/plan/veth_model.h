/* A profile with LAN flows by a veth, and a host, for tests of what follows. */
#ifndef ADIT_TESTS_UNIT_PLAN_LAN_MODEL_H
#define ADIT_TESTS_UNIT_PLAN_LAN_MODEL_H

#include "config/profile.h"
#include "plan/plan.h"

#include <string.h>

static struct profile profile;
static struct plan_host_environment lan_host;
static const struct plan_environment environment = {.has_ipv6 = true, .host = &lan_host};

static inline struct prefix lan_prefix(const char *text)
{
	struct prefix prefix = {0};

	assert_true(prefix_parse(text, strlen(text), &prefix));
	return prefix;
}

static inline void lan_add_subnet(const char *link, const char *prefix)
{
	struct plan_subnet *subnet = &lan_host.subnet[lan_host.n_subnets++];

	(void)strcpy(subnet->link, link);
	subnet->prefix = lan_prefix(prefix);
	subnet->is_address = true;
}

static inline struct profile_forward *lan_add_forward(uint16_t outside, uint16_t inside, uint16_t n)
{
	struct profile_forward *forward = &profile.forward[profile.n_forwards++];

	*forward = (struct profile_forward){
		.outside = {outside, (uint16_t)(outside + n - 1)},
		.inside = {inside, (uint16_t)(inside + n - 1)},
	};
	return forward;
}

static inline struct profile_allow *lan_add_allow(const char *prefix, uint16_t port)
{
	struct profile_allow *allow = &profile.allow[profile.n_allows++];

	*allow = (struct profile_allow){
		.prefix = lan_prefix(prefix),
		.has_ports = port != 0,
		.ports = {port, port},
	};
	return allow;
}

static inline int lan_begin(void **state)
{
	(void)state;
	memset(&profile, 0, sizeof(profile));
	memset(&lan_host, 0, sizeof(lan_host));
	(void)strcpy(profile.name, "media");
	(void)strcpy(profile.device, "wg0");
	profile.lan_path = LAN_PATH_VETH;
	profile.lan_host[0] = lan_prefix("192.168.10.10");
	profile.lan_host[1] = lan_prefix("fd00:10::10");
	profile.lan_namespace[0] = lan_prefix("192.168.10.11");
	profile.lan_namespace[1] = lan_prefix("fd00:10::11");
	profile.n_lan_host = 2;
	profile.n_lan_namespace = 2;
	(void)strcpy(lan_host.default_link, "enp3s0");
	lan_host.has_force_forwarding = true;
	lan_add_subnet("enp3s0", "192.168.1.2/24");
	lan_add_subnet("enp3s0", "2001:db8:77::2/64");
	return 0;
}

#endif
