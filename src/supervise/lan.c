#include "supervise/lan.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/nobody.h"
#include "config/profile.h"
#include "net/link.h"
#include "net/nlsock.h"
#include "net/route.h"
#include "relay/relay.h"
#include "supervise/inside.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

DEFINE_AUTO(nlsock, nlsock_close);

_Static_assert((int)PROFILE_FORWARDS_MAX <= (int)RELAY_FORWARDS_MAX, "each has room");

/* ---- the LAN interface ---- */

static int take_default(void *context, const struct route *route)
{
	route_consider_default(context, route);
	return 0;
}

/* "": there is none. */
static void find_interface(const struct profile *profile, char ret[IFNAMSIZ])
{
	AUTO(nlsock) struct nlsock *nl = NULL;
	struct route_default best = {0};
	struct link_info link;

	ret[0] = '\0';
	if (profile->lan_interface[0]) {
		memcpy(ret, profile->lan_interface, IFNAMSIZ);
		return;
	}
	if (nlsock_open(&nl, NULL) < 0 || route_dump(nl, take_default, &best, NULL) < 0 ||
	    best.oif == 0 || link_get_index(nl, best.oif, &link, NULL) < 0)
		return;
	memcpy(ret, link.name, IFNAMSIZ);
}

/* ---- forwards ---- */

/* False: it is for the LAN interface, and there is none. */
static bool translate(const struct profile_forward *from, const char *interface,
		      struct relay_forward *ret)
{
	const char *name = from->interface[0] || from->has_address ? from->interface : interface;

	*ret = (struct relay_forward){
		.protocol = from->protocol == PROTOCOL_TCP ? RELAY_TCP : RELAY_UDP,
		.has_address = from->has_address,
		.address = from->address,
		.outside = {from->outside.first, from->outside.last},
		.inside = {from->inside.first, from->inside.last},
	};
	memcpy(ret->interface, name, IFNAMSIZ);
	return from->has_address || name[0];
}

struct wanted {
	struct relay_config config;
	struct relay_forward forward[RELAY_FORWARDS_MAX];
	size_t n_left_out;
};

/* By a veth they need no process (host_side.h). */
static bool is_by_relay(const struct profile *profile)
{
	return profile->lan_path == LAN_PATH_RELAY;
}

static void fill_wanted(const struct lan *lan, const struct profile *profile, const char *interface,
			struct wanted *ret)
{
	*ret = (struct wanted){
		.config = {.netns_fd = lan->inside->netns,
			   .userns_fd = lan->inside->userns,
			   .has_ids = nobody_is_there(),
			   .uid = NOBODY_ID,
			   .gid = NOBODY_ID,
			   .has_proxy_protocol = profile->has_proxy_protocol},
	};
	ret->config.forward = ret->forward;
	for (size_t i = 0; is_by_relay(profile) && i < profile->n_forwards; i++) {
		if (translate(&profile->forward[i], interface,
			      &ret->forward[ret->config.n_forwards]))
			ret->config.n_forwards++;
		else
			ret->n_left_out++;
	}
}

/* ---- the relay ---- */

static int on_relay(void *context, int fd, uint32_t events)
{
	struct lan *lan = context;
	struct error err = {0};

	(void)fd;
	(void)events;
	if (relay_dispatch(lan->relay, &err) < 0)
		log_error(&err);
	return 0;
}

static int open_relay(struct lan *lan, const struct wanted *wanted, struct error *err)
{
	int r = relay_open(&wanted->config, &lan->relay, err);

	if (r < 0)
		return r;
	r = loop_add(lan->loop, relay_fd(lan->relay), EPOLLIN, on_relay, lan);
	if (r < 0) {
		relay_close(lan->relay);
		lan->relay = NULL;
		return error_errno(err, -r, "cannot watch the relay");
	}
	return 0;
}

void lan_close(struct lan *lan)
{
	if (!lan->relay)
		return;
	loop_remove(lan->loop, relay_fd(lan->relay));
	relay_close(lan->relay);
	lan->relay = NULL;
}

static int configure(struct lan *lan, const struct profile *profile, const char *interface,
		     struct error *err)
{
	struct wanted wanted;
	int r;

	fill_wanted(lan, profile, interface, &wanted);
	if (wanted.n_left_out > 0)
		log_warn("%zu forward%s wait%s for a LAN interface: there is no default route, and "
			 "[Lan] names none",
			 wanted.n_left_out, wanted.n_left_out == 1 ? "" : "s",
			 wanted.n_left_out == 1 ? "s" : "");
	if (wanted.config.n_forwards == 0) {
		lan_close(lan);
		return 0;
	}
	r = lan->relay ? relay_reconfigure(lan->relay, &wanted.config, err)
		       : open_relay(lan, &wanted, err);
	if (r == 0) {
		memcpy(lan->forward, wanted.forward, sizeof(lan->forward));
		lan->n_forwards = wanted.config.n_forwards;
	}
	return r;
}

int lan_configure(struct lan *lan, const struct profile *profile, struct error *err)
{
	char interface[IFNAMSIZ];
	int r;

	find_interface(profile, interface);
	r = configure(lan, profile, interface, err);
	if (r == 0)
		memcpy(lan->interface, interface, sizeof(interface));
	return r;
}

void lan_follow(struct lan *lan, const struct profile *profile)
{
	char interface[IFNAMSIZ];
	struct error err = {0};
	int r = 0;

	if (profile->n_forwards == 0 || !is_by_relay(profile))
		return;
	find_interface(profile, interface);
	if (strcmp(interface, lan->interface) != 0)
		r = lan_configure(lan, profile, &err);
	else if (lan->relay)
		r = relay_addresses_changed(lan->relay, &err);
	if (r < 0)
		log_error(&err);
}

/* ---- what there is to tell ---- */

static json_t *ports_json(const struct relay_ports *ports)
{
	return ports->first == ports->last ? json_sprintf("%u", ports->first)
					   : json_sprintf("%u-%u", ports->first, ports->last);
}

static json_t *forward_json(const struct relay_forward *forward,
			    const struct relay_forward_stats *stats)
{
	char address[ADDRESS_TEXT_LEN] = "";

	if (forward->has_address)
		(void)address_print(&forward->address, address);
	return json_pack("{s:s, s:s, s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:I}", "protocol",
			 forward->protocol == RELAY_TCP ? "tcp" : "udp", "at",
			 forward->has_address ? address : forward->interface, "outside",
			 ports_json(&forward->outside), "inside", ports_json(&forward->inside),
			 "listeners", (json_int_t)stats->listeners, "open", (json_int_t)stats->open,
			 "total", (json_int_t)stats->total, "refused", (json_int_t)stats->refused,
			 "bytes_in", (json_int_t)stats->bytes_in, "bytes_out",
			 (json_int_t)stats->bytes_out);
}

json_t *lan_json(const struct lan *lan)
{
	json_t *list = json_array();

	for (size_t i = 0; lan->relay && i < lan->n_forwards; i++) {
		struct relay_forward_stats stats;

		relay_stats(lan->relay, i, &stats);
		(void)json_array_append_new(list, forward_json(&lan->forward[i], &stats));
	}
	return list;
}
