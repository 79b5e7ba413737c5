/* Mirrors src/tunnel/stats.c */
#include "cmocka_all.h"

#include "tunnel/tunnel.h"

#include <stdlib.h>

static void test_any_peers_handshake_counts(void **state)
{
	struct tunnel_stats stats = {0};

	(void)state;
	assert_false(tunnel_stats_has_handshake(&stats));
	stats.peer = calloc(2, sizeof(*stats.peer));
	stats.n_peers = 2;
	assert_false(tunnel_stats_has_handshake(&stats));
	stats.peer[1].last_handshake.ns = 1;
	assert_true(tunnel_stats_has_handshake(&stats));
	tunnel_stats_done(&stats);
	assert_null(stats.peer);
	tunnel_stats_done(&stats);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_any_peers_handshake_counts),
	};

	return cmocka_run_group_tests_name("tunnel/stats", tests, NULL, NULL);
}
