/* Answers of a kernel that lies.
 *
 * Input: one byte that chooses the request, then datagrams, each behind its
 * length in two bytes, big-endian.  The real entry points read them from the
 * other end of a socket pair; the handle's sequence numbers begin at 1.
 */
#include "base/bytes.h"
#include "base/error.h"
#include "net/drift.h"
#include "net/ifaddr.h"
#include "net/link.h"
#include "net/nftables.h"
#include "net/nlsock.h"
#include "net/route.h"
#include "net/rule.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { DATAGRAMS_MAX = 64 }; /* all fit the socket's buffer */

static void check(bool is_true)
{
	if (!is_true)
		abort();
}

static int see_link(void *context, const struct link_info *link)
{
	(void)context;
	check(link->index != 0 && memchr(link->name, '\0', sizeof(link->name)) &&
	      memchr(link->kind, '\0', sizeof(link->kind)));
	return 0;
}

static int see_address(void *context, const struct link_address *address)
{
	char text[PREFIX_TEXT_LEN];

	(void)context;
	check(address->address.len <= prefix_full_len(&address->address.address));
	check(prefix_print(&address->address, text)[0] != '\0');
	return 0;
}

static int see_route(void *context, const struct route *route)
{
	char text[PREFIX_TEXT_LEN];

	(void)context;
	check(route->to.len <= prefix_full_len(&route->to.address));
	check(prefix_print(&route->to, text)[0] != '\0');
	return 0;
}

static int get_link(struct nlsock *sock, struct error *err)
{
	struct link_info link;
	int r = link_get(sock, "wg0", &link, err);

	return r < 0 ? r : see_link(NULL, &link);
}

static int dump_links(struct nlsock *sock, struct error *err)
{
	return link_dump(sock, see_link, NULL, err);
}

static int dump_addresses(struct nlsock *sock, struct error *err)
{
	return ifaddr_dump(sock, see_address, NULL, err);
}

static int dump_routes(struct nlsock *sock, struct error *err)
{
	return route_dump(sock, see_route, NULL, err);
}

static int get_route(struct nlsock *sock, struct error *err)
{
	const union endpoint to = {.v4 = {.sin_family = AF_INET, .sin_addr = {1}}};
	struct route_path path;
	int r = route_get(sock, &to, 0, &path, err);

	if (r == 0)
		check(path.oif != 0);
	return r;
}

static int add_rule(struct nlsock *sock, struct error *err)
{
	const struct rule rule = {.family = AF_INET, .priority = 1, .table = 1, .iif = "wg0"};

	return rule_add(sock, &rule, err);
}

static int see_rule(void *context, const struct rule *rule)
{
	(void)context;
	check(memchr(rule->iif, '\0', sizeof(rule->iif)) &&
	      memchr(rule->oif, '\0', sizeof(rule->oif)));
	check(rule->from.len == 0 || rule->from.len <= prefix_full_len(&rule->from.address));
	check(rule->to.len == 0 || rule->to.len <= prefix_full_len(&rule->to.address));
	return 0;
}

static int dump_rules(struct nlsock *sock, struct error *err)
{
	return rule_dump(sock, AF_INET6, see_rule, NULL, err);
}

static int read_table(struct nlsock *sock, struct error *err)
{
	struct nftables_image image;
	int r = nftables_read(sock, "adit", &image, err);

	if (r == 0)
		free(image.bytes);
	return r;
}

static int see_counter(void *context, const struct nftables_counter *counter)
{
	(void)context;
	check(memchr(counter->name, '\0', sizeof(counter->name)) != NULL);
	return 0;
}

static int read_counters(struct nlsock *sock, struct error *err)
{
	return nftables_counters(sock, "adit", see_counter, NULL, err);
}

/* No answers but events, read until there are no more. */
static int read_events(struct nlsock *sock, int route, int nftables, struct error *err)
{
	struct drift drift = {.route = route, .nftables = nftables, .table = "adit"};
	const struct drift_own nobody = {0};
	struct drift_report report;

	(void)sock;
	drift_read(&drift, &nobody, &report);
	check((report.changed & ~(unsigned int)DRIFT_EVERYTHING) == 0);
	check(report.n_actors <= DRIFT_ACTORS_MAX);
	for (size_t i = 0; i < report.n_actors; i++)
		check(memchr(report.actor[i].name, '\0', DRIFT_NAME_LEN) != NULL);
	return error_set(err, ENODATA, "events only");
}

static int read_route_events(struct nlsock *sock, struct error *err)
{
	return read_events(sock, nlsock_fd(sock), -1, err);
}

static int read_table_events(struct nlsock *sock, struct error *err)
{
	return read_events(sock, -1, nlsock_fd(sock), err);
}

static int (*const requests[])(struct nlsock *sock, struct error *err) = {
	get_link,   dump_links, dump_addresses, dump_routes,	   get_route,	      add_rule,
	dump_rules, read_table, read_counters,	read_route_events, read_table_events,
};

static void send_datagrams(int fd, const uint8_t *data, size_t size)
{
	for (int i = 0; i < DATAGRAMS_MAX && size >= 2; i++) {
		size_t len = be16_load(data);

		data += 2;
		size -= 2;
		if (len > size)
			len = size;
		(void)send(fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
		data += len;
		size -= len;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error err = {0};
	struct nlsock *sock;
	int pair[2];
	int r;

	if (size < 1)
		return 0;
	check(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
	check(nlsock_adopt(pair[0], &sock, NULL) == 0);
	send_datagrams(pair[1], data + 1, size - 1);
	/* what comes after the last is the end, which is no answer */
	check(shutdown(pair[1], SHUT_WR) == 0);
	r = requests[data[0] % (sizeof(requests) / sizeof(requests[0]))](sock, &err);
	check(r == 0 || (r < 0 && err.code == -r && err.what[0] != '\0'));
	nlsock_close(sock);
	(void)close(pair[1]);
	return 0;
}
