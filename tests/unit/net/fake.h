/* A kernel that answers what the test says: the other end of a socket pair. */
#ifndef ADIT_TESTS_UNIT_NET_FAKE_H
#define ADIT_TESTS_UNIT_NET_FAKE_H

#include "net/nlsock.h"

#include <libmnl/libmnl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FAKE_MESSAGE_MAX = 1024 };

struct fake {
	int fd; /* the kernel's end */
	struct nlsock *sock;
	union {
		struct nlmsghdr header;
		char bytes[FAKE_MESSAGE_MAX];
	} message;
};

static inline bool fake_open(struct fake *fake)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0 ||
	    nlsock_adopt(pair[0], &fake->sock, NULL) < 0)
		return false;
	fake->fd = pair[1];
	return true;
}

static inline void fake_close(struct fake *fake)
{
	nlsock_close(fake->sock);
	(void)close(fake->fd);
}

/* Begins a message to the request number `sequence` (from 1) of the handle. */
static inline struct nlmsghdr *fake_begin(struct fake *fake, uint16_t type, uint32_t sequence)
{
	struct nlmsghdr *header = mnl_nlmsg_put_header(fake->message.bytes);

	header->nlmsg_type = type;
	header->nlmsg_seq = sequence;
	return header;
}

static inline void *fake_header(struct fake *fake, size_t len)
{
	return mnl_nlmsg_put_extra_header(&fake->message.header, len);
}

static inline void fake_send_bytes(struct fake *fake, const void *bytes, size_t len)
{
	(void)send(fake->fd, bytes, len, MSG_NOSIGNAL);
}

static inline void fake_send(struct fake *fake)
{
	fake_send_bytes(fake, fake->message.bytes, fake->message.header.nlmsg_len);
}

/* The end of an answer: 0, or a negative errno. */
static inline void fake_end(struct fake *fake, uint32_t sequence, int code)
{
	struct nlmsgerr *error;

	(void)fake_begin(fake, NLMSG_ERROR, sequence);
	error = fake_header(fake, sizeof(*error));
	error->error = code;
	fake_send(fake);
}

/* As fake_end(), with the kernel's own words, of `len` bytes. */
static inline void fake_refuse(struct fake *fake, int code, const char *words, size_t len)
{
	struct nlmsgerr *error;

	fake_begin(fake, NLMSG_ERROR, 1)->nlmsg_flags = NLM_F_CAPPED | NLM_F_ACK_TLVS;
	error = fake_header(fake, sizeof(*error));
	error->error = code;
	mnl_attr_put(&fake->message.header, NLMSGERR_ATTR_MSG, len, words);
	fake_send(fake);
}

#endif
