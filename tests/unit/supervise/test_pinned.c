/* Mirrors src/supervise/pinned.c */
#include "cmocka_all.h"

#include "emulated.h"
#include "supervise/own_folder.h"

#include "supervise/pinned.h"
#include "supervise/place.h"

#include "base/error.h"
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static const char own_netns[] = "/proc/self/ns/net";

static int start(void **state)
{
	static struct place place;

	*state = &place;
	return place_find("media", &place, NULL) < 0 || place_make(&place, NULL) < 0;
}

static int stop(void **state)
{
	place_remove(*state);
	return 0;
}

static void write_record(const struct place *place, const struct pinned *record)
{
	int fd = pinned_lock(place, NULL);

	assert_true(fd >= 0);
	assert_int_equal(pinned_write(fd, record, NULL), 0);
	(void)close(fd);
}

static struct pinned record_of(const char *path)
{
	struct stat info;

	assert_int_equal(stat(path, &info), 0);
	return (struct pinned){.device = info.st_dev, .inode = info.st_ino, .is_sealed = true};
}

/* What is found at `path`, as the pin. */
static int find_at(struct place *place, const char *path, struct pinned *ret)
{
	(void)snprintf(place->netns, sizeof(place->netns), "%s", path);
	return pinned_find(place, ret, NULL);
}

static void test_a_record_is_read_as_it_was_written(void **state)
{
	const struct pinned written = {
		.device = 4,
		.inode = 4026532186,
		.holder = 77,
		.origin = PINNED_PATH,
		.cookie = UINT64_MAX,
	};
	struct pinned read = {0};

	write_record(*state, &written);
	assert_int_equal(pinned_read(*state, &read, NULL), 1);
	assert_memory_equal(&read, &written, sizeof(read));
}

static void test_three_numbers_are_a_namespace_of_adits_own(void **state)
{
	const struct place *place = *state;
	struct pinned read = {0};
	int fd = open(place->seal, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_int_equal(fd_write_all(fd, "4 4026532186 0\n", 15), 0);
	(void)close(fd);
	assert_int_equal(pinned_read(place, &read, NULL), 1);
	assert_int_equal(read.inode, 4026532186);
	assert_int_equal(read.origin, PINNED_OWN);
	assert_true(read.is_sealed);
}

static void test_what_is_no_record_says_nothing(void **state)
{
	static const char *const texts[] = {"", "\n", "4", "4 5", "pinned"};
	const struct place *place = *state;
	struct pinned read = {0};

	assert_int_equal(pinned_read(place, &read, NULL), 0);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		int fd = open(place->seal, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

		assert_int_equal(fd_write_all(fd, texts[i], strlen(texts[i])), 0);
		(void)close(fd);
		assert_int_equal(pinned_read(place, &read, NULL), 0);
	}
}

static void test_what_cannot_be_read_is_an_error(void **state)
{
	const struct place *place = *state;
	struct pinned read = {0};
	struct error err = {0};

	assert_int_equal(mkdir(place->seal, 0700), 0);
	assert_int_equal(pinned_read(place, &read, &err), -EISDIR);
	assert_int_equal(pinned_find(place, &read, NULL), -EISDIR);
	assert_int_equal(pinned_lock(place, NULL), -EISDIR);
	assert_non_null(strstr(err.what, place->seal));
	assert_int_equal(rmdir(place->seal), 0);
}

static void test_a_record_that_cannot_be_written_is_an_error(void **state)
{
	const struct pinned record = {0};
	struct error err = {0};
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	(void)state;
	assert_true(pinned_write(fd, &record, &err) < 0);
	assert_non_null(strstr(err.what, "cannot write which namespace is adit's"));
	(void)close(fd);
}

static void test_without_a_record_it_is_nothing_or_somebody_elses(void **state)
{
	struct pinned record = {0};

	assert_int_equal(find_at(*state, "/none", &record), FOUND_NOTHING);
	assert_int_equal(find_at(*state, "/etc", &record), FOUND_OTHERS);
	assert_int_equal(find_at(*state, own_netns, &record), FOUND_OTHERS);
}

static void test_what_has_the_numbers_is_ours(void **state)
{
	struct pinned written = record_of(own_netns);
	struct pinned record = {0};

	write_record(*state, &written);
	assert_int_equal(find_at(*state, own_netns, &record), FOUND_OURS);
	assert_int_equal(record.inode, written.inode);
	assert_int_equal(find_at(*state, "/proc/self/ns/uts", &record), FOUND_OTHERS);
	assert_int_equal(find_at(*state, "/etc", &record), FOUND_REMAINS);
	assert_int_equal(find_at(*state, "/none", &record), FOUND_REMAINS);
}

static void test_a_holder_leads_to_it(void **state)
{
	struct pinned written = record_of(own_netns);
	char buffer[PINNED_PATH_LEN];
	struct pinned record = {0};

	written.holder = getpid();
	write_record(*state, &written);
	assert_int_equal(find_at(*state, "/none", &record), FOUND_OURS);
	assert_string_not_equal(pinned_path(*state, &record, buffer), "/none");
	written.inode++;
	write_record(*state, &written);
	assert_int_equal(find_at(*state, "/none", &record), FOUND_REMAINS);
	written.holder = INT32_MAX; /* nobody's */
	write_record(*state, &written);
	assert_int_equal(find_at(*state, "/none", &record), FOUND_REMAINS);
}

/* They may have made another of that name. */
static void test_another_at_a_pin_of_others_is_no_hindrance(void **state)
{
	struct pinned written = record_of("/proc/self/ns/uts");
	struct pinned record = {0};

	written.origin = PINNED_OTHERS;
	write_record(*state, &written);
	assert_int_equal(find_at(*state, own_netns, &record), FOUND_REMAINS);
	written.origin = PINNED_PATH;
	write_record(*state, &written);
	assert_int_equal(find_at(*state, own_netns, &record), FOUND_OTHERS);
}

static void test_who_may_not_enter_it_is_told_what_that_takes(void **state)
{
	struct pinned written = record_of(own_netns);
	struct place *place = *state;
	struct pinned record = {0};
	struct error err = {0};

	skip_if_emulated("NS_GET_NSTYPE");
	written.origin = PINNED_PATH;
	write_record(place, &written);
	(void)snprintf(place->netns, sizeof(place->netns), "%s", own_netns);
	assert_int_equal(pinned_find(place, &record, &err), -EPERM);
	assert_non_null(strstr(err.hint, "CAP_SYS_ADMIN"));
	assert_non_null(strstr(err.hint, "adit@media"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
	const struct CMUnitTest tests[] = {
		TEST(test_a_record_is_read_as_it_was_written),
		TEST(test_three_numbers_are_a_namespace_of_adits_own),
		TEST(test_what_is_no_record_says_nothing),
		TEST(test_what_cannot_be_read_is_an_error),
		TEST(test_a_record_that_cannot_be_written_is_an_error),
		TEST(test_without_a_record_it_is_nothing_or_somebody_elses),
		TEST(test_what_has_the_numbers_is_ours),
		TEST(test_a_holder_leads_to_it),
		TEST(test_another_at_a_pin_of_others_is_no_hindrance),
		TEST(test_who_may_not_enter_it_is_told_what_that_takes),
	};

	return run_in_own_folder("supervise/pinned", tests);
}
