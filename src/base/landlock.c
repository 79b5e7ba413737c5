#include "base/landlock.h"

#include "base/error.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Newer than the headers that we may be built with. */
struct ruleset {
	uint64_t handled_files;
	uint64_t handled_net;
	uint64_t scoped;
};

#define LOW_BITS(n) ((UINT64_C(1) << (n)) - 1)

/* What each version of the interface knows; rights are numbered without a gap. */
static const struct ruleset known[] = {
	{LOW_BITS(13), 0, 0},			  /* 1: Linux 5.13 */
	{LOW_BITS(14), 0, 0},			  /* 2: refer */
	{LOW_BITS(15), 0, 0},			  /* 3: truncate */
	{LOW_BITS(15), LOW_BITS(2), 0},		  /* 4: TCP bind and connect */
	{LOW_BITS(16), LOW_BITS(2), 0},		  /* 5: ioctl of devices */
	{LOW_BITS(16), LOW_BITS(2), LOW_BITS(2)}, /* 6: abstract sockets, signals */
};

enum { N_KNOWN = sizeof(known) / sizeof(known[0]), CREATE_VERSION = 1 };

#define NET_CONNECT_TCP UINT64_C(2)

/* No rule is added: what is handled is refused everywhere. */
static int make_ruleset(long version, enum landlock_network network)
{
	struct ruleset ruleset = known[(version < N_KNOWN ? version : N_KNOWN) - 1];

	if (network == LANDLOCK_TCP_CONNECT)
		ruleset.handled_net &= ~NET_CONNECT_TCP;
	return (int)syscall(SYS_landlock_create_ruleset, &ruleset, sizeof(ruleset), 0);
}

int landlock_confine(const char *who, enum landlock_network network, struct error *err)
{
	long version = syscall(SYS_landlock_create_ruleset, NULL, (size_t)0, CREATE_VERSION);
	int ruleset;
	long r;

	if (version < 1) /* not built in, switched off, or refused by a filter around us */
		return 0;
	ruleset = make_ruleset(version, network);
	if (ruleset < 0)
		return error_errno(err, errno, "cannot confine the files of %s", who);
	r = syscall(SYS_landlock_restrict_self, ruleset, 0) < 0 ? errno : 0;
	(void)close(ruleset);
	if (r == E2BIG) /* sixteen are around us already, and no more may be */
		return 0;
	return r > 0 ? error_errno(err, (int)r, "cannot confine the files of %s", who) : 0;
}
