/* TUN devices.
 *
 * Source: Documentation/networking/tuntap.rst, linux/if_tun.h.
 */
#ifndef ADIT_NET_TUN_H
#define ADIT_NET_TUN_H

struct error;

/* Makes the device in the caller's network namespace (a TUN descriptor belongs
 * to the namespace that /dev/net/tun was opened in) and returns the descriptor:
 * no packet information, a virtio_net_hdr of the kernel's default 10 bytes in
 * front of every packet, close-on-exec, not blocking.
 *
 * One queue: with several, a process without any capability could attach
 * another and read clear packets.  Never persistent: the device is gone with
 * the last descriptor, whoever dies.
 *
 * -EINVAL: not a name; -EBUSY: there is such a link; -ENOENT, -EACCES, -EPERM:
 * no /dev/net/tun, or not for us (with a hint).
 */
int tun_create(const char *name, int *ret_fd, struct error *err);

/* The two halves of it: /dev/net/tun, and the device of a descriptor that has
 * none yet, which stays the caller's.
 */
int tun_open(int *ret_fd, struct error *err);
int tun_attach(int fd, const char *name, struct error *err);

enum { TUN_NAME_LEN = 16 }; /* IFNAMSIZ: final NUL included */

/* As other programs make their devices: `name` may have a %d in it, for the first
 * number that is free, and may be a device that is there, persistent and used
 * by nobody.  Its name in the end goes to ret.
 */
int tun_attach_any(int fd, const char *name, char ret[TUN_NAME_LEN], struct error *err);
/* Now, which may be another than at first.  -EBADFD: the device is gone; -EINVAL:
 * no TUN's descriptor.
 */
int tun_name(int fd, char ret[TUN_NAME_LEN]);
/* The network namespace that the device is in now.  -EBADFD; -EPERM: it needs
 * CAP_NET_ADMIN over that.
 */
int tun_netns(int fd, int *ret_netns);

#endif
