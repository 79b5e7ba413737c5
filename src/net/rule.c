#include "net/rule.h"

#include "base/error.h"
#include "net/nlsock.h"

#include <libmnl/libmnl.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>

static int exchange(struct nlsock *sock, uint16_t type, uint16_t flags, const struct rule *rule,
		    struct error *err)
{
	struct nlmsghdr *request = nlsock_begin(sock, type, flags, sizeof(struct fib_rule_hdr));
	struct fib_rule_hdr *header = mnl_nlmsg_get_payload(request);

	header->family = (uint8_t)rule->family;
	header->action = FR_ACT_TO_TBL;
	header->table = rule->table < 256 ? (uint8_t)rule->table : RT_TABLE_UNSPEC;
	mnl_attr_put_u32(request, FRA_TABLE, rule->table);
	mnl_attr_put_u32(request, FRA_PRIORITY, rule->priority);
	mnl_attr_put_strz(request, FRA_IIFNAME, rule->iif);
	return nlsock_exchange(sock, NULL, NULL, err);
}

int rule_add(struct nlsock *sock, const struct rule *rule, struct error *err)
{
	int r = exchange(sock, RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, rule, err);

	if (r < 0)
		(void)error_wrap(err, "cannot add the rule for '%s'", rule->iif);
	return r;
}

int rule_delete(struct nlsock *sock, const struct rule *rule, struct error *err)
{
	int r = exchange(sock, RTM_DELRULE, 0, rule, err);

	if (r < 0)
		(void)error_wrap(err, "cannot delete the rule for '%s'", rule->iif);
	return r;
}
