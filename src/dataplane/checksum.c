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

static uint64_t add_tail(uint64_t sum, const uint8_t *bytes, size_t len)
{
	uint64_t word = 0;

	memcpy(&word, bytes, len);
	return add_carry(sum, word);
}

/* Two sums side by side, since each addition waits for the one before it. */
uint64_t checksum_add(uint64_t sum, const uint8_t *bytes, size_t len)
{
	uint64_t other = 0;

	while (len >= 32) {
		sum = add_carry(sum, load64(bytes));
		other = add_carry(other, load64(bytes + 8));
		sum = add_carry(sum, load64(bytes + 16));
		other = add_carry(other, load64(bytes + 24));
		bytes += 32;
		len -= 32;
	}
	while (len >= 8) {
		sum = add_carry(sum, load64(bytes));
		bytes += 8;
		len -= 8;
	}
	if (len > 0)
		sum = add_tail(sum, bytes, len);
	return add_carry(sum, other);
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
