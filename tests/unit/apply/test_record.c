/* Mirrors src/apply/record.c */
#include "cmocka_all.h"

#include "apply/record.h"
#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/test_record.XXXXXX";
static char path[64];
static struct record record;
static struct record loaded;
static struct error err;

static int make_folder(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	(void)snprintf(path, sizeof(path), "%s/record", folder);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	return rmdir(folder);
}

static int begin(void **state)
{
	(void)state;
	record = (struct record){0};
	loaded = (struct record){0};
	return 0;
}

static int end(void **state)
{
	(void)state;
	record_done(&record);
	record_done(&loaded);
	(void)unlink(path);
	return 0;
}

static struct nftables_image make_image(const char *text)
{
	struct nftables_image image = {.len = strlen(text)};

	image.bytes = malloc(image.len + 1);
	assert_non_null(image.bytes);
	memcpy(image.bytes, text, image.len + 1);
	return image;
}

static void set(enum step_side side, const char *ruleset, const char *said, pid_t loader)
{
	struct nftables_image image = make_image(said);

	assert_int_equal(record_set_table(&record, side, ruleset, &image, loader), 0);
	assert_null(image.bytes);
}

static bool knows(const struct record *known, const char *ruleset, const char *said)
{
	struct nftables_image image = make_image(said);
	bool is_known = record_knows_table(known, SIDE_INSIDE, ruleset, &image);

	free(image.bytes);
	return is_known;
}

static void test_a_table_is_known_by_its_text_and_by_what_the_kernel_says(void **state)
{
	(void)state;
	assert_false(knows(&record, "rules", "image"));
	set(SIDE_INSIDE, "rules", "image", 7);
	assert_true(knows(&record, "rules", "image"));
	assert_false(knows(&record, "other", "image"));
	assert_false(knows(&record, "rules", "imagf"));
	assert_false(knows(&record, "rules", "imag"));
	assert_false(knows(&record, NULL, "image"));
	record_forget_table(&record, SIDE_INSIDE);
	assert_false(knows(&record, "rules", "image"));
}

static void test_what_stood_before_is_kept_for_undo(void **state)
{
	(void)state;
	set(SIDE_INSIDE, "first", "image", 7);
	assert_null(record.table[SIDE_INSIDE].before);
	set(SIDE_INSIDE, "second", "image", 7);
	assert_string_equal(record.table[SIDE_INSIDE].before, "first");
	record_forget_table(&record, SIDE_INSIDE);
	assert_string_equal(record.table[SIDE_INSIDE].before, "second");
	record_forget_table(&record, SIDE_INSIDE);
	assert_string_equal(record.table[SIDE_INSIDE].before, "second");
}

static void save(void)
{
	if (record_save(&record, path, &err) < 0)
		fail_msg("%s", err.what);
}

static void test_all_of_it_comes_back_from_its_file(void **state)
{
	struct stat info;

	(void)state;
	set(SIDE_INSIDE, "rules", "image", 7);
	set(SIDE_HOST, "others", "", 8);
	record.tunnel = 42;
	save();
	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(info.st_mode & 07777, 0600);
	if (record_load(path, &loaded, &err) < 0)
		fail_msg("%s", err.what);
	assert_int_equal(loaded.tunnel, 42);
	assert_true(knows(&loaded, "rules", "image"));
	assert_string_equal(loaded.table[SIDE_HOST].ruleset, "others");
	assert_int_equal(loaded.table[SIDE_INSIDE].loader, 7);
	assert_int_equal(loaded.table[SIDE_HOST].loader, 8);
}

static void test_nothing_known_can_be_saved_too(void **state)
{
	(void)state;
	save();
	assert_int_equal(record_load(path, &loaded, &err), 0);
	assert_null(loaded.table[SIDE_INSIDE].ruleset);
}

static void test_no_file_is_no_record(void **state)
{
	(void)state;
	assert_int_equal(record_load(path, &loaded, &err), -ENOENT);
	assert_non_null(strstr(err.what, path));
	assert_int_equal(record_load("/dev/null/record", &loaded, NULL), -ENOTDIR);
}

/* Cut off or lengthened anywhere, or of another version, it is none. */
static void test_a_file_that_is_not_whole_is_no_record(void **state)
{
	struct stat info;
	int fd;

	(void)state;
	set(SIDE_INSIDE, "rules", "image", 7);
	save();
	assert_int_equal(stat(path, &info), 0);
	for (off_t len = info.st_size + 1; len >= 0; len--) {
		if (len == info.st_size)
			continue;
		assert_int_equal(truncate(path, len), 0);
		assert_int_equal(record_load(path, &loaded, NULL), -EBADMSG);
		assert_null(loaded.table[SIDE_INSIDE].ruleset);
		if (len > info.st_size)
			assert_int_equal(truncate(path, info.st_size), 0);
	}
	save();
	fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_int_equal(pwrite(fd, "adit-r0", 8, 0), 8);
	assert_int_equal(record_load(path, &loaded, NULL), -EBADMSG);
	assert_int_equal(ftruncate(fd, RECORD_FILE_MAX + 1), 0);
	assert_int_equal(record_load(path, &loaded, NULL), -EBADMSG);
	(void)close(fd);
}

static void test_a_file_that_cannot_be_written_leaves_the_old_one(void **state)
{
	char aside[80];

	(void)state;
	record.tunnel = 1;
	save();
	(void)snprintf(aside, sizeof(aside), "%s.new", path);
	assert_int_equal(mkdir(aside, 0700), 0);
	record.tunnel = 2;
	assert_int_equal(record_save(&record, path, &err), -EISDIR);
	assert_non_null(strstr(err.what, "cannot write"));
	assert_int_equal(rmdir(aside), 0);
	assert_int_equal(record_load(path, &loaded, NULL), 0);
	assert_int_equal(loaded.tunnel, 1);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(record_save(&record, path, NULL), -EISDIR);
	assert_int_equal(access(aside, F_OK), -1);
	assert_int_equal(rmdir(path), 0);
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		EACH(test_a_table_is_known_by_its_text_and_by_what_the_kernel_says),
		EACH(test_what_stood_before_is_kept_for_undo),
		EACH(test_all_of_it_comes_back_from_its_file),
		EACH(test_nothing_known_can_be_saved_too),
		EACH(test_no_file_is_no_record),
		EACH(test_a_file_that_is_not_whole_is_no_record),
		EACH(test_a_file_that_cannot_be_written_leaves_the_old_one),
	};

	return cmocka_run_group_tests_name("apply/record", tests, make_folder, remove_folder);
}
