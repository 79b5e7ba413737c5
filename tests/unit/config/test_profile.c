/* Mirrors src/config/profile.c */
#include "cmocka_all.h"

#include "config/profile.h"

#include <errno.h>
#include <string.h>

static void test_new_profile_is_empty_and_its_device_is_wg0(void **state)
{
	AUTO(profile) struct profile *profile = profile_new();

	(void)state;
	assert_non_null(profile);
	assert_string_equal(profile->device, "wg0");
	assert_int_equal(profile->n_peers, 0);
	assert_false(profile->has_private_key);
	assert_int_equal(profile->mode, MODE_MOVE);
}

static void test_nothing_can_be_freed(void **state)
{
	(void)state;
	profile_free(NULL);
}

static void test_peers_are_kept_in_order_up_to_their_limit(void **state)
{
	AUTO(profile) struct profile *profile = profile_new();

	(void)state;
	for (unsigned int i = 0; i < PROFILE_PEERS_MAX; i++) {
		struct profile_peer *peer = profile_add_peer(profile);

		assert_non_null(peer);
		assert_int_equal(peer->keepalive_s, 0);
		peer->keepalive_s = (uint16_t)(i + 1);
	}
	assert_null(profile_add_peer(profile));
	for (unsigned int i = 0; i < PROFILE_PEERS_MAX; i++)
		assert_int_equal(profile->peer[i].keepalive_s, i + 1);
}

static void test_removed_peer_leaves_the_others_and_no_key(void **state)
{
	AUTO(profile) struct profile *profile = profile_new();
	struct prefix prefix = {.len = 8};
	struct profile_place place = {.line = 1};

	(void)state;
	for (uint8_t i = 0; i < 3; i++) {
		struct profile_peer *peer = profile_add_peer(profile);

		peer->keepalive_s = i;
		memset(peer->preshared_key.byte, 0x55, 32);
		assert_int_equal(profile_add_allowed_ip(peer, &prefix, &place), 0);
	}
	profile_remove_peer(profile, 1);
	assert_int_equal(profile->n_peers, 2);
	assert_int_equal(profile->peer[0].keepalive_s, 0);
	assert_int_equal(profile->peer[1].keepalive_s, 2);
	assert_true(secret_is_zero(profile->peer[2].preshared_key.byte, 32));
	profile_remove_peer(profile, 1);
	profile_remove_peer(profile, 0);
	assert_int_equal(profile->n_peers, 0);
	assert_non_null(profile_add_peer(profile));
}

static void test_allowed_ips_keep_their_places(void **state)
{
	AUTO(profile) struct profile *profile = profile_new();
	struct profile_peer *peer = profile_add_peer(profile);

	(void)state;
	for (uint32_t i = 0; i < 100; i++) {
		struct prefix prefix = {.len = (uint8_t)i};
		struct profile_place place = {.line = i + 1};

		assert_int_equal(profile_add_allowed_ip(peer, &prefix, &place), 0);
	}
	assert_int_equal(peer->n_allowed_ips, 100);
	for (uint32_t i = 0; i < 100; i++) {
		assert_int_equal(peer->allowed_ip[i].len, i);
		assert_int_equal(peer->allowed_ip_place[i].line, i + 1);
	}
}

static void test_place_becomes_a_position_in_its_file(void **state)
{
	AUTO(profile) struct profile *profile = profile_new();
	struct profile_place place = {.file = 0, .line = 3, .column = 7};
	struct source_pos pos = profile_pos(profile, &place);

	(void)state;
	assert_null(pos.path);
	profile->file[0] = strdup("a.conf");
	profile->n_files = 1;
	pos = profile_pos(profile, &place);
	assert_string_equal(pos.path, "a.conf");
	assert_int_equal(pos.line, 3);
	assert_int_equal(pos.column, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_new_profile_is_empty_and_its_device_is_wg0),
		cmocka_unit_test(test_nothing_can_be_freed),
		cmocka_unit_test(test_peers_are_kept_in_order_up_to_their_limit),
		cmocka_unit_test(test_removed_peer_leaves_the_others_and_no_key),
		cmocka_unit_test(test_allowed_ips_keep_their_places),
		cmocka_unit_test(test_place_becomes_a_position_in_its_file),
	};

	return cmocka_run_group_tests_name("config/profile", tests, NULL, NULL);
}
