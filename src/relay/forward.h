/* What is let in from outside: a forward, as the configuration says it. */
#ifndef ADIT_RELAY_FORWARD_H
#define ADIT_RELAY_FORWARD_H

#include "base/address.h"

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

enum relay_protocol { RELAY_TCP, RELAY_UDP };

struct relay_ports {
	uint16_t first; /* host byte order; not 0 */
	uint16_t last;	/* inclusive */
};

/* The n-th port outside leads to the n-th inside. */
struct relay_forward {
	enum relay_protocol protocol;
	bool has_address;
	struct address address;	  /* one of this host's; its link is found by itself */
	char interface[IFNAMSIZ]; /* without an address: all addresses of that link */
	struct relay_ports outside;
	struct relay_ports inside;
};

enum { RELAY_FORWARDS_MAX = 64 };

#endif
