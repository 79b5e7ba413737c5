/* How it works.  RTM_NEWLINK with IFLA_NET_NS_FD registers the link in that
 * namespace and tells the driver, as the place where its sockets are to be, the
 * namespace of the netlink socket.
 *
 * Before Linux 6.15 the kernel looks for a link of the wanted name in the netlink
 * socket's namespace, not in the target: a host's own wg0 would keep every wg0
 * out of every namespace.  But it looks by index alone where the request has one,
 * so the second try bears an index that the host does not have.
 */
#include "net/wireguard_link.h"

#include "base/error.h"
#include "net/nlsock.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <sys/random.h>

/* Above all that the kernel counts up to by itself. */
enum { INDEX_BASE = 1 << 30 };

static int choose_index(int *ret, struct error *err)
{
	uint32_t random;

	if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return error_errno(err, errno, "cannot choose an index");
	*ret = INDEX_BASE | (int)(random % INDEX_BASE);
	return 0;
}

/* index 0: the kernel chooses. */
static int create(struct nlsock *sock, const char *name, int netns_fd, uint32_t mtu, int index,
		  struct error *err)
{
	struct nlmsghdr *request = nlsock_begin(sock, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL,
						sizeof(struct ifinfomsg));
	struct ifinfomsg *header = mnl_nlmsg_get_payload(request);
	struct nlattr *info;

	header->ifi_index = index;
	mnl_attr_put_strz(request, IFLA_IFNAME, name);
	mnl_attr_put_u32(request, IFLA_NET_NS_FD, (uint32_t)netns_fd);
	if (mtu)
		mnl_attr_put_u32(request, IFLA_MTU, mtu);
	info = mnl_attr_nest_start(request, IFLA_LINKINFO);
	mnl_attr_put_strz(request, IFLA_INFO_KIND, "wireguard");
	mnl_attr_nest_end(request, info);
	return nlsock_exchange(sock, NULL, NULL, err);
}

int wireguard_link_create(struct nlsock *host_side, const char *name, int netns_fd, uint32_t mtu,
			  struct error *err)
{
	int index = 0;
	int r = create(host_side, name, netns_fd, mtu, index, err);

	if (r == -EEXIST) {
		r = choose_index(&index, err);
		if (r == 0)
			r = create(host_side, name, netns_fd, mtu, index, err);
	}
	if (r < 0)
		(void)error_wrap(err, "cannot create WireGuard link '%s'", name);
	if (r == -EOPNOTSUPP)
		error_hint(err, "this kernel has no WireGuard: write Backend = userspace");
	return r;
}
