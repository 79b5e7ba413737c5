/* Datagrams from the UDP sockets, several with one receive.
 *
 * What the kernel merged (UDP_GRO) comes as one message that says at which
 * length to cut it.  ICMP errors arrive through the error queue (IP_RECVERR);
 * they are counted and never stop anything.
 *
 * Sources: udp(7), linux/udp.h, linux/errqueue.h.
 */
#ifndef ADIT_DATAPLANE_UDP_READER_H
#define ADIT_DATAPLANE_UDP_READER_H

#include "base/address.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct health;
struct udp_reader;

enum {
	UDP_READER_MESSAGES_MAX = 8, /* a receive; each is up to 64 datagrams */
	UDP_READER_ERRORS_MAX = 64,  /* taken at once: a flood of them must not hold us */
	UDP_READER_CONTROL_LEN = 256,
	UDP_READER_BUFFER_LEN = 65536,
};

/* What came with one receive: `len` bytes, cut into datagrams of `segment`. */
struct udp_message {
	uint8_t *bytes; /* borrowed until the next receive */
	size_t len;
	size_t segment; /* at least 1; the last datagram may be shorter */
	union endpoint from;
	union endpoint to; /* the address of ours, port 0; AF_UNSPEC: not known */
	uint32_t ifindex;  /* with `to` */
	uint8_t tos;	   /* outer TOS or traffic class */
};

struct udp_reader *udp_reader_new(void); /* NULL: out of memory */
void udp_reader_free(struct udp_reader *reader);

/* Takes up to UDP_READER_MESSAGES_MAX messages that wait; 0: none.  An error of
 * the socket is an earlier datagram's, and is passed over.
 */
unsigned int udp_reader_receive(struct udp_reader *reader, int fd);
const struct udp_message *udp_reader_message(const struct udp_reader *reader, unsigned int i);

/* Control messages of a received header into ret's segment, to, ifindex and
 * tos: each is set when a message of its kind and length is there.
 */
void udp_reader_parse_control(struct msghdr *header, struct udp_message *ret);

/* Takes what waits in the error queue, UDP_READER_ERRORS_MAX at the most.  True: an ICMP error was
 * among it. */
bool udp_reader_take_errors(int fd, struct health *health);

#endif
