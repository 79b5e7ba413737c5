/* Mirrors src/wireguard/index.c */
#include "cmocka_all.h"

#include "wireguard/index.h"

#include "base/bytes.h"

#include "repeatable.h"
#include "wireguard/shortage.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Gives the numbers in turn, as indices. */
struct script {
	const uint32_t *number;
	size_t next;
};

static void read_script(void *context, uint8_t *ret, size_t len)
{
	struct script *script = context;

	assert_int_equal(len, 4);
	le32_store(ret, script->number[script->next++]);
}

static struct index_table make_table(struct script *script)
{
	struct index_table table;

	assert_int_equal(
		index_init(&table, (struct random_source){.fill = read_script, .context = script}),
		0);
	return table;
}

static void test_entry_is_found_by_its_index_and_no_other(void **state)
{
	static const uint32_t numbers[] = {5, 5 + 64, 6};
	struct script script = {.number = numbers};
	struct index_table table = make_table(&script);
	struct index_entry one = {.kind = INDEX_HANDSHAKE}, two = {.kind = INDEX_KEYPAIR};

	(void)state;
	index_insert(&table, &one);
	index_insert(&table, &two); /* in the same bucket */
	assert_ptr_equal(index_find(&table, 5), &one);
	assert_ptr_equal(index_find(&table, 5 + 64), &two);
	assert_null(index_find(&table, 5 + 128));
	assert_null(index_find(&table, 6));
	index_done(&table);
}

static void test_index_in_use_is_not_given_again(void **state)
{
	static const uint32_t numbers[] = {7, 7, 7, 8};
	struct script script = {.number = numbers};
	struct index_table table = make_table(&script);
	struct index_entry one = {0}, two = {0};

	(void)state;
	index_insert(&table, &one);
	index_insert(&table, &two);
	assert_int_equal(two.index, 8);
	assert_int_equal(script.next, 4);
	index_done(&table);
}

static void test_inserting_again_gives_a_new_index_and_the_old_one_up(void **state)
{
	static const uint32_t numbers[] = {7, 9};
	struct script script = {.number = numbers};
	struct index_table table = make_table(&script);
	struct index_entry entry = {0};

	(void)state;
	index_insert(&table, &entry);
	index_insert(&table, &entry);
	assert_null(index_find(&table, 7));
	assert_ptr_equal(index_find(&table, 9), &entry);
	assert_int_equal(table.n_entries, 1);
	index_done(&table);
}

static void test_keypair_takes_over_the_index_of_its_handshake(void **state)
{
	static const uint32_t numbers[] = {7};
	struct script script = {.number = numbers};
	struct index_table table = make_table(&script);
	struct index_entry handshake = {.kind = INDEX_HANDSHAKE}, keypair = {.kind = INDEX_KEYPAIR};

	(void)state;
	index_insert(&table, &handshake);
	index_replace(&table, &handshake, &keypair);
	assert_ptr_equal(index_find(&table, 7), &keypair);
	assert_false(handshake.is_listed);
	assert_true(keypair.is_listed);
	assert_int_equal(table.n_entries, 1);
	index_done(&table);
}

static void test_removing_what_is_not_listed_changes_nothing(void **state)
{
	static const uint32_t numbers[] = {7};
	struct script script = {.number = numbers};
	struct index_table table = make_table(&script);
	struct index_entry listed = {0}, unlisted = {.index = 7};

	(void)state;
	index_insert(&table, &listed);
	index_remove(&table, &unlisted);
	assert_ptr_equal(index_find(&table, 7), &listed);
	index_remove(&table, &listed);
	index_remove(&table, &listed);
	assert_null(index_find(&table, 7));
	assert_int_equal(table.n_entries, 0);
	index_done(&table);
}

static void test_twenty_thousand_entries_stay_found_while_the_table_grows(void **state)
{
	enum { N = 20000 };
	struct index_entry *entry = calloc(N, sizeof(*entry));
	struct index_table table;
	uint64_t random = 1;

	(void)state;
	assert_non_null(entry);
	assert_int_equal(index_init(&table, repeatable_source(&random)), 0);
	for (size_t i = 0; i < N; i++) {
		if (i % 1000 == 0)
			assert_int_equal(index_reserve(&table, i + 1000), 0);
		index_insert(&table, &entry[i]);
	}
	assert_true(table.n_buckets >= N);
	assert_int_equal(table.n_entries, N);
	for (size_t i = 0; i < N; i += 2)
		index_remove(&table, &entry[i]);
	for (size_t i = 0; i < N; i++)
		assert_ptr_equal(index_find(&table, entry[i].index), i % 2 ? &entry[i] : NULL);
	index_done(&table);
	free(entry);
}

static void test_room_for_fewer_is_room_enough(void **state)
{
	struct index_table table;
	uint64_t random = 1;

	(void)state;
	assert_int_equal(index_init(&table, repeatable_source(&random)), 0);
	assert_int_equal(index_reserve(&table, 1000), 0);
	assert_int_equal(table.n_buckets, 1024);
	assert_int_equal(index_reserve(&table, 10), 0);
	assert_int_equal(table.n_buckets, 1024);
	index_done(&table);
}

static void test_room_has_a_limit(void **state)
{
	struct index_table table;
	uint64_t random = 1;

	(void)state;
	assert_int_equal(index_init(&table, repeatable_source(&random)), 0);
	assert_int_equal(index_reserve(&table, SIZE_MAX), 0);
	assert_int_equal(table.n_buckets, 1 << 22);
	index_done(&table);
}

static void test_out_of_memory_the_table_works_on(void **state)
{
	static const uint32_t numbers[] = {7, 8};
	struct script script = {.number = numbers};
	struct index_table table;
	struct index_entry one = {0}, two = {0};

	(void)state;
	if (!shortage_is_possible())
		skip();
	table = make_table(&script);
	index_insert(&table, &one);
	shortage_set_calloc(1);
	assert_int_equal(index_reserve(&table, SIZE_MAX), -ENOMEM);
	shortage_set_calloc(0);
	index_insert(&table, &two);
	assert_ptr_equal(index_find(&table, 7), &one);
	assert_ptr_equal(index_find(&table, 8), &two);
	index_done(&table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_entry_is_found_by_its_index_and_no_other),
		cmocka_unit_test(test_index_in_use_is_not_given_again),
		cmocka_unit_test(test_inserting_again_gives_a_new_index_and_the_old_one_up),
		cmocka_unit_test(test_keypair_takes_over_the_index_of_its_handshake),
		cmocka_unit_test(test_removing_what_is_not_listed_changes_nothing),
		cmocka_unit_test(test_twenty_thousand_entries_stay_found_while_the_table_grows),
		cmocka_unit_test(test_room_for_fewer_is_room_enough),
		cmocka_unit_test(test_room_has_a_limit),
		cmocka_unit_test(test_out_of_memory_the_table_works_on),
	};

	return cmocka_run_group_tests_name("wireguard/index", tests, NULL, NULL);
}
