/* Mirrors src/supervise/hidden.c */
#include "cmocka_all.h"

#include "supervise/own_folder.h"

#include "supervise/hidden.h"
#include "supervise/place.h"

#include "base/error.h"
#include "config/profile.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

static struct place place;

static int make_place(void **state)
{
	struct error err = {0};

	(void)state;
	return place_find("media", &place, &err) == 0 ? place_make(&place, &err) : -1;
}

static int remove_place(void **state)
{
	(void)state;
	place_remove(&place);
	return 0;
}

static void test_all_files_of_a_profile_are_listed(void **state)
{
	char *keys[] = {(char[]){"/k/one"}, (char[]){"/k/two"}};
	static struct profile profile;
	struct hidden hidden = {0};

	(void)state;
	profile.file[0] = (char[]){"/etc/adit/media.conf"};
	profile.n_files = 1;
	profile.key_file = keys;
	profile.n_key_files = 2;
	assert_int_equal(hidden_add_profile(&hidden, &profile), 0);
	assert_int_equal(hidden.n_paths, 3);
	assert_string_equal(hidden.path[0], "/etc/adit/media.conf");
	assert_string_equal(hidden.path[2], "/k/two");
	hidden_done(&hidden);
	assert_int_equal(hidden.n_paths, 0);
}

static void test_links_are_followed_and_what_cannot_be_reached_goes(void **state)
{
	struct hidden hidden = {0};

	(void)state;
	assert_int_equal(hidden_add(&hidden, "/nonexistent"), 0);
	assert_int_equal(hidden_add(&hidden, "/usr/../etc/passwd"), 0);
	hidden_resolve(&hidden);
	assert_int_equal(hidden.n_paths, 1);
	assert_string_equal(hidden.path[0], "/etc/passwd");
	hidden_done(&hidden);
}

static void test_the_list_is_read_as_it_was_saved_last(void **state)
{
	struct hidden hidden = {0};
	struct hidden read = {0};
	struct error err = {0};
	struct stat info;

	(void)state;
	assert_int_equal(hidden_add(&hidden, "/with a space/key"), 0);
	assert_int_equal(hidden_add(&hidden, "/usr/../etc/passwd"), 0);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(hidden_save(&hidden, &place, &err), 0);
	assert_int_equal(hidden_load(&read, &place, &err), 0);
	assert_int_equal(read.n_paths, 2);
	assert_string_equal(read.path[0], "/with a space/key");
	assert_string_equal(read.path[1], "/etc/passwd");
	assert_int_equal(stat(place.hidden, &info), 0);
	assert_int_equal(info.st_mode & 0777, 0600);
	hidden_done(&read);
	hidden_done(&hidden);
}

static void test_no_list_is_told_apart_from_an_empty_one(void **state)
{
	struct hidden hidden = {0};
	struct error err = {0};

	(void)state;
	assert_int_equal(hidden_load(&hidden, &place, &err), -ENOENT);
	assert_int_equal(hidden_save(&hidden, &place, &err), 0);
	assert_int_equal(hidden_load(&hidden, &place, &err), 0);
	assert_int_equal(hidden.n_paths, 0);
	hidden_done(&hidden);
}

static void test_a_folder_that_is_gone_is_an_error(void **state)
{
	struct hidden hidden = {0};
	struct error err = {0};

	(void)state;
	place_remove(&place);
	assert_int_equal(hidden_save(&hidden, &place, &err), -ENOENT);
	assert_non_null(strstr(err.what, place.hidden));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_files_of_a_profile_are_listed),
		cmocka_unit_test(test_links_are_followed_and_what_cannot_be_reached_goes),
		cmocka_unit_test_setup_teardown(test_the_list_is_read_as_it_was_saved_last,
						make_place, remove_place),
		cmocka_unit_test_setup_teardown(test_no_list_is_told_apart_from_an_empty_one,
						make_place, remove_place),
		cmocka_unit_test_setup(test_a_folder_that_is_gone_is_an_error, make_place),
	};

	return run_in_own_folder("supervise/hidden", tests);
}
