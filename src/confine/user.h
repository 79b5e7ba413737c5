/* Becoming the user for whom a command is run, when adit was started by root.
 *
 * Root's last privileged deed is a helper process that opens /dev/net/tun in
 * the new network namespace (its node may be root's alone); everything else is
 * done as the user, as if the user had started adit.
 */
#ifndef ADIT_CONFINE_USER_H
#define ADIT_CONFINE_USER_H

#include <stddef.h>
#include <sys/types.h>

struct error;

enum { USER_NAME_LEN = 256, USER_HOME_LEN = 4096 };

struct user {
	uid_t uid;
	gid_t gid;
	char name[USER_NAME_LEN];
	char home[USER_HOME_LEN];
	char shell[USER_HOME_LEN];
};

/* The account called `name` (or numbered so).  -ENOENT with words. */
int user_find(const char *name, struct user *ret, struct error *err);

/* Of whom the command shall be when adit runs as root: `asked` (--user) if
 * not NULL, else the one who called sudo, doas or pkexec (SUDO_UID and so on).
 * -EPERM with the hint --user or --as-root when there is none, or it is root.
 */
int user_choose(const char *asked, struct user *ret, struct error *err);

/* Forks the helper; call as root before user_become().  Returns its socket for
 * confine_options.tun_helper, close-on-exec; the helper ends when it is closed
 * everywhere.
 */
int user_helper_start(struct error *err);

/* In the new network namespace: has the helper open /dev/net/tun there.  Once
 * only.  A descriptor, or a negative errno with words.
 */
int user_helper_open_tun(int helper, struct error *err);

/* Supplementary groups, gid, uid, for good; HOME, USER, LOGNAME, SHELL and
 * XDG_RUNTIME_DIR in the environment follow.  Checked: afterwards uid 0 cannot
 * be had back.
 */
int user_become(const struct user *user, struct error *err);

/* The same for now: root's uid is saved.  A child of this process may step up
 * again, for a deed of root's; all step down for good in the end.  Both do
 * nothing in a process that has not stepped down.
 */
int user_step_down(const struct user *user, struct error *err);
int user_step_up(struct error *err);
int user_step_down_for_good(struct error *err);

#endif
