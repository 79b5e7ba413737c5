/* Text of the configuration protocol, as any client may send it. */
#include "dataplane/health.h"
#include "dataplane/uapi.h"
#include "wireguard/device.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct health health;

static void fill_zero(void *context, uint8_t *ret, size_t len)
{
	(void)context;
	memset(ret, 1, len);
}

static int take_port(void *context, uint16_t port)
{
	(void)context;
	return port == 1 ? -1 : 0;
}

static int take_number(void *context, uint32_t number)
{
	(void)context;
	(void)number;
	return 0;
}

static int take_nothing(void *context)
{
	(void)context;
	return 0;
}

static int take_state(void *context, bool is_up)
{
	(void)context;
	return is_up ? 0 : -1;
}

static void read_facts(void *context, struct uapi_facts *ret)
{
	(void)context;
	*ret = (struct uapi_facts){.listen_port = 1, .fwmark = 2, .mtu = 3, .health = &health};
}

/* The first byte says in pieces of which size the text comes. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct uapi_target target = {
		.device = wg_device_new(fill_zero, NULL, (struct wall_time){0}),
		.set_listen_port = take_port,
		.set_fwmark = take_number,
		.set_mtu = take_number,
		.use_sockets = take_nothing,
		.set_up = take_state,
		.read_facts = read_facts,
	};
	struct uapi *uapi = uapi_new(&target, true);
	size_t piece = size > 0 ? 1U + data[0] : 1;
	size_t len;

	if (!target.device || !uapi)
		abort();
	for (size_t at = 1; at < size; at += piece) {
		size_t left = size - at;

		if (uapi_feed(uapi, (struct instant){NS_PER_S}, (const char *)data + at,
			      left < piece ? left : piece) < 0)
			break;
		(void)uapi_output(uapi, &len);
		uapi_consume(uapi, len / 2);
	}
	uapi_free(uapi);
	wg_device_free(target.device);
	return 0;
}
