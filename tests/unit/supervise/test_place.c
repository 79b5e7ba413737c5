/* Mirrors src/supervise/place.c */
#include "cmocka_all.h"

#include "supervise/own_folder.h"

#include "supervise/place.h"

#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

static struct place find(const char *name)
{
	struct place place;
	struct error err = {0};

	assert_int_equal(place_find(name, &place, &err), 0);
	return place;
}

static void test_paths_are_made_of_the_name(void **state)
{
	struct place place = find("media");

	(void)state;
	assert_non_null(strstr(place.control, "/adit/netns/media/control"));
	assert_non_null(strstr(place.seal, "/adit/netns/media/seal"));
	assert_string_equal(place.netns, "/run/netns/media");
}

static void test_what_is_no_name_is_an_error(void **state)
{
	static const char *const words[] = {"", ".", "..", "-x", "a/b", "../up", "a b"};
	struct place place;

	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		struct error err = {0};

		assert_int_equal(place_find(words[i], &place, &err), -EINVAL);
		assert_non_null(strstr(err.what, "is no name"));
	}
}

static void test_a_name_of_64_characters_is_one_and_65_are_not(void **state)
{
	char name[66];
	struct place place;
	struct error err = {0};

	(void)state;
	memset(name, 'n', sizeof(name));
	name[65] = '\0';
	assert_int_equal(place_find(name, &place, &err), -EINVAL);
	name[64] = '\0';
	assert_int_equal(place_find(name, &place, &err), 0);
}

static void test_a_locked_place_says_that_it_is_up(void **state)
{
	struct place place = find("media");
	struct error err = {0};
	pid_t holder = 0;
	int lock;

	(void)state;
	assert_int_equal(place_make(&place, &err), 0);
	assert_int_equal(place_holder(&place), 0);
	lock = place_lock(&place, &holder, &err);
	assert_true(lock >= 0);
	assert_int_equal(place_holder(&place), getpid());
	assert_int_equal(place_lock(&place, &holder, &err), -EBUSY);
	assert_non_null(strstr(err.what, "'media' is up already"));
	assert_non_null(strstr(err.hint, "adit reload media"));
	(void)close(lock);
	place_remove(&place);
	assert_int_not_equal(access(place.folder, F_OK), 0);
}

static void test_what_was_half_written_is_removed_too(void **state)
{
	struct place place = find("media");
	struct error err = {0};
	char aside[sizeof(place.record) + 4];
	int fd;

	(void)state;
	assert_int_equal(place_make(&place, &err), 0);
	(void)snprintf(aside, sizeof(aside), "%s.new", place.record);
	fd = open(aside, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	(void)close(fd);
	place_remove(&place);
	assert_int_not_equal(access(place.folder, F_OK), 0);
}

static void test_names_are_those_that_are_there_in_order(void **state)
{
	struct place b = find("b");
	struct place a = find("a");
	struct error err = {0};
	char **names = NULL;

	(void)state;
	assert_int_equal(place_names(&names, &err), 0);
	place_names_free(names, 0);
	assert_int_equal(place_make(&b, &err), 0);
	assert_int_equal(place_make(&a, &err), 0);
	assert_int_equal(place_names(&names, &err), 2);
	assert_string_equal(names[0], "a");
	assert_string_equal(names[1], "b");
	place_names_free(names, 2);
	place_remove(&a);
	place_remove(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths_are_made_of_the_name),
		cmocka_unit_test(test_what_is_no_name_is_an_error),
		cmocka_unit_test(test_a_name_of_64_characters_is_one_and_65_are_not),
		cmocka_unit_test(test_a_locked_place_says_that_it_is_up),
		cmocka_unit_test(test_what_was_half_written_is_removed_too),
		cmocka_unit_test(test_names_are_those_that_are_there_in_order),
	};

	return run_in_own_folder("supervise/place", tests);
}
