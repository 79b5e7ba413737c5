/* Requests of wg(8)'s socket as they come: what is let through, the data plane takes.
 *
 * The first byte says in pieces of which size the text comes.
 */
#include "dataplane/health.h"
#include "dataplane/uapi.h"
#include "device/syntax.h"
#include "wireguard/device.h"

#include <stdlib.h>
#include <string.h>

static const struct health health;

static void fill_ones(void *context, uint8_t *ret, size_t len)
{
	(void)context;
	memset(ret, 1, len);
}

static void read_facts(void *context, struct uapi_facts *ret)
{
	(void)context;
	*ret = (struct uapi_facts){.mtu = 1420, .health = &health};
}

static void check_reply(struct uapi *uapi)
{
	static const char right[] = "errno=0\n\n";
	size_t len;
	const char *text = uapi_output(uapi, &len);

	if (len != sizeof(right) - 1 || memcmp(text, right, len) != 0)
		abort();
	uapi_consume(uapi, len);
}

static void take_set(struct uapi *uapi, const char *text, size_t len)
{
	struct syntax_set set = {0};
	int r = syntax_read_set(text, len, &set);

	if (r < 0 && set.text)
		abort();
	if (r < 0)
		return;
	if (uapi_feed(uapi, (struct instant){NS_PER_S}, "set=1\n", 6) < 0 ||
	    uapi_feed(uapi, (struct instant){NS_PER_S}, set.text, set.len) < 0)
		abort();
	check_reply(uapi);
	syntax_set_done(&set);
}

/* How many of the bytes are done with; 0: more must come, or nothing ever will. */
static size_t take_one(struct uapi *uapi, const char *text, size_t len, size_t *seen)
{
	size_t request_len = 0;

	switch (syntax_find(text, len, seen, &request_len)) {
	case SYNTAX_SET:
		take_set(uapi, text, request_len);
		break;
	case SYNTAX_GET:
		break;
	case SYNTAX_PARTIAL:
	case SYNTAX_BAD_GET:
	case SYNTAX_GARBAGE:
		return 0;
	}
	if (request_len == 0 || request_len > len)
		abort();
	*seen = 0;
	return request_len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct uapi_target target = {
		.device = wg_device_new(fill_ones, NULL, (struct wall_time){0}),
		.read_facts = read_facts,
	};
	struct uapi *uapi = uapi_new(&target, false);
	size_t piece = size > 0 ? 1U + data[0] : 1;
	const char *text = (const char *)data + 1;
	size_t from = 0;
	size_t seen = 0;

	if (!target.device || !uapi)
		abort();
	for (size_t end = 0; size > 1 && end < size - 1;) {
		size_t n;

		end = end + piece < size - 1 ? end + piece : size - 1;
		while ((n = take_one(uapi, text + from, end - from, &seen)) > 0)
			from += n;
	}
	uapi_free(uapi);
	wg_device_free(target.device);
	return 0;
}
