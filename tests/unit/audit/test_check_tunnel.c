/* Mirrors src/audit/check_tunnel.c */
#include "cmocka_all.h"

#include "audit/check_tunnel.h"
#include "audit/finding.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PORT = 51820 };

static struct finding_list list;

static void check(struct check_tunnel seen)
{
	list = (struct finding_list){0};
	check_tunnel(&seen, &list);
}

static void expect(enum verdict verdict, const char *what)
{
	assert_int_equal(list.n, 1);
	assert_int_equal(list.verdict[PROMISE_ONLY_TUNNEL], verdict);
	assert_non_null(strstr(list.at[0].what, what));
}

static void test_a_data_plane_with_its_sockets_outside_breaks_nothing(void **state)
{
	(void)state;
	/* whatever somebody inside has at that port */
	check((struct check_tunnel){.port = PORT,
				    .n_at_port = 2,
				    .n_at_port_inside = 1,
				    .data_plane = 7,
				    .has_sockets = true,
				    .sockets = {.n_outside = 2}});
	assert_int_equal(list.n, 0);
}

static void test_a_socket_of_the_data_planes_inside_is_named_with_it(void **state)
{
	(void)state;
	check((struct check_tunnel){.port = PORT,
				    .data_plane = 7,
				    .has_sockets = true,
				    .sockets = {.n_inside = 2, .inside_fd = 6}});
	expect(VERDICT_BROKEN, "(descriptor 6)");
	assert_int_equal(list.at[0].pid, 7);
	assert_string_equal(list.at[0].name, "adit-dataplane");
}

static void test_without_a_process_the_port_says_where_it_is(void **state)
{
	struct check_tunnel seen = {.is_kernels = true, .port = PORT, .n_at_port = 2};

	(void)state;
	check(seen);
	assert_int_equal(list.n, 0);
	seen.n_at_port_inside = 2;
	check(seen);
	expect(VERDICT_UNKNOWN, "one is inside");
	seen.n_at_port = 0;
	check(seen);
	expect(VERDICT_BROKEN, "one inside has the port");
	seen.n_at_port_inside = 0;
	check(seen);
	expect(VERDICT_BROKEN, "is not in the host's network");
}

static void test_a_process_that_may_not_be_looked_at_is_told_by_the_port(void **state)
{
	(void)state;
	check((struct check_tunnel){.port = PORT, .n_at_port_inside = 1, .data_plane = 7});
	expect(VERDICT_BROKEN, "port 51820");
}

static void test_nobody_who_answers_is_a_question_for_the_kernels_only(void **state)
{
	(void)state;
	check((struct check_tunnel){.is_kernels = true});
	expect(VERDICT_UNKNOWN, "does not answer");
	/* without its data plane there is no socket */
	check((struct check_tunnel){0});
	assert_int_equal(list.n, 0);
}

static void test_sockets_at_a_port_are_counted_in_both_families(void **state)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
	socklen_t len = sizeof(v4);
	int one = 1;
	int a = socket(AF_INET, SOCK_DGRAM, 0);
	int b = socket(AF_INET6, SOCK_DGRAM, 0);
	uint16_t port;

	(void)state;
	v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(a, (struct sockaddr *)&v4, sizeof(v4)), 0);
	assert_int_equal(getsockname(a, (struct sockaddr *)&v4, &len), 0);
	port = ntohs(v4.sin_port);
	assert_int_equal(check_tunnel_count(port), 1);
	v6.sin6_port = v4.sin_port;
	(void)setsockopt(b, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	if (b >= 0 && bind(b, (struct sockaddr *)&v6, sizeof(v6)) == 0)
		assert_int_equal(check_tunnel_count(port), 2);
	(void)close(b);
	(void)close(a);
	assert_int_equal(check_tunnel_count(port), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_data_plane_with_its_sockets_outside_breaks_nothing),
		cmocka_unit_test(test_a_socket_of_the_data_planes_inside_is_named_with_it),
		cmocka_unit_test(test_without_a_process_the_port_says_where_it_is),
		cmocka_unit_test(test_a_process_that_may_not_be_looked_at_is_told_by_the_port),
		cmocka_unit_test(test_nobody_who_answers_is_a_question_for_the_kernels_only),
		cmocka_unit_test(test_sockets_at_a_port_are_counted_in_both_families),
	};

	return cmocka_run_group_tests_name("audit/check_tunnel", tests, NULL, NULL);
}
