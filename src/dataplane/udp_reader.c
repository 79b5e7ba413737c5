#include "dataplane/udp_reader.h"

#include "dataplane/health.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <linux/udp.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

union control {
	struct cmsghdr align;
	char space[UDP_READER_CONTROL_LEN];
};

struct udp_reader {
	uint8_t *buffer; /* mapped, so that pages come as they are first written */
	struct mmsghdr header[UDP_READER_MESSAGES_MAX];
	struct iovec part[UDP_READER_MESSAGES_MAX];
	union endpoint from[UDP_READER_MESSAGES_MAX];
	union control control[UDP_READER_MESSAGES_MAX];
	struct udp_message message[UDP_READER_MESSAGES_MAX];
};

enum { BUFFERS_LEN = UDP_READER_MESSAGES_MAX * UDP_READER_BUFFER_LEN };

struct udp_reader *udp_reader_new(void)
{
	struct udp_reader *reader = calloc(1, sizeof(*reader));
	void *buffer;

	if (!reader)
		return NULL;
	buffer =
		mmap(NULL, BUFFERS_LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (buffer == MAP_FAILED) {
		free(reader);
		return NULL;
	}
	reader->buffer = buffer;
	for (size_t i = 0; i < UDP_READER_MESSAGES_MAX; i++)
		reader->part[i] = (struct iovec){reader->buffer + i * UDP_READER_BUFFER_LEN,
						 UDP_READER_BUFFER_LEN};
	return reader;
}

void udp_reader_free(struct udp_reader *reader)
{
	if (!reader)
		return;
	(void)munmap(reader->buffer, BUFFERS_LEN);
	free(reader);
}

/* The kernel writes what it filled over these. */
static void prepare(struct udp_reader *reader)
{
	for (size_t i = 0; i < UDP_READER_MESSAGES_MAX; i++)
		reader->header[i].msg_hdr = (struct msghdr){
			.msg_name = &reader->from[i],
			.msg_namelen = sizeof(reader->from[i]),
			.msg_iov = &reader->part[i],
			.msg_iovlen = 1,
			.msg_control = &reader->control[i],
			.msg_controllen = sizeof(reader->control[i]),
		};
}

static bool holds(const struct cmsghdr *control, int level, int type, size_t len)
{
	return control->cmsg_level == level && control->cmsg_type == type &&
	       control->cmsg_len >= CMSG_LEN(len);
}

static void parse_pktinfo(const struct cmsghdr *control, struct udp_message *ret)
{
	struct in_pktinfo v4;
	struct in6_pktinfo v6;

	if (holds(control, IPPROTO_IP, IP_PKTINFO, sizeof(v4))) {
		memcpy(&v4, CMSG_DATA(control), sizeof(v4));
		ret->to.v4 =
			(struct sockaddr_in){.sin_family = AF_INET, .sin_addr = v4.ipi_spec_dst};
		ret->ifindex = (uint32_t)v4.ipi_ifindex;
	} else if (holds(control, IPPROTO_IPV6, IPV6_PKTINFO, sizeof(v6))) {
		memcpy(&v6, CMSG_DATA(control), sizeof(v6));
		ret->to.v6 =
			(struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_addr = v6.ipi6_addr};
		ret->ifindex = v6.ipi6_ifindex;
	}
}

static void parse_one(const struct cmsghdr *control, struct udp_message *ret)
{
	int number;

	if (holds(control, IPPROTO_UDP, UDP_GRO, sizeof(number))) {
		memcpy(&number, CMSG_DATA(control), sizeof(number));
		if (number > 0 && number <= UINT16_MAX)
			ret->segment = (size_t)number;
	} else if (holds(control, IPPROTO_IPV6, IPV6_TCLASS, sizeof(number))) {
		memcpy(&number, CMSG_DATA(control), sizeof(number));
		ret->tos = (uint8_t)number;
	} else if (holds(control, IPPROTO_IP, IP_TOS, 1)) {
		ret->tos = *CMSG_DATA(control);
	} else {
		parse_pktinfo(control, ret);
	}
}

/* CMSG_NXTHDR looks at the length of the next message only. */
static bool is_whole(const struct msghdr *header, const struct cmsghdr *control)
{
	size_t at = (size_t)((const char *)control - (const char *)header->msg_control);

	return control->cmsg_len <= header->msg_controllen - at;
}

void udp_reader_parse_control(struct msghdr *header, struct udp_message *ret)
{
	for (struct cmsghdr *control = CMSG_FIRSTHDR(header); control && is_whole(header, control);
	     control = CMSG_NXTHDR(header, control))
		parse_one(control, ret);
}

static void take(struct udp_reader *reader, unsigned int i)
{
	struct udp_message *message = &reader->message[i];

	*message = (struct udp_message){
		.bytes = reader->part[i].iov_base,
		.len = reader->header[i].msg_len,
		.segment = reader->header[i].msg_len,
		.from = reader->from[i],
	};
	udp_reader_parse_control(&reader->header[i].msg_hdr, message);
	if (message->segment == 0)
		message->segment = 1;
}

unsigned int udp_reader_receive(struct udp_reader *reader, int fd)
{
	int n;

	prepare(reader);
	n = recvmmsg(fd, reader->header, UDP_READER_MESSAGES_MAX, MSG_DONTWAIT, NULL);
	/* a pending error is given once, in place of what waits behind it */
	if (n < 0 && errno != EAGAIN)
		n = recvmmsg(fd, reader->header, UDP_READER_MESSAGES_MAX, MSG_DONTWAIT, NULL);
	for (int i = 0; i < n; i++)
		take(reader, (unsigned int)i);
	return n < 0 ? 0 : (unsigned int)n;
}

const struct udp_message *udp_reader_message(const struct udp_reader *reader, unsigned int i)
{
	return &reader->message[i];
}

static bool note_error(const struct cmsghdr *control, struct health *health)
{
	struct sock_extended_err error;

	if (!holds(control, IPPROTO_IP, IP_RECVERR, sizeof(error)) &&
	    !holds(control, IPPROTO_IPV6, IPV6_RECVERR, sizeof(error)))
		return false;
	memcpy(&error, CMSG_DATA(control), sizeof(error));
	if (error.ee_origin != SO_EE_ORIGIN_ICMP && error.ee_origin != SO_EE_ORIGIN_ICMP6)
		return false;
	/* "too big" is what fragments are for, no refusal */
	if (error.ee_errno == EMSGSIZE)
		return false;
	health->icmp_errno = (int)error.ee_errno;
	health->icmp_type = error.ee_type;
	health->icmp_code = error.ee_code;
	health->icmp_is_v6 = error.ee_origin == SO_EE_ORIGIN_ICMP6;
	health->icmp_count++;
	return true;
}

bool udp_reader_take_errors(int fd, struct health *health)
{
	bool has_icmp = false;
	union control control;
	uint8_t head[1]; /* of the datagram that did not arrive; the rest is cut off */
	struct iovec part = {head, sizeof(head)};

	for (int i = 0; i < UDP_READER_ERRORS_MAX; i++) {
		struct msghdr header = {
			.msg_iov = &part,
			.msg_iovlen = 1,
			.msg_control = &control,
			.msg_controllen = sizeof(control),
		};

		if (recvmsg(fd, &header, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
			break;
		for (struct cmsghdr *at = CMSG_FIRSTHDR(&header); at; at = CMSG_NXTHDR(&header, at))
			has_icmp = note_error(at, health) || has_icmp;
	}
	return has_icmp;
}
