#include "dataplane/checksum.h"

#include "base/bytes.h"

#include <string.h>

static uint64_t load64(const uint8_t *at)
{
	uint64_t word;

	memcpy(&word, at, sizeof(word));
	return word;
}

/* Ones' complement: what overflows is added at the bottom. */
static inline uint64_t add_carry(uint64_t sum, uint64_t word)
{
	sum += word;
	return sum + (sum < word);
}

/* Two lanes: what every processor of 64 bits has registers for. */
typedef uint64_t pair __attribute__((vector_size(16)));

struct lanes {
	pair low;
	pair high;
};

static inline void add_lanes(struct lanes *lanes, const uint8_t *bytes)
{
	pair word;

	memcpy(&word, bytes, sizeof(word));
	lanes->low += word & 0xffffffff;
	lanes->high += word >> 32;
}

static uint64_t add_tail(uint64_t sum, const uint8_t *bytes, size_t len)
{
	uint64_t word = 0;

	memcpy(&word, bytes, len);
	return add_carry(sum, word);
}

/* The low and the high halves of words, each summed in lanes of 64 bits, which
 * overflow only after 2^32 of them: nothing has to wait for a carry.
 */
uint64_t checksum_add(uint64_t sum, const uint8_t *bytes, size_t len)
{
	struct lanes a = {0};
	struct lanes b = {0};

	while (len >= 32) {
		add_lanes(&a, bytes);
		add_lanes(&b, bytes + 16);
		bytes += 32;
		len -= 32;
	}
	a.low += a.high + b.low + b.high;
	sum = add_carry(add_carry(sum, a.low[0]), a.low[1]);
	while (len >= 8) {
		sum = add_carry(sum, load64(bytes));
		bytes += 8;
		len -= 8;
	}
	return len > 0 ? add_tail(sum, bytes, len) : sum;
}

uint64_t checksum_add_pseudo(uint64_t sum, const uint8_t *ip, uint8_t protocol, size_t len)
{
	uint8_t rest[8] = {0};

	be32_store(rest, (uint32_t)len);
	rest[7] = protocol;
	sum = checksum_add(sum, rest, sizeof(rest));
	if (ip[0] >> 4 == 4)
		return checksum_add(sum, ip + 12, 8);
	return checksum_add(sum, ip + 8, 32);
}

uint16_t checksum_fold(uint64_t sum)
{
	uint32_t half = (uint32_t)sum;
	uint32_t word;

	half += (uint32_t)(sum >> 32);
	half += half < (uint32_t)(sum >> 32);
	word = (half & 0xffff) + (half >> 16);
	word = (word & 0xffff) + (word >> 16);
	return (uint16_t)word;
}

void checksum_store_partial(uint8_t *at, uint64_t sum)
{
	uint16_t folded = checksum_fold(sum);

	memcpy(at, &folded, sizeof(folded));
}

void checksum_store(uint8_t *at, uint64_t sum)
{
	uint16_t folded = (uint16_t)~checksum_fold(sum);

	memcpy(at, &folded, sizeof(folded));
}

void checksum_store_nonzero(uint8_t *at, uint64_t sum)
{
	checksum_store(at, sum);
	if (at[0] == 0 && at[1] == 0)
		be16_store(at, 0xffff);
}

void checksum_store_ipv4(uint8_t *ip, size_t header_len)
{
	be16_store(ip + 10, 0);
	checksum_store(ip + 10, checksum_add(0, ip, header_len));
}
