/* Mirrors src/wireguard/allowedips.c */
#include "cmocka_all.h"

#include "wireguard/allowedips.h"

#include "repeatable.h"

#include <errno.h>
#include <string.h>

struct wg_peer {
	struct allowedips_owner owner;
};

enum { N_PEERS = 16 };

struct fixture {
	struct allowedips table;
	struct wg_peer peer[N_PEERS];
};

static int start(void **state)
{
	static struct fixture fixture;

	fixture = (struct fixture){0};
	for (size_t i = 0; i < N_PEERS; i++)
		fixture.peer[i].owner.peer = &fixture.peer[i];
	*state = &fixture;
	return 0;
}

static int stop(void **state)
{
	struct fixture *fixture = *state;

	allowedips_done(&fixture->table);
	return 0;
}

static struct prefix parse(const char *text)
{
	struct prefix prefix;

	assert_true(prefix_parse(text, strlen(text), &prefix));
	return prefix;
}

static void give(struct fixture *fixture, const char *text, size_t peer)
{
	const struct prefix prefix = parse(text);

	assert_int_equal(allowedips_insert(&fixture->table, &prefix, &fixture->peer[peer].owner),
			 0);
}

static bool take(struct fixture *fixture, const char *text, size_t peer)
{
	const struct prefix prefix = parse(text);

	return allowedips_remove(&fixture->table, &prefix, &fixture->peer[peer].owner);
}

/* -1: nobody's */
static int number_of(const struct fixture *fixture, const struct wg_peer *peer)
{
	return peer ? (int)(peer - fixture->peer) : -1;
}

static int whose(const struct fixture *fixture, const char *text)
{
	const struct prefix host = parse(text);

	return number_of(fixture, allowedips_find(&fixture->table, &host.address));
}

/* The owner's prefixes, each followed by a space. */
static void add_text(void *context, const struct prefix *prefix)
{
	char text[PREFIX_TEXT_LEN];

	strcat(context, prefix_print(prefix, text));
	strcat(context, " ");
}

static void check_list(const struct fixture *fixture, size_t peer, const char *expected)
{
	char text[1024] = "";

	allowedips_each(&fixture->table, &fixture->peer[peer].owner, add_text, text);
	assert_string_equal(text, expected);
}

/* ---- by hand ---- */

static void test_empty_table_has_no_owner_for_anything(void **state)
{
	assert_int_equal(whose(*state, "0.0.0.0"), -1);
	assert_int_equal(whose(*state, "::"), -1);
}

static void test_longest_prefix_wins(void **state)
{
	give(*state, "0.0.0.0/0", 0);
	give(*state, "192.168.0.0/16", 1);
	give(*state, "192.168.4.0/24", 2);
	give(*state, "192.168.4.4/32", 3);
	assert_int_equal(whose(*state, "10.1.1.1"), 0);
	assert_int_equal(whose(*state, "192.168.5.1"), 1);
	assert_int_equal(whose(*state, "192.168.4.5"), 2);
	assert_int_equal(whose(*state, "192.168.4.4"), 3);
	assert_int_equal(whose(*state, "192.169.0.0"), 0);
	assert_int_equal(whose(*state, "::1"), -1);
}

static void test_order_of_insertion_does_not_matter(void **state)
{
	give(*state, "192.168.4.4/32", 3);
	give(*state, "192.168.4.0/24", 2);
	give(*state, "0.0.0.0/0", 0);
	give(*state, "192.168.0.0/16", 1);
	assert_int_equal(whose(*state, "10.1.1.1"), 0);
	assert_int_equal(whose(*state, "192.168.5.1"), 1);
	assert_int_equal(whose(*state, "192.168.4.5"), 2);
	assert_int_equal(whose(*state, "192.168.4.4"), 3);
}

/* Prefixes that end on either side of where a 64-bit half ends. */
static void test_ipv6_prefixes_around_64_bits(void **state)
{
	give(*state, "2001:db8:0:2::/63", 1);
	give(*state, "2001:db8:0:3::/64", 2);
	give(*state, "2001:db8:0:3:8000::/65", 3);
	give(*state, "2001:db8:0:3:8000::1/128", 4);
	give(*state, "2001:db8:0:3:8000::/127", 5);
	assert_int_equal(whose(*state, "2001:db8:0:2::9"), 1);
	assert_int_equal(whose(*state, "2001:db8:0:3:7fff::"), 2);
	assert_int_equal(whose(*state, "2001:db8:0:3:8000::2"), 3);
	assert_int_equal(whose(*state, "2001:db8:0:3:8000::1"), 4);
	assert_int_equal(whose(*state, "2001:db8:0:3:8000::"), 5);
	assert_int_equal(whose(*state, "2001:db8:0:4::"), -1);
}

static void test_families_are_apart(void **state)
{
	give(*state, "0.0.0.0/0", 0);
	give(*state, "::/0", 1);
	give(*state, "c0a8:404::/32", 2); /* 192.168.4.4 as bits */
	assert_int_equal(whose(*state, "192.168.4.4"), 0);
	assert_int_equal(whose(*state, "c0a8:404::1"), 2);
	assert_int_equal(whose(*state, "::1"), 1);
}

static void test_host_bits_do_not_count(void **state)
{
	give(*state, "10.1.2.3/8", 0);
	assert_int_equal(whose(*state, "10.9.9.9"), 0);
	assert_true(take(*state, "10.200.0.1/8", 0));
	assert_int_equal(whose(*state, "10.1.2.3"), -1);
}

static void test_prefix_moves_to_the_last_who_asked(void **state)
{
	struct fixture *fixture = *state;

	give(*state, "10.0.0.0/8", 0);
	give(*state, "11.0.0.0/8", 0);
	give(*state, "10.0.0.0/8", 1);
	assert_int_equal(whose(*state, "10.0.0.1"), 1);
	check_list(fixture, 0, "11.0.0.0/8 ");
	check_list(fixture, 1, "10.0.0.0/8 ");
	assert_false(take(*state, "10.0.0.0/8", 0));
	assert_int_equal(whose(*state, "10.0.0.1"), 1);
}

static void test_giving_again_changes_nothing(void **state)
{
	give(*state, "10.0.0.0/8", 0);
	give(*state, "11.0.0.0/8", 0);
	give(*state, "10.0.0.0/8", 0);
	check_list(*state, 0, "10.0.0.0/8 11.0.0.0/8 ");
}

static void test_only_the_very_prefix_is_removed(void **state)
{
	give(*state, "10.0.0.0/8", 0);
	give(*state, "10.1.0.0/16", 0);
	assert_false(take(*state, "10.0.0.0/9", 0));
	assert_false(take(*state, "10.0.0.0/7", 0));
	assert_false(take(*state, "10.0.0.0/16", 0));
	assert_true(take(*state, "10.0.0.0/8", 0));
	assert_int_equal(whose(*state, "10.0.0.1"), -1);
	assert_int_equal(whose(*state, "10.1.0.1"), 0);
}

static void test_fork_is_not_an_owner(void **state)
{
	give(*state, "10.1.0.0/16", 0);
	give(*state, "10.2.0.0/16", 1);
	assert_false(take(*state, "10.0.0.0/14", 0)); /* where the two part */
	assert_int_equal(whose(*state, "10.3.0.1"), -1);
	give(*state, "10.0.0.0/14", 2);
	assert_int_equal(whose(*state, "10.3.0.1"), 2);
	assert_true(take(*state, "10.0.0.0/14", 2));
	assert_int_equal(whose(*state, "10.1.0.1"), 0);
	assert_int_equal(whose(*state, "10.2.0.1"), 1);
}

static void test_removing_an_owner_uncovers_what_was_below(void **state)
{
	struct fixture *fixture = *state;

	give(*state, "0.0.0.0/0", 0);
	give(*state, "::/0", 0);
	give(*state, "10.0.0.0/8", 1);
	give(*state, "10.1.0.0/16", 1);
	give(*state, "2001:db8::/32", 1);
	allowedips_remove_owner(&fixture->table, &fixture->peer[1].owner);
	assert_int_equal(whose(*state, "10.1.0.1"), 0);
	assert_int_equal(whose(*state, "2001:db8::1"), 0);
	check_list(fixture, 1, "");
	check_list(fixture, 0, "0.0.0.0/0 ::/0 ");
}

static void test_list_is_in_order_and_survives_removals(void **state)
{
	give(*state, "10.0.0.3/32", 0);
	give(*state, "fd00::/8", 0);
	give(*state, "10.0.0.1/32", 0);
	give(*state, "::ffff:0:0:1/128", 0);
	check_list(*state, 0, "10.0.0.3/32 fd00::/8 10.0.0.1/32 ::ffff:0:0:1/128 ");
	assert_true(take(*state, "fd00::/8", 0));
	check_list(*state, 0, "10.0.0.3/32 10.0.0.1/32 ::ffff:0:0:1/128 ");
	assert_true(take(*state, "10.0.0.3/32", 0));
	assert_true(take(*state, "::ffff:0:0:1/128", 0));
	check_list(*state, 0, "10.0.0.1/32 ");
	give(*state, "10.0.0.3/32", 0);
	check_list(*state, 0, "10.0.0.1/32 10.0.0.3/32 ");
}

static void test_packets_are_found_by_source_and_destination(void **state)
{
	struct fixture *fixture = *state;
	uint8_t v4[20] = {0x45, [12] = 10, 0, 0, 1, [16] = 10, 0, 0, 2};
	uint8_t v6[40] = {0x60, [8] = 0xfd, [23] = 1, [24] = 0xfd, [39] = 2};

	give(*state, "10.0.0.1/32", 1);
	give(*state, "10.0.0.2/32", 2);
	give(*state, "fd00::1/128", 3);
	give(*state, "fd00::2/128", 4);
	assert_ptr_equal(allowedips_find_source(&fixture->table, v4), &fixture->peer[1]);
	assert_ptr_equal(allowedips_find_destination(&fixture->table, v4), &fixture->peer[2]);
	assert_ptr_equal(allowedips_find_source(&fixture->table, v6), &fixture->peer[3]);
	assert_ptr_equal(allowedips_find_destination(&fixture->table, v6), &fixture->peer[4]);
	v4[0] = 0x55;
	assert_null(allowedips_find_source(&fixture->table, v4));
	assert_null(allowedips_find_destination(&fixture->table, v4));
}

/* A packet's ::ffff:10.0.0.1 is an IPv6 address. */
static void test_mapped_address_in_a_packet_is_not_ipv4(void **state)
{
	struct fixture *fixture = *state;
	const uint8_t v6[40] = {0x60, [18] = 0xff, 0xff, 10, 0, 0, 1};

	give(*state, "10.0.0.1/32", 1);
	assert_null(allowedips_find_source(&fixture->table, v6));
	give(*state, "::/0", 2);
	assert_ptr_equal(allowedips_find_source(&fixture->table, v6), &fixture->peer[2]);
}

static void test_emptied_table_keeps_no_node(void **state)
{
	struct fixture *fixture = *state;
	uint32_t n_nodes;

	for (int round = 0; round < 3; round++) {
		give(*state, "10.1.0.0/16", 0);
		give(*state, "10.2.0.0/16", 1);
		give(*state, "10.2.3.0/24", 2);
		if (round == 0)
			n_nodes = fixture->table.n_nodes;
		assert_int_equal(fixture->table.n_nodes, n_nodes);
		assert_true(take(*state, "10.2.0.0/16", 1));
		assert_true(take(*state, "10.1.0.0/16", 0));
		assert_true(take(*state, "10.2.3.0/24", 2));
		assert_int_equal(fixture->table.root[0], 0);
	}
}

static void test_full_table_refuses_and_stays_as_it_was(void **state)
{
	struct fixture *fixture = *state;
	const struct prefix prefix = parse("10.2.0.0/16");
	uint32_t n_nodes;

	give(*state, "10.1.0.0/16", 0);
	n_nodes = fixture->table.n_nodes;
	fixture->table.n_nodes = 1 << 27;
	assert_int_equal(allowedips_insert(&fixture->table, &prefix, &fixture->peer[1].owner),
			 -ENOMEM);
	fixture->table.n_nodes = n_nodes;
	assert_int_equal(whose(*state, "10.1.0.1"), 0);
	assert_int_equal(whose(*state, "10.2.0.1"), -1);
	check_list(fixture, 1, "");
}

/* ---- against a list that is searched from end to end ---- */

enum { N_LISTED = 256, N_OPERATIONS = 1000000 };

struct oracle {
	struct prefix prefix[N_LISTED];
	int owner[N_LISTED]; /* -1: free */
	size_t used;	     /* places up to here may be in use */
};

static int search(const struct oracle *oracle, const struct address *address)
{
	int found = -1;
	int longest = -1;

	for (size_t i = 0; i < oracle->used; i++) {
		if (oracle->owner[i] < 0 || oracle->prefix[i].len <= longest ||
		    !prefix_contains(&oracle->prefix[i], address))
			continue;
		longest = oracle->prefix[i].len;
		found = oracle->owner[i];
	}
	return found;
}

/* NULL: not there. */
static int *search_prefix(struct oracle *oracle, const struct prefix *prefix)
{
	for (size_t i = 0; i < oracle->used; i++)
		if (oracle->owner[i] >= 0 && oracle->prefix[i].len == prefix->len &&
		    address_equal(&oracle->prefix[i].address, &prefix->address))
			return &oracle->owner[i];
	return NULL;
}

static bool note(struct oracle *oracle, const struct prefix *prefix, int owner)
{
	int *known = search_prefix(oracle, prefix);

	for (size_t i = 0; !known && i < N_LISTED; i++)
		if (i >= oracle->used || oracle->owner[i] < 0) {
			oracle->prefix[i] = *prefix;
			oracle->used = i >= oracle->used ? i + 1 : oracle->used;
			known = &oracle->owner[i];
		}
	if (known)
		*known = owner;
	return known != NULL;
}

/* Few distinct bits, so that prefixes nest and part at every length. */
static struct address random_address(uint64_t *random)
{
	uint64_t high = repeatable_next(random) & repeatable_next(random) & repeatable_next(random);
	uint64_t low = repeatable_next(random) & repeatable_next(random) & repeatable_next(random);
	struct in6_addr v6;

	if (repeatable_next(random) & 1)
		return address_from_v4((struct in_addr){(uint32_t)high});
	memcpy(v6.s6_addr, &high, 8);
	memcpy(v6.s6_addr + 8, &low, 8);
	v6.s6_addr[0] |= 0x20; /* not a mapped IPv4 address */
	return address_from_v6(&v6);
}

static struct prefix random_prefix(uint64_t *random)
{
	struct prefix prefix = {.address = random_address(random)};

	prefix.len = (uint8_t)(repeatable_next(random) % (prefix_full_len(&prefix.address) + 1u));
	prefix_normalize(&prefix);
	return prefix;
}

static void remove_owner(struct fixture *fixture, struct oracle *oracle, int owner)
{
	allowedips_remove_owner(&fixture->table, &fixture->peer[owner].owner);
	for (size_t i = 0; i < oracle->used; i++)
		if (oracle->owner[i] == owner)
			oracle->owner[i] = -1;
}

static void change(struct fixture *fixture, struct oracle *oracle, uint64_t *random)
{
	const struct prefix prefix = random_prefix(random);
	int owner = (int)(repeatable_next(random) % N_PEERS);
	const size_t pick = repeatable_next(random) % N_LISTED;
	int *known;

	switch (repeatable_next(random) % 16) {
	case 0:
		remove_owner(fixture, oracle, owner);
		break;
	case 1 ... 4: /* one that is there, mostly */
		known = pick < oracle->used && oracle->owner[pick] >= 0 ? &oracle->owner[pick]
									: NULL;
		if (!known)
			break;
		assert_true(allowedips_remove(&fixture->table, &oracle->prefix[pick],
					      &fixture->peer[*known].owner));
		*known = -1;
		break;
	case 5: /* one that is not, mostly */
		known = search_prefix(oracle, &prefix);
		assert_int_equal(
			allowedips_remove(&fixture->table, &prefix, &fixture->peer[owner].owner),
			known && *known == owner);
		if (known && *known == owner)
			*known = -1;
		break;
	default:
		if (note(oracle, &prefix, owner))
			assert_int_equal(allowedips_insert(&fixture->table, &prefix,
							   &fixture->peer[owner].owner),
					 0);
	}
}

struct count {
	const struct oracle *oracle;
	int owner;
	size_t n;
};

static void count_prefix(void *context, const struct prefix *prefix)
{
	struct count *count = context;
	struct oracle copy = *count->oracle;
	const int *owner = search_prefix(&copy, prefix);

	assert_non_null(owner);
	assert_int_equal(*owner, count->owner);
	count->n++;
}

static void check_lists(const struct fixture *fixture, const struct oracle *oracle)
{
	for (int owner = 0; owner < N_PEERS; owner++) {
		struct count count = {.oracle = oracle, .owner = owner};
		size_t n = 0;

		allowedips_each(&fixture->table, &fixture->peer[owner].owner, count_prefix, &count);
		for (size_t i = 0; i < oracle->used; i++)
			n += oracle->owner[i] == owner;
		assert_int_equal(count.n, n);
	}
}

static void test_a_million_random_operations_agree_with_a_list(void **state)
{
	static struct oracle oracle;
	struct fixture *fixture = *state;
	uint64_t random = 7;

	oracle = (struct oracle){0};
	for (int i = 0; i < N_OPERATIONS; i++) {
		struct address address;

		if (i % 8 == 0) {
			change(fixture, &oracle, &random);
			continue;
		}
		address = random_address(&random);
		assert_int_equal(number_of(fixture, allowedips_find(&fixture->table, &address)),
				 search(&oracle, &address));
		if (i % 50000 == 1)
			check_lists(fixture, &oracle);
	}
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		EACH(test_empty_table_has_no_owner_for_anything),
		EACH(test_longest_prefix_wins),
		EACH(test_order_of_insertion_does_not_matter),
		EACH(test_ipv6_prefixes_around_64_bits),
		EACH(test_families_are_apart),
		EACH(test_host_bits_do_not_count),
		EACH(test_prefix_moves_to_the_last_who_asked),
		EACH(test_giving_again_changes_nothing),
		EACH(test_only_the_very_prefix_is_removed),
		EACH(test_fork_is_not_an_owner),
		EACH(test_removing_an_owner_uncovers_what_was_below),
		EACH(test_list_is_in_order_and_survives_removals),
		EACH(test_packets_are_found_by_source_and_destination),
		EACH(test_mapped_address_in_a_packet_is_not_ipv4),
		EACH(test_emptied_table_keeps_no_node),
		EACH(test_full_table_refuses_and_stays_as_it_was),
		EACH(test_a_million_random_operations_agree_with_a_list),
	};

	return cmocka_run_group_tests_name("wireguard/allowedips", tests, NULL, NULL);
}
