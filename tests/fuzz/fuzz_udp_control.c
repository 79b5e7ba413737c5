/* Control messages beside a received datagram, and the cutting of what the
 * kernel merged.
 *
 * Input: the length of the datagram in two bytes, little-endian, then the
 * control messages.
 */
#include "dataplane/udp_reader.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct udp_message message = {.segment = 1};
	struct msghdr header = {0};
	size_t n_bytes = 0;
	uint8_t *control;

	if (size < 2)
		return 0;
	message.len = data[0] | (size_t)data[1] << 8;
	control = malloc(size - 2 > 0 ? size - 2 : 1);
	if (!control)
		abort();
	memcpy(control, data + 2, size - 2);
	header.msg_control = control;
	header.msg_controllen = size - 2;
	udp_reader_parse_control(&header, &message);
	if (message.segment == 0 || message.segment > UINT16_MAX)
		abort();
	for (size_t at = 0; at < message.len; at += message.segment)
		n_bytes += message.len - at < message.segment ? message.len - at : message.segment;
	if (n_bytes != message.len)
		abort();
	free(control);
	return 0;
}
