/* Where a TUN device is, and what has become of it, also in another network
 * namespace.
 *
 * How it works: only the descriptor of the device is sure; everything else is
 * asked anew when something happened to any link.  The device's namespace is
 * asked about from ours, by number (net/nsid.h), and watched from ours: a socket
 * or a process in there would keep it alive after everybody else has left, and
 * the device with it.  Nothing is polled.
 */
#ifndef ADIT_DEVICE_FOLLOW_H
#define ADIT_DEVICE_FOLLOW_H

#include "net/tun.h"

#include <stdbool.h>
#include <stdint.h>

struct error;
struct nlsock;

struct follow {
	int tun;	     /* borrowed */
	int home;	     /* our network namespace */
	int events;	     /* readable when something happened: net/watch.h */
	struct nlsock *sock; /* in our namespace */
};

#define FOLLOW_NONE ((struct follow){.tun = -1, .home = -1, .events = -1})

struct follow_state {
	bool is_gone; /* deleted: the rest says nothing */
	bool is_home; /* in our namespace */
	bool is_up;
	uint32_t mtu; /* bytes */
	char name[TUN_NAME_LEN];
};

int follow_init(struct follow *follow, int tun, struct error *err);
void follow_done(struct follow *follow);

/* As it is now. */
int follow_read(struct follow *follow, struct follow_state *ret, struct error *err);

#endif
