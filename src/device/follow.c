#include "device/follow.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "net/link.h"
#include "net/netns.h"
#include "net/nlsock.h"
#include "net/nsid.h"
#include "net/watch.h"

#include <errno.h>

enum { ATTEMPTS = 8 }; /* it may move, or be renamed, between two questions */

int follow_init(struct follow *follow, int tun, struct error *err)
{
	int r;

	*follow = FOLLOW_NONE;
	follow->tun = tun;
	r = netns_open_process(0, &follow->home, err);
	/* before the first question, so that no change falls in between */
	if (r == 0)
		r = watch_open(&follow->events, err);
	if (r == 0)
		r = nlsock_open(&follow->sock, err);
	if (r < 0)
		follow_done(follow);
	return r;
}

void follow_done(struct follow *follow)
{
	nlsock_close(follow->sock);
	fd_cleanup(&follow->events);
	fd_cleanup(&follow->home);
	*follow = FOLLOW_NONE;
}

/* The number of the device's namespace; -1: ours, as far as we may know. */
static int find_namespace(const struct follow *follow, int32_t *ret, struct error *err)
{
	AUTO_FD int netns = -1;
	int r = tun_netns(follow->tun, &netns);

	*ret = -1;
	if (r == -EBADFD)
		return r;
	if (r < 0 || netns_is_same(netns, follow->home))
		return 0;
	return nsid_get(follow->sock, netns, ret, err);
}

static int look(const struct follow *follow, struct follow_state *ret, struct error *err)
{
	struct link_info info = {0};
	int32_t nsid = -1;
	int r = find_namespace(follow, &nsid, err);

	if (r == 0)
		r = tun_name(follow->tun, ret->name);
	if (r == 0)
		r = link_get_in(follow->sock, nsid, ret->name, &info, err);
	if (r < 0)
		return r;
	ret->is_home = nsid < 0;
	ret->is_up = (info.flags & IFF_UP) != 0;
	ret->mtu = info.mtu;
	return 0;
}

int follow_read(struct follow *follow, struct follow_state *ret, struct error *err)
{
	struct follow_state state = {0};
	int r = -ENODEV;

	for (int i = 0; r == -ENODEV && i < ATTEMPTS; i++)
		r = look(follow, &state, err);
	if (r == -EBADFD) {
		*ret = (struct follow_state){.is_gone = true};
		return 0;
	}
	if (r == 0)
		*ret = state;
	return r;
}
