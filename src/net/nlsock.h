/* A netlink socket: one request at a time, answered before the next.
 *
 * A handle stays in the network namespace in which it was opened, also when
 * its process moves on or passes the descriptor.  Answers are taken from the
 * kernel only.  Every wait and every answer is bounded.
 *
 * Source: netlink(7), Documentation/userspace-api/netlink/intro.rst.
 */
#ifndef ADIT_NET_NLSOCK_H
#define ADIT_NET_NLSOCK_H

#include <stddef.h>
#include <stdint.h>

struct error;
struct nlmsghdr;
struct nlsock;

enum {
	NLSOCK_REQUEST_MAX = 4096,  /* bytes of a request */
	NLSOCK_ANSWER_MAX = 65536,  /* bytes of one datagram of an answer */
	NLSOCK_ANSWERS_MAX = 65536, /* datagrams of one answer */
	NLSOCK_WAIT_S = 5,	    /* seconds for each datagram */
};

/* An rtnetlink handle in the caller's network namespace. */
int nlsock_open(struct nlsock **ret, struct error *err);
/* Of another protocol: NETLINK_GENERIC. */
int nlsock_open_protocol(int protocol, struct nlsock **ret, struct error *err);
/* Takes the descriptor over, on success only: one that nlsock_fd() gave and
 * that came by fd_receive(), say.
 */
int nlsock_adopt(int fd, struct nlsock **ret, struct error *err);
/* The same in memory of the caller's: nlsock_size() bytes, zeroed, which outlive
 * the handle; secret_new()'s, where messages hold keys.
 */
size_t nlsock_size(void);
int nlsock_adopt_in(void *memory, int fd, struct nlsock **ret, struct error *err);
void nlsock_close(struct nlsock *sock); /* accepts NULL */
/* Forgets the bytes of the latest request and answer, which held keys. */
void nlsock_wipe(struct nlsock *sock);
int nlsock_fd(const struct nlsock *sock);
/* Ours, as events about what was asked by this handle bear it. */
uint32_t nlsock_port(const struct nlsock *sock);

/* Begins a request in the handle's own buffer: valid until the next begin.
 * `header_len` bytes after the netlink header are zeroed for the family's.
 */
struct nlmsghdr *nlsock_begin(struct nlsock *sock, uint16_t type, uint16_t flags,
			      size_t header_len);

/* A negative return ends the exchange with it. */
typedef int (*nlsock_each)(void *context, const struct nlmsghdr *message);

/* Sends the request begun and waits until the kernel has answered in full.
 * `each` gets every message of the answer but the last one, which says how it
 * ended; NULL where none is wanted.  Negative errno: the kernel's, with its own
 * words in err when it gave any; -EINTR: a dump that changed meanwhile, to be
 * made again; -ETIMEDOUT; -EBADMSG: an answer that is none.
 */
int nlsock_exchange(struct nlsock *sock, nlsock_each each, void *context, struct error *err);

#endif
