/* Batches of packets of any shape, with every kernel that the processor runs,
 * compared with OpenSSL alone.
 *
 * The input: 32 bytes of key, 8 of the first counter, then for each packet one
 * of head length, one of padding and forgery, two of body length; whatever is
 * left is the text, over and over.
 */
#include "wireguard/crypto.h"

#include <stdlib.h>
#include <string.h>

enum { N_MAX = 20, LEN_MAX = 2048, ROOM = 256 + LEN_MAX + 16 + WG_TAG_LEN, N_KERNELS = 2 };

struct packets {
	size_t n;
	uint64_t counter;
	struct crypto_key key;
	uint8_t head[N_MAX][256];
	uint8_t body[N_MAX][LEN_MAX];
	struct crypto_plain plain[N_MAX];
	bool is_forged[N_MAX];
	uint16_t forged_at[N_MAX];
};

static void must(bool is_true)
{
	if (!is_true)
		abort();
}

static void fill(uint8_t *ret, size_t len, const uint8_t *text, size_t text_len, size_t from)
{
	for (size_t i = 0; i < len; i++)
		ret[i] = text_len > 0 ? text[(from + i) % text_len] : (uint8_t)from;
}

static bool read_packets(const uint8_t *data, size_t size, struct packets *ret)
{
	const uint8_t *shape = data + 40;

	if (size < 44)
		return false;
	memcpy(ret->key.byte, data, 32);
	ret->counter = le64_load(data + 32);
	ret->n = 1 + (size_t)data[0] % N_MAX;
	if ((size - 40) / 4 < ret->n)
		ret->n = (size - 40) / 4;
	for (size_t i = 0; i < ret->n; i++, shape += 4) {
		const uint8_t *text = data + 40 + 4 * ret->n;
		size_t text_len = size - 40 - 4 * ret->n;

		ret->plain[i] = (struct crypto_plain){
			.head = ret->head[i],
			.head_len = shape[0],
			.body = ret->body[i],
			.body_len = (size_t)(shape[2] | shape[3] << 8) % (LEN_MAX + 1),
			.n_zeroes = shape[1] & 15U,
		};
		ret->is_forged[i] = shape[1] >= 0xe0;
		ret->forged_at[i] = (uint16_t)(shape[2] * 257 + shape[3]);
		fill(ret->head[i], shape[0], text, text_len, i);
		fill(ret->body[i], ret->plain[i].body_len, text, text_len, 7 * i);
	}
	return true;
}

static void seal(struct crypto *crypto, const struct packets *packets, uint8_t out[][ROOM],
		 size_t lengths[])
{
	struct crypto_sealing sealing[N_MAX];

	for (size_t i = 0; i < packets->n; i++)
		sealing[i] = (struct crypto_sealing){.plain = packets->plain[i], .out = out[i]};
	crypto_seal_batch(crypto, &packets->key, packets->counter, sealing, packets->n);
	for (size_t i = 0; i < packets->n; i++)
		lengths[i] = sealing[i].len;
}

static void open_all(struct crypto *crypto, const struct packets *packets, uint8_t out[][ROOM],
		     const size_t lengths[])
{
	struct crypto_opening opening[N_MAX];

	for (size_t i = 0; i < packets->n; i++) {
		opening[i] = (struct crypto_opening){packets->counter + i, out[i], lengths[i],
						     packets->is_forged[i]};
		if (packets->is_forged[i])
			out[i][packets->forged_at[i] % lengths[i]] ^= 1;
	}
	crypto_open_batch(crypto, &packets->key, opening, packets->n);
	for (size_t i = 0; i < packets->n; i++) {
		const struct crypto_plain *plain = &packets->plain[i];

		must(opening[i].is_authentic == !packets->is_forged[i]);
		if (packets->is_forged[i])
			continue;
		must(memcmp(out[i], plain->head, plain->head_len) == 0);
		must(memcmp(out[i] + plain->head_len, plain->body, plain->body_len) == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct crypto *library, *kernel[N_KERNELS];
	static struct packets packets;
	static uint8_t expected[N_MAX][ROOM], out[N_MAX][ROOM];
	size_t lengths[N_MAX], lengths_too[N_MAX];

	if (!library) {
		library = crypto_new_with(CRYPTO_OPENSSL);
		kernel[0] = crypto_new_with("avx512");
		kernel[1] = crypto_new_with("avx2");
		must(library);
	}
	if (!read_packets(data, size, &packets))
		return 0;
	seal(library, &packets, expected, lengths);
	for (size_t k = 0; k < N_KERNELS; k++) {
		if (!kernel[k])
			continue;
		seal(kernel[k], &packets, out, lengths_too);
		for (size_t i = 0; i < packets.n; i++) {
			must(lengths[i] == lengths_too[i]);
			must(memcmp(out[i], expected[i], lengths[i]) == 0);
		}
		open_all(kernel[k], &packets, out, lengths);
	}
	return 0;
}
