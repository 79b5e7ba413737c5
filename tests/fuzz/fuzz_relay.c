/* What the relay's processes take from each other.
 *
 * Input: a byte that says which message, a byte with the number of descriptors,
 * then the message.
 */
#include "relay/message.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_results(const struct connect_result *results, size_t len, size_t n_fds)
{
	int n = message_count_results(results, len, n_fds);
	size_t next = 0;

	for (int i = 0; i < n; i++)
		next += results[i].error == 0;
	if (n > CONNECT_RESULTS_MAX || n == 0 || (n > 0 && next != n_fds))
		abort();
}

static void check_requests(const struct connect_request *requests, size_t len)
{
	int n = message_count_requests(len);
	unsigned int sum = 0;

	for (int i = 0; i < n; i++)
		sum += requests[i].port;
	if (n > CONNECT_BATCH_MAX || n == 0 || sum > (unsigned int)CONNECT_BATCH_MAX * UINT16_MAX)
		abort();
}

static void check_control(const struct control *control, size_t len)
{
	struct address zero = {0};

	if (!message_is_control(control, len))
		return;
	for (uint32_t i = 0; i < control->head.n_sources; i++)
		(void)prefix_contains(&control->source[i], &zero);
}

static void check_client(const struct client_request *request, size_t len, int family)
{
	char text[ENDPOINT_TEXT_LEN];

	if (message_is_client_request(request, len, family) &&
	    (request->from.any.sa_family != family ||
	     strlen(endpoint_print(&request->from, text)) < 4))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	void *message;

	if (size < 2)
		return 0;
	message = malloc(size - 2 > 0 ? size - 2 : 1);
	if (!message)
		abort();
	memcpy(message, data + 2, size - 2);
	if (data[0] % 4 == 0)
		check_results(message, size - 2, data[1]);
	else if (data[0] % 4 == 1)
		check_requests(message, size - 2);
	else if (data[0] % 4 == 2)
		check_control(message, size - 2);
	else
		check_client(message, size - 2, data[1] % 2 ? AF_INET6 : AF_INET);
	free(message);
	return 0;
}
