/* Mirrors src/config/load.c */
#include "cmocka_all.h"

#include "source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];

static const char *path_of(const char *name)
{
	static char path[4][192];
	static unsigned int next;

	next = (next + 1) % 4;
	(void)snprintf(path[next], sizeof(path[next]), "%s/%s", folder, name);
	return path[next];
}

static void put(const char *name, const char *text, mode_t mode)
{
	int fd = open(path_of(name), O_CREAT | O_WRONLY | O_TRUNC, mode);

	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, mode), 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	(void)close(fd);
}

static int make_folder(void **state)
{
	(void)state;
	(void)strcpy(folder, "/tmp/adit-load-XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	static const char *const names[] = {
		"work.conf.d/a.conf",
		"work.conf.d/b.conf",
		"work.conf.d/.c.conf",
		"work.conf.d/d.txt",
		"work.conf.d",
		"work.conf",
		"key",
		"pipe",
		"adit/home.conf",
		"other.conf",
		"adit",
		"cred/key",
		"cred",
		".config/adit/u.conf",
		".config/adit",
		".config",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		(void)remove(path_of(names[i]));
	return rmdir(folder);
}

static struct made_up load(const char *name)
{
	struct made_up made_up = {.report = report_new()};

	made_up.r = config_load(path_of(name), &made_up.profile, made_up.report, &made_up.err);
	return made_up;
}

static void test_file_and_its_drop_ins_are_read_in_order(void **state)
{
	struct made_up made_up;

	(void)state;
	put("work.conf", INTERFACE PEER, 0600);
	assert_int_equal(mkdir(path_of("work.conf.d"), 0700), 0);
	put("work.conf.d/b.conf", "[Lan]\nForward = tcp:2\n", 0644);
	put("work.conf.d/a.conf", "[Lan]\nForward = tcp:ssh->http\n", 0644);
	put("work.conf.d/.c.conf", "junk\n", 0644);
	put("work.conf.d/d.txt", "junk\n", 0644);
	made_up = load("work.conf");
	assert_int_equal(made_up.r, 0);
	assert_int_equal(made_up.profile->n_forwards, 2);
	assert_int_equal(made_up.profile->forward[0].outside.first, 22);
	assert_int_equal(made_up.profile->forward[0].inside.first, 80);
	assert_string_equal(made_up.profile->name, "work");
	source_free(&made_up);
}

static void test_file_that_others_can_read_is_warned_of(void **state)
{
	struct made_up made_up;

	(void)state;
	put("work.conf", INTERFACE PEER, 0644);
	made_up = load("work.conf");
	assert_int_equal(made_up.r, 0);
	assert_int_equal(report_count(made_up.report, REPORT_WARNING), 1);
	source_free(&made_up);
	put("work.conf", INTERFACE PEER, 0640);
	made_up = load("work.conf");
	assert_int_equal(report_count(made_up.report, REPORT_WARNING), 0);
	source_free(&made_up);
}

static void test_what_is_no_file_is_refused_by_name(void **state)
{
	struct made_up missing = load("missing.conf");
	struct made_up directory = load(".");
	struct made_up device = {.report = report_new()};

	(void)state;
	assert_int_equal(missing.r, -ENOENT);
	assert_non_null(strstr(missing.err.what, "missing.conf': No such file or directory"));
	assert_int_equal(directory.r, -EISDIR);
	device.r = config_load("/dev/zero", &device.profile, device.report, &device.err);
	assert_int_equal(device.r, -EINVAL);
	assert_string_equal(device.err.what, "'/dev/zero' is no regular file");
	source_free(&missing);
	source_free(&directory);
	source_free(&device);
}

static void test_key_may_come_from_a_pipe_or_a_credential(void **state)
{
	struct made_up made_up;

	(void)state;
	assert_int_equal(mkdir(path_of("cred"), 0700), 0);
	put("cred/key", KEY_A "\n", 0400);
	put("work.conf",
	    "[Interface]\nAddress = 10.0.0.2\n" PEER "[Namespace]\nPrivateKeyFile = @key\n", 0600);
	assert_int_equal(setenv("CREDENTIALS_DIRECTORY", path_of("cred"), 1), 0);
	made_up = load("work.conf");
	assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
	assert_int_equal(made_up.r, 0);
	assert_int_equal(made_up.profile->private_key.byte[0], 0x78);
	source_free(&made_up);
}

static void test_large_key_file_is_refused(void **state)
{
	static char large[CONFIG_KEY_FILE_MAX + 2];
	struct made_up made_up;

	(void)state;
	memset(large, ' ', CONFIG_KEY_FILE_MAX + 1);
	put("key", large, 0600);
	put("work.conf",
	    "[Interface]\nAddress = 10.0.0.2\n" PEER "[Namespace]\nPrivateKeyFile = key\n", 0600);
	made_up = load("work.conf");
	assert_int_equal(made_up.r, -EBADMSG);
	assert_non_null(strstr(source_remarks(&made_up), "is larger than 4096 bytes"));
	source_free(&made_up);
}

static void test_too_many_drop_ins_are_refused(void **state)
{
	struct made_up made_up;
	char name[64];

	(void)state;
	put("work.conf", INTERFACE PEER, 0600);
	(void)mkdir(path_of("work.conf.d"), 0700);
	for (int i = 0; i <= CONFIG_DROP_INS_MAX; i++) {
		(void)snprintf(name, sizeof(name), "work.conf.d/%02d.conf", i);
		put(name, "", 0600);
	}
	made_up = load("work.conf");
	for (int i = 0; i <= CONFIG_DROP_INS_MAX; i++) {
		(void)snprintf(name, sizeof(name), "work.conf.d/%02d.conf", i);
		(void)unlink(path_of(name));
	}
	assert_int_equal(made_up.r, -E2BIG);
	source_free(&made_up);
}

static void test_drop_ins_that_are_no_folder_do_not_matter(void **state)
{
	struct made_up made_up;

	(void)state;
	put("other.conf", INTERFACE PEER, 0600);
	put("other.conf.d", "", 0600);
	made_up = load("other.conf");
	(void)unlink(path_of("other.conf.d"));
	assert_int_equal(made_up.r, 0);
	source_free(&made_up);
}

static void test_path_is_taken_as_it_is(void **state)
{
	char path[64];
	struct error err;

	(void)state;
	assert_int_equal(config_find("./x", path, sizeof(path), &err), 0);
	assert_string_equal(path, "./x");
	assert_int_equal(config_find("x.conf", path, sizeof(path), &err), 0);
	assert_string_equal(path, "x.conf");
	assert_int_equal(config_find("./xxxxx", path, 5, &err), -ENAMETOOLONG);
}

static void test_name_is_looked_for_in_the_users_folder(void **state)
{
	char path[256];
	struct error err;

	(void)state;
	assert_int_equal(mkdir(path_of("adit"), 0700), 0);
	put("adit/home.conf", "", 0600);
	assert_int_equal(setenv("XDG_CONFIG_HOME", folder, 1), 0);
	assert_int_equal(config_find("home", path, sizeof(path), &err), 0);
	assert_string_equal(path, path_of("adit/home.conf"));
	assert_int_equal(unsetenv("XDG_CONFIG_HOME"), 0);
	assert_int_equal(mkdir(path_of(".config"), 0700), 0);
	assert_int_equal(mkdir(path_of(".config/adit"), 0700), 0);
	put(".config/adit/u.conf", "", 0600);
	assert_int_equal(setenv("HOME", folder, 1), 0);
	assert_int_equal(config_find("u", path, sizeof(path), &err), 0);
	assert_string_equal(path, path_of(".config/adit/u.conf"));
}

static void test_unknown_name_says_where_it_was_looked_for(void **state)
{
	char path[256];
	struct error err;

	(void)state;
	assert_int_equal(config_find("no-such-name", path, sizeof(path), &err), -ENOENT);
	assert_string_equal(err.what, "no configuration 'no-such-name'");
	assert_string_equal(
		err.hint,
		"give a file, or NAME for no-such-name.conf in ~/.config/adit or /etc/adit");
	assert_int_equal(config_find("-x", path, sizeof(path), &err), -ENOENT);
}

static void test_a_name_without_a_configuration_is_no_failure_and_a_wrong_file_is(void **state)
{
	struct profile *profile = (void *)folder;
	char path[PROFILE_PATH_LEN];
	struct error err;

	(void)state;
	assert_int_equal(config_load_named("no-such-name", path, &profile, &err), 0);
	assert_null(profile);
	put("named.conf", "[Interface]\nPrivateKey = short\n", 0600);
	assert_int_equal(config_load_named(path_of("named.conf"), path, &profile, &err), -EBADMSG);
	assert_string_equal(path, path_of("named.conf"));
	(void)unlink(path_of("named.conf"));
	assert_int_not_equal(config_load_named(path_of("named.conf"), path, &profile, &err), 0);
	assert_null(profile);
}

static void test_file_of_the_working_folder_is_no_name(void **state)
{
	char path[256];
	struct error err;

	(void)state;
	put("key", "", 0600);
	assert_int_equal(chdir(folder), 0);
	assert_int_equal(config_find("key", path, sizeof(path), &err), -ENOENT);
	assert_string_equal(err.hint, "for the file of that name here, write ./key");
	assert_int_equal(chdir("/"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_file_and_its_drop_ins_are_read_in_order),
		cmocka_unit_test(test_file_that_others_can_read_is_warned_of),
		cmocka_unit_test(test_what_is_no_file_is_refused_by_name),
		cmocka_unit_test(test_key_may_come_from_a_pipe_or_a_credential),
		cmocka_unit_test(test_large_key_file_is_refused),
		cmocka_unit_test(test_too_many_drop_ins_are_refused),
		cmocka_unit_test(test_drop_ins_that_are_no_folder_do_not_matter),
		cmocka_unit_test(test_path_is_taken_as_it_is),
		cmocka_unit_test(test_name_is_looked_for_in_the_users_folder),
		cmocka_unit_test(test_unknown_name_says_where_it_was_looked_for),
		cmocka_unit_test(
			test_a_name_without_a_configuration_is_no_failure_and_a_wrong_file_is),
		cmocka_unit_test(test_file_of_the_working_folder_is_no_name),
	};

	return cmocka_run_group_tests_name("config/load", tests, make_folder, remove_folder);
}
