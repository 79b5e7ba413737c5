/* A device and a connection to it, for the tests of uapi.c and uapi_reply.c. */
#ifndef ADIT_TESTS_UNIT_DATAPLANE_UAPI_FIXTURE_H
#define ADIT_TESTS_UNIT_DATAPLANE_UAPI_FIXTURE_H

#include "dataplane/health.h"
#include "dataplane/uapi.h"
#include "wireguard/device.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Any bytes will do as keys of these; they are of nobody. */
#define KEY_A  "a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbe3f"
#define KEY_B  "c0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedf"
#define KEY_C  "e0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"
#define NO_KEY "0000000000000000000000000000000000000000000000000000000000000000"

struct fixture {
	struct uapi_target target;
	struct uapi *uapi;
	struct health health;
	struct uapi_facts facts;
	unsigned int n_sockets_used;
	bool is_up;
	int answer; /* of every function below */
	char reply[65536];
};

static struct fixture fixture;

static void count_up(void *context, uint8_t *ret, size_t len)
{
	static uint8_t next;

	(void)context;
	for (size_t i = 0; i < len; i++)
		ret[i] = next++;
}

static int fixture_set_port(void *context, uint16_t port)
{
	(void)context;
	fixture.facts.listen_port = port;
	return fixture.answer;
}

static int fixture_set_mark(void *context, uint32_t mark)
{
	(void)context;
	fixture.facts.fwmark = mark;
	return fixture.answer;
}

static int fixture_set_mtu(void *context, uint32_t mtu)
{
	(void)context;
	fixture.facts.mtu = mtu;
	return fixture.answer;
}

static int fixture_use_sockets(void *context)
{
	(void)context;
	fixture.n_sockets_used++;
	return fixture.answer;
}

static int fixture_set_up(void *context, bool is_up)
{
	(void)context;
	fixture.is_up = is_up;
	return fixture.answer;
}

static void fixture_read_facts(void *context, struct uapi_facts *ret)
{
	(void)context;
	*ret = fixture.facts;
}

static int fixture_start(void **state)
{
	(void)state;
	memset(&fixture, 0, sizeof(fixture));
	fixture.facts.health = &fixture.health;
	fixture.target = (struct uapi_target){
		.device = wg_device_new(count_up, NULL, (struct wall_time){0}),
		.set_listen_port = fixture_set_port,
		.set_fwmark = fixture_set_mark,
		.set_mtu = fixture_set_mtu,
		.use_sockets = fixture_use_sockets,
		.set_up = fixture_set_up,
		.read_facts = fixture_read_facts,
	};
	if (!fixture.target.device)
		return -1;
	fixture.uapi = uapi_new(&fixture.target, true);
	return fixture.uapi ? 0 : -1;
}

static int fixture_end(void **state)
{
	(void)state;
	uapi_free(fixture.uapi);
	wg_device_free(fixture.target.device);
	return 0;
}

/* The whole answer to `text`; the connection must stand it. */
static inline const char *ask(const char *text)
{
	const char *output;
	size_t len;

	assert_int_equal(uapi_feed(fixture.uapi, (struct instant){NS_PER_S}, text, strlen(text)),
			 0);
	output = uapi_output(fixture.uapi, &len);
	assert_true(len < sizeof(fixture.reply));
	memcpy(fixture.reply, output, len);
	fixture.reply[len] = '\0';
	uapi_consume(fixture.uapi, len);
	return fixture.reply;
}

#endif
