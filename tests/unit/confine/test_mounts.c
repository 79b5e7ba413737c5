/* Mirrors src/confine/mounts.c */
#include "cmocka_all.h"

#include "emulated.h"

#include "base/error.h"
#include "confine/mounts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int parse(const char *text, struct mount_list *ret)
{
	return mounts_parse(strdup(text), ret);
}

static void test_lines_are_read_whatever_optional_fields_they_have(void **state)
{
	struct mount_list list;

	(void)state;
	assert_int_equal(parse("36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw\n"
			       "37 35 0:5 / / rw - tmpfs none rw\n"
			       "38 35 0:6 / /x rw shared:1 master:2 unbindable - nfs4 a:/b rw\n",
			       &list),
			 0);
	assert_int_equal(list.n_entries, 3);
	assert_int_equal(list.entry[0].id, 36);
	assert_string_equal(list.entry[0].path, "/mnt2");
	assert_string_equal(list.entry[0].type, "ext3");
	assert_string_equal(list.entry[0].source, "/dev/root");
	assert_string_equal(list.entry[1].path, "/");
	assert_string_equal(list.entry[2].type, "nfs4");
	assert_string_equal(list.entry[2].source, "a:/b");
	mounts_free(&list);
	assert_int_equal(list.n_entries, 0);
	mounts_free(&list);
}

static void test_octal_escapes_are_undone(void **state)
{
	struct mount_list list;

	(void)state;
	assert_int_equal(
		parse("1 1 0:1 / /a\\040b\\011c\\134d\\9 rw - fuse.x\\040y so\\012urce rw\n",
		      &list),
		0);
	assert_string_equal(list.entry[0].path, "/a b\tc\\d\\9");
	assert_string_equal(list.entry[0].type, "fuse.x y");
	assert_string_equal(list.entry[0].source, "so\nurce");
	mounts_free(&list);
}

static void test_a_line_that_is_none_is_refused(void **state)
{
	static const char *const broken[] = {
		"x 1 0:1 / / rw - t s rw\n", "1 1 0:1 / / rw t s rw\n", "1 1 0:1\n",
		"1 1 0:1 / / rw - t\n",	     "1 1 0:1 / / rw -\n",	"-1 1 0:1 / / rw - t s\n",
	};
	struct mount_list list;

	(void)state;
	for (size_t i = 0; i < sizeof(broken) / sizeof(*broken); i++)
		assert_int_equal(parse(broken[i], &list), -EINVAL);
	assert_int_equal(parse("", &list), 0);
	assert_int_equal(list.n_entries, 0);
	mounts_free(&list);
}

static void test_below_is_by_whole_names(void **state)
{
	(void)state;
	assert_true(mounts_is_below("/run", "/run"));
	assert_true(mounts_is_below("/run/lock", "/run"));
	assert_false(mounts_is_below("/runs", "/run"));
	assert_false(mounts_is_below("/ru", "/run"));
	assert_false(mounts_is_below("/", "/run"));
	assert_true(mounts_is_below("/anything", "/"));
}

static void test_our_own_mounts_are_read_and_seen(void **state)
{
	struct mount_list list;
	struct error err;
	size_t n_seen = 0;

	(void)state;
	assert_int_equal(mounts_read(&list, &err), 0);
	assert_true(list.n_entries > 0);
	for (size_t i = 0; i < list.n_entries; i++)
		n_seen += mounts_is_visible(&list.entry[i]);
	mounts_free(&list);
	skip_if_emulated("STATX_MNT_ID");
	assert_true(n_seen > 0);
}

static void test_a_mount_under_another_is_not_seen(void **state)
{
	const struct mount_entry hidden = {.id = UINT64_MAX, .path = "/", .type = "ext4"};
	const struct mount_entry gone = {.id = 1, .path = "/nonexistent/x", .type = "ext4"};

	(void)state;
	assert_false(mounts_is_visible(&hidden));
	assert_false(mounts_is_visible(&gone));
}

static void collect(void *context, const char *alias)
{
	char *text = context;

	(void)strcat(strcat(text, alias), ";");
}

static void test_other_mounts_of_a_folder_are_its_aliases(void **state)
{
	static const struct {
		const char *path;
		const char *aliases;
	} cases[] = {
		{"/people/u/x", "/sysroot/var/people/u/x;/srv/u/x;"},
		{"/people", "/sysroot/var/people;"},
		{"/srv/u", "/sysroot/var/people/u;/people/u;"},
		{"/sysroot/var/people/u", "/people/u;/srv/u;"},
		{"/sysroot/var", ""}, /* a folder that holds the shown part is not shown */
		{"/run/x", ""},	      /* on another device */
		{"/", ""},
	};
	struct mount_list list;

	(void)state;
	assert_int_equal(parse("1 0 0:9 / / rw - overlay o rw\n"
			       "2 1 8:1 / /sysroot rw - ext4 /dev/sda1 rw\n"
			       "3 1 8:1 /var/people /people rw - ext4 /dev/sda1 rw\n"
			       "4 1 8:1 /var/people/u /srv/u rw - ext4 /dev/sda1 rw\n"
			       "5 1 0:7 / /run rw - tmpfs tmpfs rw\n",
			       &list),
			 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[256] = "";

		mounts_each_alias(&list, cases[i].path, collect, text);
		assert_string_equal(text, cases[i].aliases);
	}
	mounts_free(&list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines_are_read_whatever_optional_fields_they_have),
		cmocka_unit_test(test_octal_escapes_are_undone),
		cmocka_unit_test(test_a_line_that_is_none_is_refused),
		cmocka_unit_test(test_below_is_by_whole_names),
		cmocka_unit_test(test_other_mounts_of_a_folder_are_its_aliases),
		cmocka_unit_test(test_our_own_mounts_are_read_and_seen),
		cmocka_unit_test(test_a_mount_under_another_is_not_seen),
	};

	return cmocka_run_group_tests_name("confine/mounts", tests, NULL, NULL);
}
