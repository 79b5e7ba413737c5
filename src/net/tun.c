#include "net/tun.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "base/text.h"

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
