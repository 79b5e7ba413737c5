/* A TUN device in a network namespace that the test has for itself, where root
 * runs it; elsewhere the tests that need one are skipped.
 */
#ifndef ADIT_TESTS_UNIT_DATAPLANE_PRIVATE_TUN_H
#define ADIT_TESTS_UNIT_DATAPLANE_PRIVATE_TUN_H

#include "base/error.h"
#include "net/tun.h"

#include <net/if.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static bool has_private_netns;

static int enter_private_netns(void **state)
{
	(void)state;
	has_private_netns = unshare(CLONE_NEWNET) == 0;
	return 0;
}

static int set_up(const char *name)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = {.ifr_flags = IFF_UP};
	int r;

	strcpy(request.ifr_name, name);
	r = ioctl(fd, SIOCSIFFLAGS, &request);
	(void)close(fd);
	return r;
}

/* -1: cannot be made here. */
static int open_private_tun(void)
{
	struct error err;
	int fd = -1;

	if (!has_private_netns || set_up("lo") < 0 || tun_create("tun0", &fd, &err) < 0)
		return -1;
	return fd;
}

#endif
