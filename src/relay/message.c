#include "relay/message.h"

#include <errno.h>

int message_count_requests(size_t len)
{
	size_t n = len / sizeof(struct connect_request);

	if (n == 0 || n > CONNECT_BATCH_MAX || len % sizeof(struct connect_request) != 0)
		return -EBADMSG;
	return (int)n;
}

int message_count_results(const struct connect_result *results, size_t len, size_t n_fds)
{
	size_t n = len / sizeof(*results);
	size_t n_connected = 0;

	if (n == 0 || n > CONNECT_RESULTS_MAX || len % sizeof(*results) != 0)
		return -EBADMSG;
	for (size_t i = 0; i < n; i++)
		n_connected += results[i].error == 0;
	return n_connected == n_fds ? (int)n : -EBADMSG;
}

size_t message_control_len(const struct control *control)
{
	return sizeof(control->head) + control->head.n_sources * sizeof(control->source[0]);
}

bool message_is_control(const struct control *control, size_t len)
{
	if (len < sizeof(control->head) || control->head.n_sources > CONTROL_SOURCES_MAX ||
	    len != message_control_len(control))
		return false;
	for (uint32_t i = 0; i < control->head.n_sources; i++)
		if (control->source[i].len > prefix_full_len(&control->source[i].address))
			return false;
	return true;
}

static bool is_unicast(const union endpoint *from)
{
	uint32_t v4 = ntohl(from->v4.sin_addr.s_addr);

	if (from->any.sa_family == AF_INET)
		return v4 != INADDR_ANY && v4 != INADDR_BROADCAST && !IN_MULTICAST(v4);
	return !IN6_IS_ADDR_UNSPECIFIED(&from->v6.sin6_addr) &&
	       !IN6_IS_ADDR_MULTICAST(&from->v6.sin6_addr) &&
	       !IN6_IS_ADDR_V4MAPPED(&from->v6.sin6_addr);
}

bool message_is_client_request(const struct client_request *request, size_t len, int family)
{
	return len == sizeof(*request) && request->from.any.sa_family == family &&
	       (family == AF_INET || family == AF_INET6) && endpoint_port(&request->from) != 0 &&
	       is_unicast(&request->from);
}
