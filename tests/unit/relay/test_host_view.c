/* Mirrors src/relay/host_view.c */
#include "cmocka_all.h"

#include "host.h"
#include "namespace.h"

#include "base/error.h"
#include "net/nlsock.h"
#include "relay/host_view.h"

static void add_to_lo(const char *text)
{
	const struct link_address address = {.index = 1, .address = host_prefix(text)};
	struct nlsock *sock;

	assert_int_equal(nlsock_open(&sock, NULL), 0);
	assert_int_equal(ifaddr_add(sock, &address, NULL), 0);
	nlsock_close(sock);
}

static void raise_lo(void)
{
	const struct link_change up = {.flags = IFF_UP, .flags_mask = IFF_UP};
	struct nlsock *sock;

	assert_int_equal(nlsock_open(&sock, NULL), 0);
	assert_int_equal(link_change(sock, "lo", &up, NULL), 0);
	nlsock_close(sock);
}

static void test_links_addresses_and_their_owners_are_found(void **state)
{
	struct host_view view;
	struct prefix wanted = host_prefix("192.0.2.7/24");
	struct prefix other = host_prefix("192.0.2.8/24");

	(void)state;
	NAMESPACE_OR_SKIP();
	raise_lo();
	add_to_lo("192.0.2.7/24");
	assert_int_equal(host_view_read(&view, NULL), 0);
	assert_non_null(host_view_find(&view, "lo"));
	assert_int_equal(host_view_find(&view, "lo")->index, 1);
	assert_null(host_view_find(&view, "lan0"));
	assert_int_equal(host_view_owner(&view, &wanted.address)->index, 1);
	assert_int_equal(host_view_owner(&view, &wanted.address)->address.len, 24);
	assert_null(host_view_owner(&view, &other.address));
	host_view_done(&view);
	assert_null(view.link);
}

static void test_many_addresses_fit(void **state)
{
	struct host_view view;
	char text[32];

	(void)state;
	NAMESPACE_OR_SKIP();
	raise_lo();
	for (int i = 0; i < 100; i++) {
		(void)snprintf(text, sizeof(text), "192.0.2.%d/32", i);
		add_to_lo(text);
	}
	assert_int_equal(host_view_read(&view, NULL), 0);
	assert_true(view.n_addresses >= 100);
	for (int i = 0; i < 100; i++) {
		struct prefix wanted;

		(void)snprintf(text, sizeof(text), "192.0.2.%d/32", i);
		wanted = host_prefix(text);
		assert_non_null(host_view_owner(&view, &wanted.address));
	}
	host_view_done(&view);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_links_addresses_and_their_owners_are_found,
				       namespace_setup),
		cmocka_unit_test_setup(test_many_addresses_fit, namespace_setup),
	};

	return cmocka_run_group_tests_name("relay/host_view", tests, namespace_group_setup, NULL);
}
