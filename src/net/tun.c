#include "net/tun.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "base/text.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>

#define TUN_PATH "/dev/net/tun"

static int explain_open(int code, struct error *err)
{
	(void)error_errno(err, code, "cannot open '" TUN_PATH "'");
	if (code == ENOENT || code == ENODEV || code == ENXIO)
		error_hint(err, "load the kernel's module: modprobe tun");
	else if (code == EACCES || code == EPERM)
		error_hint(err, "it must be readable and writable for this user (mode 0666, as "
				"udev makes it); a container needs --device=" TUN_PATH);
	return -code;
}

/* syscalls: openat */
int tun_open(int *ret_fd, struct error *err)
{
	int fd = open(TUN_PATH, O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return explain_open(errno, err);
	*ret_fd = fd;
	return 0;
}

/* syscalls: ioctl(TUNSETIFF) */
int tun_attach(int fd, const char *name, struct error *err)
{
	struct ifreq request = {
		.ifr_flags = (short)(IFF_TUN | IFF_NO_PI | IFF_VNET_HDR | IFF_TUN_EXCL),
	};
	size_t len = strlen(name);

	if (!text_is_link_name(name, len))
		return error_set(err, EINVAL, "'%s' is not the name of a link", name);
	memcpy(request.ifr_name, name, len + 1);
	if (ioctl(fd, TUNSETIFF, &request) < 0)
		return error_errno(err, errno, "cannot create link '%s'", name);
	return 0;
}

static_assert((int)TUN_NAME_LEN == IFNAMSIZ, "linux/if.h");

/* As the kernel takes them; a %d is a number of its own choice. */
static bool is_any_name(const char *name)
{
	size_t len = strlen(name);

	return len > 0 && len < IFNAMSIZ && strcmp(name, ".") != 0 && strcmp(name, "..") != 0 &&
	       strcspn(name, "/: \t\n\v\f\r") == len;
}

static int explain_attach(int code, const char *name, struct error *err)
{
	if (if_nametoindex(name) != 0) {
		(void)error_set(err, code, "cannot create link '%s': there is one%s", name,
				code == EBUSY ? ", and a program runs it" : " of another kind");
		if (code == EBUSY)
			error_hint(err, "ip link delete %s ends it", name);
		else
			error_hint(err, "choose another name");
		return -code;
	}
	(void)error_errno(err, code, "cannot create link '%s'", name);
	if (code == EPERM)
		error_hint(err, "that needs root, or CAP_NET_ADMIN over this network namespace");
	else if (code == EINVAL)
		error_hint(err, "the kernel has another use for that name: choose another");
	return -code;
}

/* syscalls: ioctl(TUNSETIFF) */
int tun_attach_any(int fd, const char *name, char ret[TUN_NAME_LEN], struct error *err)
{
	struct ifreq request = {.ifr_flags = (short)(IFF_TUN | IFF_NO_PI | IFF_VNET_HDR)};

	if (!is_any_name(name))
		return error_set(err, EINVAL,
				 "'%s' is not the name of a link: 1 to 15 characters, none of "
				 "them '/', ':' or a space, and not '.' or '..'",
				 name);
	(void)strcpy(request.ifr_name, name);
	if (ioctl(fd, TUNSETIFF, &request) < 0)
		return explain_attach(errno, name, err);
	memcpy(ret, request.ifr_name, TUN_NAME_LEN);
	return 0;
}

/* syscalls: ioctl(TUNGETIFF) */
int tun_name(int fd, char ret[TUN_NAME_LEN])
{
	struct ifreq request = {0};

	if (ioctl(fd, TUNGETIFF, &request) < 0)
		return errno == ENOTTY ? -EINVAL : -errno;
	memcpy(ret, request.ifr_name, TUN_NAME_LEN);
	return 0;
}

/* The kernel makes it close-on-exec.  syscalls: ioctl(TUNGETDEVNETNS) */
int tun_netns(int fd, int *ret_netns)
{
	int netns = ioctl(fd, TUNGETDEVNETNS);

	if (netns < 0)
		return -errno;
	*ret_netns = netns;
	return 0;
}

int tun_create(const char *name, int *ret_fd, struct error *err)
{
	AUTO_FD int fd = -1;
	int r = tun_open(&fd, err);

	if (r == 0)
		r = tun_attach(fd, name, err);
	if (r == 0)
		*ret_fd = take_fd(&fd);
	return r;
}
