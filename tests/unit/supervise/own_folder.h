/* A runtime folder of the test's own, and an ordinary user to use it: root's own
 * folder is not for tests.
 */
#ifndef ADIT_TESTS_UNIT_OWN_FOLDER_H
#define ADIT_TESTS_UNIT_OWN_FOLDER_H

#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Runs the group there and returns how many failed; the folder is removed. */
#define run_in_own_folder(name, tests)                                                             \
	__extension__({                                                                            \
		char folder_[] = "/tmp/adit-test-XXXXXX";                                          \
		char remove_[64];                                                                  \
		int failed_ = 1;                                                                   \
                                                                                                   \
		if (own_folder_enter(folder_)) {                                                   \
			failed_ = cmocka_run_group_tests_name(name, tests, NULL, NULL);            \
			(void)snprintf(remove_, sizeof(remove_), "rm -r %s", folder_);             \
			failed_ += system(remove_) != 0;                                           \
		}                                                                                  \
		failed_;                                                                           \
	})

static inline int own_folder_enter(char *folder)
{
	if (geteuid() == 0 && (setgroups(0, NULL) < 0 || setgid(65534) < 0 || setuid(65534) < 0))
		return 0;
	return mkdtemp(folder) && setenv("XDG_RUNTIME_DIR", folder, 1) == 0;
}

#endif
