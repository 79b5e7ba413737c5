#include "net/nlsock.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "net/attr.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netlink.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>

struct nlsock {
	int fd;
	bool is_borrowed; /* this memory: it is the caller's */
	uint32_t sequence;
	uint32_t port; /* ours, as the kernel writes it into answers; 0: not a netlink socket */
	union {
		struct nlmsghdr header;
		char bytes[NLSOCK_REQUEST_MAX];
	} request;
	/* struct nlmsghdr's alignment */
	char answer[NLSOCK_ANSWER_MAX] __attribute__((aligned(NLMSG_ALIGNTO)));
};

static int turn_on(int fd, int option)
{
	int on = 1;

	return setsockopt(fd, SOL_NETLINK, option, &on, sizeof(on));
}

/* Kernels without them (the youngest is from 4.20) answer in fewer words. */
static void ask_for_words(int fd)
{
	(void)turn_on(fd, NETLINK_EXT_ACK);
	(void)turn_on(fd, NETLINK_CAP_ACK);
	(void)turn_on(fd, NETLINK_GET_STRICT_CHK);
}

/* 0 for what is no netlink socket: a test's, whose answers bear any number. */
static uint32_t read_port(int fd)
{
	struct sockaddr_nl address = {0};
	socklen_t len = sizeof(address);

	if (getsockname(fd, (struct sockaddr *)&address, &len) < 0 ||
	    address.nl_family != AF_NETLINK)
		return 0;
	return address.nl_pid;
}

size_t nlsock_size(void)
{
	return sizeof(struct nlsock);
}

int nlsock_adopt_in(void *memory, int fd, struct nlsock **ret, struct error *err)
{
	struct timeval wait = {.tv_sec = NLSOCK_WAIT_S};
	struct nlsock *sock = memory;

	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) < 0)
		return error_errno(err, errno, "cannot use a netlink socket");
	sock->fd = fd;
	sock->is_borrowed = true;
	sock->port = read_port(fd);
	*ret = sock;
	return 0;
}

int nlsock_adopt(int fd, struct nlsock **ret, struct error *err)
{
	struct nlsock *sock = calloc(1, sizeof(*sock));
	int r;

	if (!sock)
		return error_errno(err, ENOMEM, "cannot use a netlink socket");
	r = nlsock_adopt_in(sock, fd, ret, err);
	if (r != 0) {
		free(sock);
		return r;
	}
	sock->is_borrowed = false;
	return 0;
}

int nlsock_open(struct nlsock **ret, struct error *err)
{
	return nlsock_open_protocol(NETLINK_ROUTE, ret, err);
}

int nlsock_open_protocol(int protocol, struct nlsock **ret, struct error *err)
{
	AUTO_FD int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
	struct sockaddr_nl address = {.nl_family = AF_NETLINK};
	int r;

	if (fd < 0)
		return error_errno(err, errno, "cannot open a netlink socket");
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return error_errno(err, errno, "cannot bind a netlink socket");
	ask_for_words(fd);
	r = nlsock_adopt(fd, ret, err);
	if (r == 0)
		(void)take_fd(&fd);
	return r;
}

void nlsock_close(struct nlsock *sock)
{
	if (!sock)
		return;
	(void)close(sock->fd);
	if (!sock->is_borrowed)
		free(sock);
}

void nlsock_wipe(struct nlsock *sock)
{
	explicit_bzero(&sock->request, sizeof(sock->request));
	explicit_bzero(sock->answer, sizeof(sock->answer));
}

int nlsock_fd(const struct nlsock *sock)
{
	return sock->fd;
}

uint32_t nlsock_port(const struct nlsock *sock)
{
	return sock->port;
}

struct nlmsghdr *nlsock_begin(struct nlsock *sock, uint16_t type, uint16_t flags, size_t header_len)
{
	struct nlmsghdr *header = mnl_nlmsg_put_header(sock->request.bytes);

	header->nlmsg_type = type;
	header->nlmsg_flags = NLM_F_REQUEST | flags;
	/* A dump ends by itself; everything else ends with the acknowledgement. */
	if ((flags & NLM_F_DUMP) != NLM_F_DUMP)
		header->nlmsg_flags |= NLM_F_ACK;
	header->nlmsg_seq = ++sock->sequence;
	(void)mnl_nlmsg_put_extra_header(header, header_len);
	return header;
}

/* One datagram of the kernel's; what other processes send is passed over. */
static ssize_t receive(struct nlsock *sock, struct error *err)
{
	for (;;) {
		struct sockaddr_nl from = {0};
		struct iovec part = {.iov_base = sock->answer, .iov_len = sizeof(sock->answer)};
		struct msghdr message = {
			.msg_name = &from,
			.msg_namelen = sizeof(from),
			.msg_iov = &part,
			.msg_iovlen = 1,
		};
		ssize_t n = recvmsg(sock->fd, &message, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return error_set(err, ETIMEDOUT, "the kernel does not answer");
		if (n < 0)
			return error_errno(err, errno, "cannot read the kernel's answer");
		if (n == 0)
			return error_set(err, EBADMSG, "the kernel's answer is empty");
		if (message.msg_flags & MSG_TRUNC)
			return error_set(err, EBADMSG, "the kernel's answer is too long");
		if (from.nl_pid == 0)
			return n;
	}
}

/* Where the attributes of the last message begin; 0: nowhere. */
static size_t attributes_offset(const struct nlmsghdr *message)
{
	const struct nlmsgerr *refusal = mnl_nlmsg_get_payload(message);

	if (!(message->nlmsg_flags & NLM_F_ACK_TLVS))
		return 0;
	if (message->nlmsg_type == NLMSG_DONE)
		return sizeof(int);
	if (message->nlmsg_flags & NLM_F_CAPPED)
		return sizeof(*refusal);
	/* Our request stands in between, its own header included. */
	if (refusal->msg.nlmsg_len < sizeof(refusal->msg) ||
	    refusal->msg.nlmsg_len > mnl_nlmsg_get_payload_len(message))
		return 0;
	return sizeof(*refusal) + refusal->msg.nlmsg_len - sizeof(refusal->msg);
}

/* The kernel's own words about a refusal; NULL: none.  Borrowed from the message. */
static const char *refusal_words(const struct nlmsghdr *message)
{
	size_t offset = attributes_offset(message);
	struct attrs attrs;

	if (offset == 0)
		return NULL;
	attrs = attrs_of_message(message, offset);
	while (attrs_next(&attrs))
		if (mnl_attr_get_type(attrs.at) == NLMSGERR_ATTR_MSG &&
		    mnl_attr_validate(attrs.at, MNL_TYPE_NUL_STRING) == 0)
			return mnl_attr_get_str(attrs.at);
	return NULL;
}

/* How an exchange ended, in its last message: NLMSG_ERROR, or NLMSG_DONE, which
 * bears an error in its first four bytes, or nothing.
 */
static int read_end(const struct nlmsghdr *message, struct error *err)
{
	bool is_done = message->nlmsg_type == NLMSG_DONE;
	size_t len = is_done ? sizeof(int) : sizeof(struct nlmsgerr);
	const char *words;
	int code;

	if (mnl_nlmsg_get_payload_len(message) < len)
		return is_done ? 0 : error_set(err, EBADMSG, "the kernel's answer is cut off");
	memcpy(&code, mnl_nlmsg_get_payload(message), sizeof(code));
	if (code == 0)
		return 0;
	if (code > 0 || code < -4095)
		return error_set(err, EBADMSG, "the kernel's answer makes no sense");
	words = refusal_words(message);
	if (words && *words)
		return error_set(err, -code, "%s (%s)", strerror(-code), words);
	return error_set(err, -code, "%s", strerror(-code));
}

/* 1: there is more to come; 0 or negative: the end of the exchange. */
static int read_message(const struct nlmsghdr *message, nlsock_each each, void *context,
			struct error *err)
{
	int r;

	if (message->nlmsg_flags & NLM_F_DUMP_INTR)
		return error_set(err, EINTR, "the list changed while the kernel wrote it");
	switch (message->nlmsg_type) {
	case NLMSG_ERROR:
	case NLMSG_DONE:
		return read_end(message, err);
	case NLMSG_NOOP:
		return 1;
	case NLMSG_OVERRUN:
		return error_set(err, ENOBUFS, "the kernel's answer got lost");
	}
	r = each ? each(context, message) : 0;
	return r < 0 ? error_set(err, -r, "%s", strerror(-r)) : 1;
}

/* As read_message(), for all messages of one datagram. */
static int read_datagram(struct nlsock *sock, size_t len, nlsock_each each, void *context,
			 struct error *err)
{
	size_t at = 0;

	while (at < len) {
		const struct nlmsghdr *message = attr_message(sock->answer + at, len - at);
		int r;

		if (!message)
			return error_set(err, EBADMSG, "the kernel's answer is cut off");
		at += attrs_align(message->nlmsg_len);
		/* The rest of an exchange that was given up. */
		if (!mnl_nlmsg_portid_ok(message, sock->port) ||
		    message->nlmsg_seq != sock->sequence)
			continue;
		r = read_message(message, each, context, err);
		if (r <= 0)
			return r;
	}
	return 1;
}

static int send_request(struct nlsock *sock, struct error *err)
{
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	struct iovec part = {
		.iov_base = sock->request.bytes,
		.iov_len = sock->request.header.nlmsg_len,
	};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
	ssize_t n;

	if (sock->port != 0) {
		message.msg_name = &kernel;
		message.msg_namelen = sizeof(kernel);
	}
	do
		n = sendmsg(sock->fd, &message, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? error_errno(err, errno, "cannot send a netlink request") : 0;
}

int nlsock_exchange(struct nlsock *sock, nlsock_each each, void *context, struct error *err)
{
	int r = send_request(sock, err);

	if (r < 0)
		return r;
	for (unsigned int i = 0; i < NLSOCK_ANSWERS_MAX; i++) {
		ssize_t n = receive(sock, err);

		if (n < 0)
			return (int)n;
		r = read_datagram(sock, (size_t)n, each, context, err);
		if (r <= 0)
			return r;
	}
	return error_set(err, E2BIG, "the kernel's answer does not end");
}
