/* Mirrors src/net/chains.c */
#include "cmocka_all.h"

#include "namespace.h"

#include "base/error.h"
#include "net/chains.h"
#include "net/nft.h"
#include "net/nftables.h"
#include "net/nlsock.h"

#include <linux/netfilter.h>

static struct nlsock *sock;

static int setup(void **state)
{
	int r = namespace_setup(state);

	return r == 0 && !namespace_reason ? nftables_open(&sock, NULL) : r;
}

static int teardown(void **state)
{
	(void)state;
	nlsock_close(sock);
	sock = NULL;
	return 0;
}

static void load(void)
{
	static const char text[] = "table ip filter {\n"
				   "	chain DOCKER-USER { }\n"
				   "	chain FORWARD {\n"
				   "		type filter hook forward priority 0; policy drop;\n"
				   "		iifname \"br0\" accept\n"
				   "	}\n"
				   "}\n"
				   "table inet other {\n"
				   "	chain in { type filter hook input priority 0; }\n"
				   "	chain x { iifname \"ve-media\" accept; }\n"
				   "}\n";
	struct error err;

	if (nft_apply(text, &err) < 0)
		fail_msg("%s", err.what);
}

enum { CHAINS_MAX = 8 };

struct list {
	struct chain chain[CHAINS_MAX];
	size_t n;
	int r; /* what to say */
};

static int keep(void *context, const struct chain *chain)
{
	struct list *list = context;

	assert_in_range(list->n, 0, CHAINS_MAX - 1);
	list->chain[list->n++] = *chain;
	return list->r;
}

static const struct chain *find(const struct list *list, const char *name)
{
	for (size_t i = 0; i < list->n; i++)
		if (strcmp(list->chain[i].name, name) == 0)
			return &list->chain[i];
	fail_msg("no chain '%s'", name);
	return NULL;
}

static void test_all_chains_of_all_tables_are_listed(void **state)
{
	struct list list = {0};

	(void)state;
	NAMESPACE_OR_SKIP();
	assert_int_equal(chains_dump(sock, keep, &list, NULL), 0);
	assert_int_equal(list.n, 0);
	load();
	assert_int_equal(chains_dump(sock, keep, &list, NULL), 0);
	assert_int_equal(list.n, 4);
	assert_string_equal(find(&list, "FORWARD")->table, "filter");
	assert_int_equal(find(&list, "FORWARD")->family, NFPROTO_IPV4);
	assert_true(find(&list, "FORWARD")->is_base && find(&list, "FORWARD")->drops);
	assert_int_equal(find(&list, "FORWARD")->hook, NF_INET_FORWARD);
	assert_false(find(&list, "DOCKER-USER")->is_base);
	assert_true(find(&list, "in")->is_base);
	assert_int_equal(find(&list, "in")->hook, NF_INET_LOCAL_IN);
	assert_false(find(&list, "in")->drops);
}

static void test_a_word_is_looked_for_in_one_table(void **state)
{
	struct list list = {0};
	bool is_found = true;

	(void)state;
	NAMESPACE_OR_SKIP();
	load();
	assert_int_equal(chains_dump(sock, keep, &list, NULL), 0);
	assert_int_equal(chains_mention(sock, find(&list, "FORWARD"), "ve-media", &is_found, NULL),
			 0);
	assert_false(is_found);
	assert_int_equal(chains_mention(sock, find(&list, "FORWARD"), "br0", &is_found, NULL), 0);
	assert_true(is_found);
	assert_int_equal(chains_mention(sock, find(&list, "in"), "ve-media", &is_found, NULL), 0);
	assert_true(is_found);
}

static void test_the_callers_refusal_ends_the_list(void **state)
{
	struct list list = {.r = -EBADMSG};
	struct error err;

	(void)state;
	NAMESPACE_OR_SKIP();
	load();
	assert_int_equal(chains_dump(sock, keep, &list, &err), -EBADMSG);
	assert_non_null(strstr(err.what, "cannot list the chains"));
	assert_int_equal(list.n, 1);
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		EACH(test_all_chains_of_all_tables_are_listed),
		EACH(test_a_word_is_looked_for_in_one_table),
		EACH(test_the_callers_refusal_ends_the_list),
	};

	return cmocka_run_group_tests_name("net/chains", tests, namespace_group_setup, NULL);
}
