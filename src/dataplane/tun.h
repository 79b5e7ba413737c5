/* The clear side: a TUN device with a virtio header on every frame.
 *
 * The device lives in the confined namespace; its descriptor is opened there
 * (net/tun.h) and works from anywhere.  Frames in both directions are IP packets, or super-
 * packets of up to 64 KiB that offload_split.h takes apart and offload_merge.h
 * puts together.
 *
 * Sources: linux/if_tun.h, Documentation/networking/tuntap.rst.
 */
#ifndef ADIT_DATAPLANE_TUN_H
#define ADIT_DATAPLANE_TUN_H

#include <linux/virtio_net.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

struct error;

enum { TUN_BACKLOG_MAX = 1000 };

struct tun {
	int fd;	      /* borrowed */
	bool has_uso; /* UDP super-packets, Linux 6.2 and later */
	bool is_bare; /* others opened it without IFF_VNET_HDR: one packet a frame */
};

/* Turns the offloads on, where the device has them, and blocking off.
 * -EINVAL: not opened with IFF_TUN.  That it was with IFF_NO_PI is believed: in
 * the kernel's answer its bit has another meaning (IFF_NOFILTER).
 */
int tun_init(struct tun *tun, int fd, struct error *err);

/* A frame of at most `size` bytes behind its header.  Its length; 0: none
 * waits; or -errno: -EIO while the device is down, -EBADFD when it is gone.
 */
ssize_t tun_read(const struct tun *tun, struct virtio_net_hdr *header, uint8_t *frame, size_t size);

/* Throws away what waits, which is TUN_BACKLOG_MAX frames at the most: a device
 * keeps 500 while nobody reads, and drops what comes later.
 */
void tun_discard(const struct tun *tun);

/* iov[0] is a struct virtio_net_hdr, all zero if the device has none.  0 or -errno. */
int tun_write(const struct tun *tun, const struct iovec *iov, int n);

#endif
