/* Mirrors src/wireguard/keypair.c */
#include "cmocka_all.h"

#include "wireguard/keypair.h"

#include "base/vault.h"
#include "wireguard/constants.h"
#include "wireguard/noise.h"

#include <string.h>

static const struct instant birth = {1000 * NS_PER_S};

static struct instant age(uint64_t ns)
{
	return instant_add(birth, ns);
}

static struct wg_keypair make(bool is_initiator)
{
	return (struct wg_keypair){.born = birth, .is_initiator = is_initiator};
}

static void test_a_keypair_takes_over_what_the_handshake_agreed(void **state)
{
	const struct noise_session session = {
		.send = {{1, 2, 3}},
		.receive = {{4, 5, 6}},
		.remote_index = 77,
		.is_initiator = true,
	};
	struct vault vault = VAULT_INIT;
	struct wg_keypair *keypair = keypair_new(&vault, &session, birth, NULL);

	(void)state;
	assert_non_null(keypair);
	assert_memory_equal(&keypair->send, &session.send, sizeof(session.send));
	assert_memory_equal(&keypair->receive, &session.receive, sizeof(session.receive));
	assert_int_equal(keypair->remote_index, 77);
	assert_true(keypair->is_initiator);
	assert_int_equal(keypair->send_counter, 0);
	assert_int_equal(keypair->index.kind, INDEX_KEYPAIR);
	assert_ptr_equal(keypair->index.owner, keypair);
	assert_true(keypair_unref(keypair));
	vault_done(&vault);
}

static void test_a_keypair_lives_until_its_last_owner_gives_it_up(void **state)
{
	const struct noise_session session = {.remote_index = 77};
	struct vault vault = VAULT_INIT;
	struct wg_keypair *keypair = keypair_new(&vault, &session, birth, NULL);

	(void)state;
	assert_non_null(keypair);
	keypair_ref(keypair);
	assert_false(keypair_unref(keypair));
	assert_int_equal(keypair->remote_index, 77);
	assert_true(keypair_unref(keypair));
	vault_done(&vault);
}

static void test_a_key_is_not_used_after_180_seconds(void **state)
{
	struct wg_keypair keypair = make(true);

	(void)state;
	assert_true(keypair_can_send(&keypair, age(180 * NS_PER_S - 1), 1));
	assert_true(keypair_can_receive(&keypair, age(180 * NS_PER_S - 1)));
	assert_false(keypair_can_send(&keypair, age(180 * NS_PER_S), 1));
	assert_false(keypair_can_receive(&keypair, age(180 * NS_PER_S)));
	assert_false(keypair_can_send(NULL, birth, 1));
}

static void test_counters_end_at_reject_after_messages(void **state)
{
	struct wg_keypair keypair = make(true);

	(void)state;
	keypair.send_counter = WG_REJECT_AFTER_MESSAGES - 64;
	assert_true(keypair_can_send(&keypair, birth, 64));
	assert_false(keypair_can_send(&keypair, birth, 65));
	keypair.send_counter = WG_REJECT_AFTER_MESSAGES;
	assert_false(keypair_can_send(&keypair, birth, 1));
}

static void test_a_refused_key_does_not_send_but_receives(void **state)
{
	struct wg_keypair keypair = make(true);

	(void)state;
	keypair.is_send_refused = true;
	assert_false(keypair_can_send(&keypair, birth, 1));
	assert_false(keypair_is_stale_for_sending(&keypair, age(150 * NS_PER_S)));
	assert_true(keypair_can_receive(&keypair, birth));
}

static void test_the_initiator_rekeys_on_sending_after_120_seconds(void **state)
{
	struct wg_keypair initiator = make(true);
	struct wg_keypair responder = make(false);

	(void)state;
	assert_false(keypair_is_stale_for_sending(&initiator, age(120 * NS_PER_S - 1)));
	assert_true(keypair_is_stale_for_sending(&initiator, age(120 * NS_PER_S)));
	assert_false(keypair_is_stale_for_sending(&responder, age(179 * NS_PER_S)));
	assert_false(keypair_is_stale_for_sending(NULL, birth));
}

static void test_both_rekey_after_two_to_the_sixty_messages(void **state)
{
	struct wg_keypair responder = make(false);

	(void)state;
	responder.send_counter = UINT64_C(1) << 60;
	assert_false(keypair_is_stale_for_sending(&responder, birth));
	responder.send_counter++;
	assert_true(keypair_is_stale_for_sending(&responder, birth));
}

static void test_the_initiator_rekeys_on_receiving_after_165_seconds(void **state)
{
	struct wg_keypair initiator = make(true);
	struct wg_keypair responder = make(false);

	(void)state;
	assert_false(keypair_is_stale_for_receiving(&initiator, age(165 * NS_PER_S - 1)));
	assert_true(keypair_is_stale_for_receiving(&initiator, age(165 * NS_PER_S)));
	assert_false(keypair_is_stale_for_receiving(&responder, age(170 * NS_PER_S)));
	assert_false(keypair_is_stale_for_receiving(NULL, birth));
}

static void test_as_initiator_the_new_session_is_current_at_once(void **state)
{
	struct wg_keypair old = make(true);
	struct wg_keypair older = make(true);
	struct wg_keypair new = make(true);
	struct keypairs keypairs = {.current = &old, .previous = &older};
	struct keypairs_dropped dropped = keypairs_add(&keypairs, &new);

	(void)state;
	assert_ptr_equal(keypairs.current, &new);
	assert_ptr_equal(keypairs.previous, &old);
	assert_null(keypairs.next);
	assert_ptr_equal(dropped.keypair[0], &older);
	assert_null(dropped.keypair[1]);
}

static void test_as_initiator_an_unconfirmed_session_becomes_previous(void **state)
{
	struct wg_keypair current = make(true);
	struct wg_keypair previous = make(true);
	struct wg_keypair unconfirmed = make(false);
	struct wg_keypair new = make(true);
	struct keypairs keypairs = {&current, &previous, &unconfirmed};
	struct keypairs_dropped dropped = keypairs_add(&keypairs, &new);

	(void)state;
	assert_ptr_equal(keypairs.current, &new);
	assert_ptr_equal(keypairs.previous, &unconfirmed);
	assert_null(keypairs.next);
	assert_ptr_equal(dropped.keypair[0], &previous);
	assert_ptr_equal(dropped.keypair[1], &current);
}

static void test_as_responder_the_new_session_waits_for_confirmation(void **state)
{
	struct wg_keypair current = make(true);
	struct wg_keypair previous = make(true);
	struct wg_keypair unconfirmed = make(false);
	struct wg_keypair new = make(false);
	struct keypairs keypairs = {&current, &previous, &unconfirmed};
	struct keypairs_dropped dropped = keypairs_add(&keypairs, &new);

	(void)state;
	assert_ptr_equal(keypairs.current, &current);
	assert_null(keypairs.previous);
	assert_ptr_equal(keypairs.next, &new);
	assert_ptr_equal(dropped.keypair[0], &previous);
	assert_ptr_equal(dropped.keypair[1], &unconfirmed);
}

static void test_the_first_data_confirms_the_next_session(void **state)
{
	struct wg_keypair current = make(true);
	struct wg_keypair previous = make(true);
	struct wg_keypair next = make(false);
	struct keypairs keypairs = {&current, &previous, &next};
	struct keypairs_dropped dropped;

	(void)state;
	assert_false(keypairs_confirm(&keypairs, &current, &dropped));
	assert_false(keypairs_confirm(&keypairs, &previous, &dropped));
	assert_true(keypairs_confirm(&keypairs, &next, &dropped));
	assert_ptr_equal(keypairs.current, &next);
	assert_ptr_equal(keypairs.previous, &current);
	assert_null(keypairs.next);
	assert_ptr_equal(dropped.keypair[0], &previous);
	assert_null(dropped.keypair[1]);
	assert_false(keypairs_confirm(&keypairs, &next, &dropped));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_keypair_takes_over_what_the_handshake_agreed),
		cmocka_unit_test(test_a_keypair_lives_until_its_last_owner_gives_it_up),
		cmocka_unit_test(test_a_key_is_not_used_after_180_seconds),
		cmocka_unit_test(test_counters_end_at_reject_after_messages),
		cmocka_unit_test(test_a_refused_key_does_not_send_but_receives),
		cmocka_unit_test(test_the_initiator_rekeys_on_sending_after_120_seconds),
		cmocka_unit_test(test_both_rekey_after_two_to_the_sixty_messages),
		cmocka_unit_test(test_the_initiator_rekeys_on_receiving_after_165_seconds),
		cmocka_unit_test(test_as_initiator_the_new_session_is_current_at_once),
		cmocka_unit_test(test_as_initiator_an_unconfirmed_session_becomes_previous),
		cmocka_unit_test(test_as_responder_the_new_session_waits_for_confirmation),
		cmocka_unit_test(test_the_first_data_confirms_the_next_session),
	};

	return cmocka_run_group_tests_name("wireguard/keypair", tests, NULL, NULL);
}
