/* What a person needs to know when a tunnel does not come up, counted where it
 * is seen.  Plain numbers; each thread counts its own, uapi.c prints the sum.
 */
#ifndef ADIT_DATAPLANE_HEALTH_H
#define ADIT_DATAPLANE_HEALTH_H

#include <stdbool.h>
#include <stdint.h>

struct health {
	int tx_errno;	    /* positive errno of the latest send; 0: it went out */
	uint64_t tx_errors; /* datagrams that the kernel refused */
	/* The latest ICMP or ICMPv6 error about a datagram of ours. */
	int icmp_errno; /* positive errno as the kernel translates it; 0: none came */
	uint8_t icmp_type;
	uint8_t icmp_code;
	bool icmp_is_v6;
	uint64_t icmp_count;
	uint64_t rx_datagrams; /* of any kind, from anybody */
	uint64_t tun_refused;  /* frames of the TUN that contradict themselves */
	uint64_t tun_errors;   /* packets that the TUN did not take */
	uint64_t icmp_sent;    /* unreachable messages written back into the TUN */
	bool is_mark_refused;  /* FwMark needs CAP_NET_ADMIN and was not set */
};

/* What the receiver has counted since it was last asked, onto the sum of it. */
static inline void health_add_received(struct health *sum, const struct health *fresh)
{
	if (fresh->icmp_count > 0) {
		sum->icmp_errno = fresh->icmp_errno;
		sum->icmp_type = fresh->icmp_type;
		sum->icmp_code = fresh->icmp_code;
		sum->icmp_is_v6 = fresh->icmp_is_v6;
		sum->icmp_count += fresh->icmp_count;
	}
	sum->rx_datagrams += fresh->rx_datagrams;
	sum->tun_errors += fresh->tun_errors;
}

#endif
