/* Mirrors src/supervise/refresh.c.  The resolver and the tunnel are stand-ins
 * that write down what they were asked.
 */
#include "cmocka_all.h"

#include "supervise/refresh.h"

#include "base/error.h"
#include "config/profile.h"
#include "supervise/prepare.h"
#include "tunnel/tunnel.h"

#include <stdlib.h>
#include <string.h>

static unsigned int n_look_ups;
static unsigned int n_set;
static union endpoint set_to;
static struct resolve_answer next_answer;

int resolve_start(const char *host, uint16_t port, struct resolve *ret, struct error *err)
{
	(void)err;
	assert_string_equal(host, "vpn.example");
	assert_int_equal(port, 51820);
	n_look_ups++;
	*ret = (struct resolve){.pid = 1, .fd = 100};
	return 0;
}

int resolve_finish(struct resolve *resolve, struct resolve_answer *ret)
{
	*resolve = (struct resolve){.fd = -1};
	*ret = next_answer;
	return 0;
}

void resolve_cancel(struct resolve *resolve)
{
	*resolve = (struct resolve){.fd = -1};
}

union endpoint prepare_choose_endpoint(const struct resolve_answer *answer,
				       const union endpoint *present, uint32_t fwmark)
{
	(void)present;
	(void)fwmark;
	return answer->endpoint[0];
}

int tunnel_set_endpoint(struct tunnel *tunnel, const uint8_t public_key[32],
			const union endpoint *endpoint, struct error *err)
{
	(void)tunnel;
	(void)public_key;
	(void)err;
	n_set++;
	set_to = *endpoint;
	return 0;
}

struct fixture {
	struct profile profile;
	struct profile_peer peer;
	struct refresh refresh;
	struct tunnel_peer_stats peer_stats;
	struct tunnel_stats stats;
	struct instant now;
};

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	n_look_ups = 0;
	n_set = 0;
	fixture->now.ns = NS_PER_S;
	fixture->peer.endpoint_port = 51820;
	(void)strcpy(fixture->peer.endpoint_host, "vpn.example");
	assert_true(endpoint_parse("192.0.2.1:51820", 15, &fixture->peer.endpoint));
	fixture->profile.peer = &fixture->peer;
	fixture->profile.n_peers = 1;
	fixture->stats.peer = &fixture->peer_stats;
	fixture->stats.n_peers = 1;
	assert_int_equal(refresh_init(&fixture->refresh, &fixture->profile, false), 0);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	refresh_done(&fixture->refresh);
	free(fixture);
	return 0;
}

static void consider(struct fixture *fixture, uint64_t n_sent, uint64_t seconds)
{
	fixture->now = instant_add(fixture->now, seconds * NS_PER_S);
	fixture->peer_stats.handshakes_sent = n_sent;
	refresh_consider(&fixture->refresh, fixture->now, &fixture->stats);
}

static void test_a_first_unanswered_initiation_is_no_reason(void **state)
{
	struct fixture *fixture = *state;

	consider(fixture, 1, 0);
	assert_int_equal(n_look_ups, 0);
}

static void test_the_second_unanswered_initiation_asks_for_the_name(void **state)
{
	struct fixture *fixture = *state;

	consider(fixture, 2, 5);
	assert_int_equal(n_look_ups, 1);
	consider(fixture, 3, 5); /* one is under way */
	assert_int_equal(n_look_ups, 1);
}

static void test_a_handshake_starts_the_count_anew(void **state)
{
	struct fixture *fixture = *state;

	fixture->peer_stats.last_handshake.ns = 5;
	consider(fixture, 3, 5);
	consider(fixture, 4, 5);
	assert_int_equal(n_look_ups, 0);
	consider(fixture, 5, 5);
	assert_int_equal(n_look_ups, 1);
}

static void test_a_new_address_goes_to_the_data_plane(void **state)
{
	struct fixture *fixture = *state;

	next_answer = (struct resolve_answer){.n_endpoints = 1};
	assert_true(endpoint_parse("192.0.2.9:51820", 15, &next_answer.endpoint[0]));
	consider(fixture, 2, 5);
	refresh_finish(&fixture->refresh, fixture->now, NULL);
	assert_int_equal(n_set, 1);
	assert_true(endpoint_equal(&set_to, &next_answer.endpoint[0]));
	assert_true(endpoint_equal(&fixture->peer.endpoint, &set_to));
}

static void test_the_same_address_and_no_answer_change_nothing(void **state)
{
	struct fixture *fixture = *state;

	next_answer = (struct resolve_answer){.n_endpoints = 1};
	next_answer.endpoint[0] = fixture->peer.endpoint;
	consider(fixture, 2, 5);
	refresh_finish(&fixture->refresh, fixture->now, NULL);
	next_answer = (struct resolve_answer){.gai_code = -2};
	consider(fixture, 3, 5);
	refresh_finish(&fixture->refresh, fixture->now, NULL);
	assert_int_equal(n_look_ups, 2);
	assert_int_equal(n_set, 0);
}

static void test_a_name_is_not_asked_for_more_often_than_every_five_seconds(void **state)
{
	struct fixture *fixture = *state;

	next_answer = (struct resolve_answer){.gai_code = -2};
	consider(fixture, 2, 5);
	refresh_finish(&fixture->refresh, fixture->now, NULL);
	consider(fixture, 3, 4);
	assert_int_equal(n_look_ups, 1);
	consider(fixture, 3, 1);
	assert_int_equal(n_look_ups, 2);
}

static void test_a_peer_given_by_address_is_left_alone(void **state)
{
	struct fixture *fixture = *state;

	fixture->peer.endpoint_host[0] = '\0';
	consider(fixture, 20, 100);
	assert_int_equal(n_look_ups, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_first_unanswered_initiation_is_no_reason,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_the_second_unanswered_initiation_asks_for_the_name, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_handshake_starts_the_count_anew, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_a_new_address_goes_to_the_data_plane, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_the_same_address_and_no_answer_change_nothing,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_a_name_is_not_asked_for_more_often_than_every_five_seconds, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(test_a_peer_given_by_address_is_left_alone, set_up,
						tear_down),
	};

	return cmocka_run_group_tests_name("supervise/refresh", tests, NULL, NULL);
}
