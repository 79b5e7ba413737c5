#include "relay/limits.h"

#include "base/error.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/resource.h>

/* Shares of the files, and what each thing takes of them. */
enum {
	FILES_OTHER = 128, /* channels, epoll, and what is being accepted */
	SHARE_LISTENERS = 16,
	SHARE_CLIENTS = 32,
	SHARE_PIPES = 64,
	FILES_PER_CLIENT = 2,
	FILES_PER_PIPE = 2,
	FILES_PER_CONNECTION = 2,
};

int limits_derive(unsigned int files, struct limits *ret, struct error *err)
{
	struct limits limits = {.files = files};

	if (files < LIMITS_FILES_LEAST) {
		(void)error_set(err, EMFILE, "%u open files are allowed, and a relay takes %d",
				files, LIMITS_FILES_LEAST);
		error_hint(err, "raise LimitNOFILE= of the unit, or ulimit -Hn");
		return -EMFILE;
	}
	limits.listeners = files / SHARE_LISTENERS;
	limits.clients = files / SHARE_CLIENTS;
	limits.pipes = files / SHARE_PIPES;
	limits.connections = (files - FILES_OTHER - limits.listeners -
			      FILES_PER_CLIENT * limits.clients - FILES_PER_PIPE * limits.pipes) /
			     FILES_PER_CONNECTION;
	if (limits.connections > LIMITS_CONNECTIONS_MAX)
		limits.connections = LIMITS_CONNECTIONS_MAX;
	*ret = limits;
	return 0;
}

/* Whether a child of ours may have more than our own hard limit: what counts is the
 * capability in the first user namespace, which only trying tells.
 */
static bool may_raise(const struct rlimit *limit)
{
	const struct rlimit more = {limit->rlim_cur, LIMITS_FILES_WANTED};

	return setrlimit(RLIMIT_NOFILE, &more) == 0 && setrlimit(RLIMIT_NOFILE, limit) == 0;
}

int limits_find(struct limits *ret, struct error *err)
{
	struct rlimit limit;
	unsigned int files = LIMITS_FILES_WANTED;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return error_errno(err, errno, "cannot read the limit of open files");
	if (limit.rlim_max < LIMITS_FILES_WANTED && !may_raise(&limit))
		files = (unsigned int)limit.rlim_max;
	return limits_derive(files, ret, err);
}
