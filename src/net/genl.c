#include "net/genl.h"

#include "base/error.h"
#include "net/attr.h"
#include "net/nlsock.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <stddef.h>

int genl_open(struct nlsock **ret, struct error *err)
{
	return nlsock_open_protocol(NETLINK_GENERIC, ret, err);
}

struct nlmsghdr *genl_begin(struct nlsock *sock, const struct genl_family *family, uint8_t command,
			    uint16_t flags)
{
	struct nlmsghdr *request = nlsock_begin(sock, family->id, flags, GENL_HDRLEN);
	struct genlmsghdr *header = mnl_nlmsg_get_payload(request);

	header->cmd = command;
	header->version = family->version;
	return request;
}

static int keep_family(void *context, const struct nlmsghdr *message)
{
	struct genl_family *found = context;
	struct attrs attrs = attrs_of_message(message, GENL_HDRLEN);

	if (message->nlmsg_type != GENL_ID_CTRL)
		return -EBADMSG;
	while (attrs_next(&attrs)) {
		uint16_t type = mnl_attr_get_type(attrs.at);

		if (type == CTRL_ATTR_FAMILY_ID && mnl_attr_validate(attrs.at, MNL_TYPE_U16) == 0)
			found->id = mnl_attr_get_u16(attrs.at);
		if (type == CTRL_ATTR_VERSION && mnl_attr_validate(attrs.at, MNL_TYPE_U32) == 0)
			found->version = (uint8_t)mnl_attr_get_u32(attrs.at);
	}
	return 0;
}

int genl_find(struct nlsock *sock, const char *name, struct genl_family *ret, struct error *err)
{
	static const struct genl_family control = {.id = GENL_ID_CTRL, .version = 1};
	struct nlmsghdr *request = genl_begin(sock, &control, CTRL_CMD_GETFAMILY, 0);
	struct genl_family found = {0};
	int r;

	mnl_attr_put_strz(request, CTRL_ATTR_FAMILY_NAME, name);
	r = nlsock_exchange(sock, keep_family, &found, err);
	if (r == 0 && found.id < NLMSG_MIN_TYPE)
		r = error_set(err, EBADMSG, "the kernel's answer has no family in it");
	if (r < 0) {
		(void)error_wrap(err, "cannot find netlink family '%s'", name);
		return r;
	}
	*ret = found;
	return 0;
}
