/* What a data plane that was broken into tells its supervisor. */
#include "tunnel/reply.h"
#include "tunnel/tunnel.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tunnel_stats stats;

	if (reply_parse_stats((const char *)data, size, &stats) == 0)
		tunnel_stats_done(&stats);
	return 0;
}
