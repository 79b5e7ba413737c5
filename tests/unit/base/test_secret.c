/* Mirrors src/base/secret.c
 *
 * munmap(2) is this program's own, so that a test sees the pages as they are
 * given back.
 */
#include "cmocka_all.h"

#include "emulated.h"

#include "base/secret.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const uint8_t key[32] = "not a key, but as long as one is";

static struct {
	unsigned int n_calls;
	size_t len;
	size_t n_nonzero; /* bytes */
} unmapped;

int munmap(void *pages, size_t len)
{
	const uint8_t *at = pages;

	unmapped.n_calls++;
	unmapped.len = len;
	unmapped.n_nonzero = 0;
	for (size_t i = 0; i < len; i++)
		unmapped.n_nonzero += at[i] != 0;
	return (int)syscall(SYS_munmap, pages, len);
}

/* 0 when the child's code returned true. */
static int run_in_child(bool (*code)(void *), void *argument)
{
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (child == 0)
		_exit(code(argument) ? 0 : 1);
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

static void test_new_secret_is_zeroed_and_writable(void **state)
{
	static const size_t sizes[] = {1, 32, 4096 - 64, 4096, 100000};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint8_t *secret = secret_new(sizes[i]);

		assert_non_null(secret);
		assert_true(secret_is_zero(secret, sizes[i]));
		memset(secret, 0xff, sizes[i]);
		secret_free(secret);
	}
}

static void test_freed_secret_was_wiped_before_its_pages_went_back(void **state)
{
	uint8_t *secret = secret_new(5000);
	unsigned int before;

	(void)state;
	assert_non_null(secret);
	memset(secret, 0xff, 5000);
	before = unmapped.n_calls;
	secret_free(secret);
	assert_int_equal(unmapped.n_calls, before + 1);
	assert_in_range(unmapped.len, 5000, 5000 + (size_t)sysconf(_SC_PAGESIZE));
	assert_int_equal(unmapped.n_nonzero, 0);
}

static bool reads_zero(void *secret)
{
	return secret_is_zero(secret, 32);
}

static void test_child_reads_zeroes_where_the_secret_was(void **state)
{
	uint8_t *secret = secret_new(32);

	(void)state;
	assert_non_null(secret);
	skip_if_emulated("MADV_WIPEONFORK");
	memcpy(secret, key, 32);
	assert_int_equal(run_in_child(reads_zero, secret), 0);
	assert_memory_equal(secret, key, 32);
	secret_free(secret);
}

static bool frees_its_copy(void *secret)
{
	secret_free(secret);
	return true;
}

static void test_child_may_free_its_wiped_copy(void **state)
{
	uint8_t *secret = secret_new(32);

	(void)state;
	assert_non_null(secret);
	memcpy(secret, key, 32);
	assert_int_equal(run_in_child(frees_its_copy, secret), 0);
	assert_memory_equal(secret, key, 32);
	secret_free(secret);
}

/* Finds the VmFlags of the mapping that begins at or before `address`. */
static void read_flags(const void *address, char *ret, size_t size)
{
	FILE *file = fopen("/proc/self/smaps", "re");
	unsigned long first = 0;
	unsigned long last = 0;
	char line[512];
	bool is_found = false;

	assert_non_null(file);
	while (!is_found && fgets(line, sizeof(line), file)) {
		(void)sscanf(line, "%lx-%lx ", &first, &last);
		is_found = strncmp(line, "VmFlags:", 8) == 0 && first <= (uintptr_t)address &&
			   (uintptr_t)address < last;
	}
	(void)fclose(file);
	assert_true(is_found);
	(void)snprintf(ret, size, "%s", line);
}

/* proc(5): dd: not in core files, wf: wiped on fork, lo: locked */
static void test_secret_is_kept_from_core_files_and_swap(void **state)
{
	uint8_t *secret = secret_new(32);
	struct rlimit limit;
	char flags[512];

	(void)state;
	assert_non_null(secret);
	skip_if_emulated("MADV_DONTDUMP");
	read_flags(secret, flags, sizeof(flags));
	assert_non_null(strstr(flags, " dd"));
	assert_non_null(strstr(flags, " wf"));
	assert_int_equal(getrlimit(RLIMIT_MEMLOCK, &limit), 0);
#ifndef ADIT_SANITIZED /* AddressSanitizer makes mlock(2) do nothing */
	if (limit.rlim_cur >= 65536)
		assert_non_null(strstr(flags, " lo"));
#endif
	secret_free(secret);
}

#ifdef ADIT_SANITIZED /* AddressSanitizer makes mlock(2) do nothing, and succeed */
enum { PAGE_UNLOCKED = 0 };
#else
enum { PAGE_UNLOCKED = 4096 };
#endif

static bool makes_secret_without_locking(void *unused)
{
	const struct rlimit none = {0, 0};
	uint8_t *secret;

	(void)unused;
	if (setrlimit(RLIMIT_MEMLOCK, &none) < 0)
		return false;
	if (geteuid() == 0 && setresuid(65534, 65534, 65534) < 0)
		return false;
	secret = secret_new(32);
	if (!secret || secret_unlocked() != PAGE_UNLOCKED)
		return false;
	secret_free(secret);
	return secret_unlocked() == 0;
}

static void test_secret_is_made_and_counted_where_locking_is_not_allowed(void **state)
{
	(void)state;
	assert_int_equal(run_in_child(makes_secret_without_locking, NULL), 0);
}

static bool counts_anew(void *unused)
{
	(void)unused;
	secret_count_anew();
	return secret_unlocked() == 0;
}

static bool has_a_child_that_counts_anew(void *unused)
{
	const struct rlimit none = {0, 0};

	(void)unused;
	if (setrlimit(RLIMIT_MEMLOCK, &none) < 0 ||
	    (geteuid() == 0 && setresuid(65534, 65534, 65534) < 0) || !secret_new(32))
		return false;
	return secret_unlocked() == PAGE_UNLOCKED && run_in_child(counts_anew, NULL) == 0;
}

static void test_child_counts_anew(void **state)
{
	(void)state;
	assert_int_equal(run_in_child(has_a_child_that_counts_anew, NULL), 0);
}

static void test_absurd_sizes_are_refused(void **state)
{
	(void)state;
	assert_null(secret_new(SIZE_MAX));
	assert_null(secret_new(SIZE_MAX - 4096));
	assert_null(secret_new(SIZE_MAX / 4));
	secret_free(NULL);
}

static void test_every_single_bit_makes_secrets_unequal(void **state)
{
	uint8_t other[32];

	(void)state;
	memcpy(other, key, 32);
	assert_true(secret_equal(key, other, 32));
	assert_true(secret_equal(key, "", 0));
	for (size_t bit = 0; bit < 256; bit++) {
		other[bit / 8] = (uint8_t)(other[bit / 8] ^ 1U << bit % 8);
		assert_false(secret_equal(key, other, 32));
		other[bit / 8] = key[bit / 8];
	}
}

static void test_every_single_bit_makes_a_secret_nonzero(void **state)
{
	uint8_t bytes[33] = {0};

	(void)state;
	bytes[32] = 1; /* beyond the end: not looked at */
	assert_true(secret_is_zero(bytes, 32));
	assert_true(secret_is_zero(bytes, 0));
	for (size_t bit = 0; bit < 256; bit++) {
		bytes[bit / 8] = (uint8_t)(1U << bit % 8);
		assert_false(secret_is_zero(bytes, 32));
		bytes[bit / 8] = 0;
	}
}

static void test_wiping_leaves_its_neighbours_alone(void **state)
{
	uint8_t bytes[4] = {1, 2, 3, 4};

	(void)state;
	secret_wipe(bytes + 1, 2);
	assert_memory_equal(bytes, "\1\0\0\4", 4);
}

static struct secret_key *wiped;

/* Called as the scope ends, after the key's own cleanup: declared before it. */
static void look_at_wiped(const int *unused)
{
	(void)unused;
	assert_true(secret_is_zero(wiped, sizeof(*wiped)));
	wiped = NULL;
}

static void test_key_on_the_stack_is_wiped_at_the_end_of_its_scope(void **state)
{
	(void)state;
	{
		__attribute__((cleanup(look_at_wiped))) int look = 0;
		AUTO_WIPE struct secret_key copy;

		(void)look;
		memcpy(copy.byte, key, sizeof(copy.byte));
		wiped = &copy;
	}
	assert_null(wiped);
}

static bool is_protected(void *unused)
{
	(void)unused;
	return secret_protect_process() == 0 && prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0;
}

static void test_binding_early_changes_nothing_else(void **state)
{
	(void)state;
	secret_bind_early();
}

static void test_protected_process_is_not_dumpable(void **state)
{
	(void)state;
	assert_int_equal(run_in_child(is_protected, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_new_secret_is_zeroed_and_writable),
		cmocka_unit_test(test_freed_secret_was_wiped_before_its_pages_went_back),
		cmocka_unit_test(test_child_reads_zeroes_where_the_secret_was),
		cmocka_unit_test(test_child_may_free_its_wiped_copy),
		cmocka_unit_test(test_secret_is_kept_from_core_files_and_swap),
		cmocka_unit_test(test_secret_is_made_and_counted_where_locking_is_not_allowed),
		cmocka_unit_test(test_child_counts_anew),
		cmocka_unit_test(test_absurd_sizes_are_refused),
		cmocka_unit_test(test_every_single_bit_makes_secrets_unequal),
		cmocka_unit_test(test_every_single_bit_makes_a_secret_nonzero),
		cmocka_unit_test(test_wiping_leaves_its_neighbours_alone),
		cmocka_unit_test(test_key_on_the_stack_is_wiped_at_the_end_of_its_scope),
		cmocka_unit_test(test_binding_early_changes_nothing_else),
		cmocka_unit_test(test_protected_process_is_not_dumpable),
	};

	return cmocka_run_group_tests_name("base/secret", tests, NULL, NULL);
}
