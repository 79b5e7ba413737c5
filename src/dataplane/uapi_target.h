/* What requests of the configuration protocol act on. */
#ifndef ADIT_DATAPLANE_UAPI_TARGET_H
#define ADIT_DATAPLANE_UAPI_TARGET_H

#include <stdbool.h>
#include <stdint.h>

struct health;
struct wg_device;

/* Facts that are not the device's. */
struct uapi_facts {
	uint16_t listen_port; /* host byte order */
	uint32_t fwmark;      /* 0: off */
	uint32_t mtu;	      /* bytes of inner packet */
	const struct health *health;
};

/* Each function returns 0 or a negative errno. */
struct uapi_target {
	struct wg_device *device;
	void *context;
	int (*set_listen_port)(void *context, uint16_t port);
	int (*set_fwmark)(void *context, uint32_t mark);
	int (*set_mtu)(void *context, uint32_t mtu);
	int (*use_sockets)(void *context);
	int (*set_up)(void *context, bool is_up);
	void (*read_facts)(void *context, struct uapi_facts *ret);
};

#endif
