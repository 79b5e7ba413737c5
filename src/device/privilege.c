#include "device/privilege.h"

#include "base/error.h"
#include "base/nobody.h"
#include "base/secret.h"
#include "dataplane/sandbox.h"

#include <cap-ng.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

static const unsigned int kept[] = {
	CAP_NET_ADMIN,	      /* marks, socket buffers, and the link in another namespace */
	CAP_NET_BROADCAST,    /* what happens to that */
	CAP_NET_BIND_SERVICE, /* ports below 1024 */
	CAP_SETUID,	      /* the data plane's user */
	CAP_SETGID,	      /* and its groups */
	CAP_SETPCAP,	      /* its bounding set */
	CAP_KILL,	      /* its end */
	CAP_IPC_LOCK,	      /* keys in memory that is never swapped */
};

static int keep_capabilities(void)
{
	bool has[sizeof(kept) / sizeof(kept[0])];
	bool may_bound = capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP);

	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		has[i] = capng_have_capability(CAPNG_PERMITTED, kept[i]);
	capng_clear(may_bound ? CAPNG_SELECT_BOTH : CAPNG_SELECT_CAPS);
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		if (has[i])
			(void)capng_update(CAPNG_ADD,
					   CAPNG_EFFECTIVE | CAPNG_PERMITTED |
						   (may_bound ? CAPNG_BOUNDING_SET : 0),
					   kept[i]);
	return capng_apply(may_bound ? CAPNG_SELECT_BOTH : CAPNG_SELECT_CAPS) < 0 ? -EPERM : 0;
}

int privilege_drop(struct error *err)
{
	const struct rlimit none = {0, 0};
	int r = 0;

	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (keep_capabilities() < 0)
		return error_set(err, EPERM, "cannot drop capabilities");
	if (setrlimit(RLIMIT_CORE, &none) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		r = -errno;
	if (r == 0)
		r = secret_protect_process();
	return r < 0 ? error_errno(err, -r, "cannot drop privileges") : 0;
}

void privilege_choose_ids(struct sandbox_options *ret)
{
	ret->has_ids = nobody_is_there();
	ret->uid = NOBODY_ID;
	ret->gid = NOBODY_ID;
}
