#include "dataplane/tun.h"

#include "base/error.h"
#include "base/fd.h"

#include <errno.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* Linux 6.2's linux/if_tun.h has them as TUN_F_USO4 and TUN_F_USO6. */
enum { OFFLOAD_USO4 = 0x20, OFFLOAD_USO6 = 0x40 };

int tun_init(struct tun *tun, int fd, struct error *err)
{
	const unsigned long offloads = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
	int header_len = sizeof(struct virtio_net_hdr);
	struct ifreq request = {0};

	*tun = (struct tun){.fd = fd, .has_uso = true};
	if (ioctl(fd, TUNGETIFF, &request) < 0)
		return error_errno(err, errno, "that is no descriptor of a tunnel device");
	if (!(request.ifr_flags & IFF_TUN))
		return error_set(err, EINVAL, "the device is no tunnel of IP packets (IFF_TUN)");
	if (!(request.ifr_flags & IFF_VNET_HDR)) {
		tun->is_bare = true;
		tun->has_uso = false;
		return fd_set_nonblocking(fd);
	}
	if (ioctl(fd, TUNSETVNETHDRSZ, &header_len) < 0)
		return error_errno(err, errno, "the tunnel device takes no virtio header");
	if (ioctl(fd, TUNSETOFFLOAD, offloads | OFFLOAD_USO4 | OFFLOAD_USO6) < 0) {
		tun->has_uso = false;
		if (ioctl(fd, TUNSETOFFLOAD, offloads) < 0)
			return error_errno(err, errno, "the tunnel device takes no offloads");
	}
	return fd_set_nonblocking(fd);
}

ssize_t tun_read(const struct tun *tun, struct virtio_net_hdr *header, uint8_t *frame, size_t size)
{
	struct iovec iov[] = {{header, sizeof(*header)}, {frame, size}};
	ssize_t n = tun->is_bare ? read(tun->fd, frame, size) : readv(tun->fd, iov, 2);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (tun->is_bare) {
		memset(header, 0, sizeof(*header));
		return n;
	}
	return n < (ssize_t)sizeof(*header) ? -EIO : n - (ssize_t)sizeof(*header);
}

void tun_discard(const struct tun *tun)
{
	struct virtio_net_hdr header;
	uint8_t start[64]; /* the rest of a frame is cut off */

	for (int i = 0; i < TUN_BACKLOG_MAX; i++)
		if (tun_read(tun, &header, start, sizeof(start)) <= 0)
			return;
}

int tun_write(const struct tun *tun, const struct iovec *iov, int n)
{
	int skip = tun->is_bare ? 1 : 0;

	return writev(tun->fd, iov + skip, n - skip) < 0 ? -errno : 0;
}
