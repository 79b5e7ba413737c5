#include "net/nsid.h"

#include "base/error.h"
#include "net/attr.h"
#include "net/nlsock.h"

#include <errno.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>

static int keep(void *context, const struct nlmsghdr *message)
{
	struct attrs attrs = attrs_of_message(message, sizeof(struct rtgenmsg));
	int32_t *found = context;

	while (message->nlmsg_type == RTM_NEWNSID && attrs_next(&attrs))
		if (mnl_attr_get_type(attrs.at) == NETNSA_NSID &&
		    mnl_attr_validate(attrs.at, MNL_TYPE_U32) == 0)
			*found = (int32_t)mnl_attr_get_u32(attrs.at);
	return 0;
}

/* -EEXIST: it has one. */
static int give(struct nlsock *sock, int netns, struct error *err)
{
	struct nlmsghdr *request = nlsock_begin(sock, RTM_NEWNSID, 0, sizeof(struct rtgenmsg));

	mnl_attr_put_u32(request, NETNSA_NSID, (uint32_t)NETNSA_NSID_NOT_ASSIGNED);
	mnl_attr_put_u32(request, NETNSA_FD, (uint32_t)netns);
	return nlsock_exchange(sock, NULL, NULL, err);
}

int nsid_get(struct nlsock *sock, int netns, int32_t *ret, struct error *err)
{
	int32_t found = NETNSA_NSID_NOT_ASSIGNED;
	struct nlmsghdr *request;
	int r = give(sock, netns, err);

	if (r < 0 && r != -EEXIST)
		return error_wrap(err, "cannot number a network namespace");
	request = nlsock_begin(sock, RTM_GETNSID, 0, sizeof(struct rtgenmsg));
	mnl_attr_put_u32(request, NETNSA_FD, (uint32_t)netns);
	r = nlsock_exchange(sock, keep, &found, err);
	if (r < 0)
		return error_wrap(err, "cannot read a network namespace's number");
	if (found < 0)
		return error_set(err, EBADMSG, "the kernel's answer has no number in it");
	*ret = found;
	return 0;
}
