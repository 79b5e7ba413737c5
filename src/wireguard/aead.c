/* How it works
 *
 * A batch is sorted by length, and taken eight packets at a time where a group,
 * which costs what its longest packet costs, is cheaper than its packets one by
 * one; the rest goes one by one, through the kernel or through OpenSSL.  Costs
 * are constants measured for each kernel: when they are wrong, it is slow, but
 * right.  A packet's place among the lanes never shows in what is written.
 *
 * A kernel is used only after it has sealed, opened and refused what OpenSSL
 * has: a processor or hypervisor that runs it wrongly would otherwise be found
 * by nobody.  The set is small (a start may not be held up) and takes in every
 * length that a kernel treats differently; unit tests take them all.
 *
 * OpenSSL: one context a direction remembers the key it was last given, and
 * takes a new one in about 80 ns; a batch is of one key.
 */
#include "wireguard/aead.h"

#include "base/secret.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

const struct aead_kernel *const aead_kernels[] = {
#ifdef __x86_64__
	&aead_avx512,
	&aead_avx2,
#endif
	NULL,
};

/* See crypto.c on why what cannot fail ends the process if it fails. */
static void must(bool is_done)
{
	if (!is_done)
		abort();
}

/* ---- OpenSSL ---- */

bool aead_init(struct aead *aead, EVP_CIPHER *cipher)
{
	aead->seal.evp = EVP_CIPHER_CTX_new();
	aead->open.evp = EVP_CIPHER_CTX_new();
	return aead->seal.evp && aead->open.evp &&
	       EVP_EncryptInit_ex(aead->seal.evp, cipher, NULL, aead->seal.key.byte, NULL) > 0 &&
	       EVP_DecryptInit_ex(aead->open.evp, cipher, NULL, aead->open.key.byte, NULL) > 0;
}

void aead_done(struct aead *aead)
{
	EVP_CIPHER_CTX_free(aead->open.evp);
	EVP_CIPHER_CTX_free(aead->seal.evp);
	secret_wipe(aead, sizeof(*aead));
}

/* Branches on whether the keys are the same, which anybody sees from the
 * packets; nothing else of them shows.
 */
static bool is_loaded(const struct aead_context *context, const struct crypto_key *key)
{
	uint64_t differs = 0;

	for (size_t i = 0; i < sizeof(key->byte); i += 8)
		differs |= le64_load(context->key.byte + i) ^ le64_load(key->byte + i);
	return differs == 0;
}

static void load(struct aead_context *context, const struct crypto_key *key, uint64_t counter)
{
	uint8_t nonce[12] = {0};
	const uint8_t *fresh = is_loaded(context, key) ? NULL : key->byte;

	le64_store(nonce + 4, counter);
	must(EVP_CipherInit_ex(context->evp, NULL, NULL, fresh, nonce, -1) > 0);
	context->key = *key;
}

static void run(struct aead_context *context, uint8_t *out, const uint8_t *bytes, size_t len)
{
	int n;

	if (len > 0)
		must(EVP_CipherUpdate(context->evp, out, &n, bytes, (int)len) > 0);
}

/* Puts all parts where they are to be encrypted.  A call of the cipher for each
 * part costs more than the copy: 230 ns against 30 for 40 + 1380 bytes.
 */
static void gather(const struct aead_packet *packet)
{
	uint8_t *body = packet->out + packet->head_len;
	size_t given = packet->head_len + packet->body_len;

	if (packet->head_len > 0)
		memcpy(packet->out, packet->head, packet->head_len);
	if (packet->body_len > 0 && packet->body != body)
		memcpy(body, packet->body, packet->body_len);
	memset(packet->out + given, 0, packet->len - given);
}

static void seal_alone(struct aead_context *context, const struct crypto_key *key,
		       const struct aead_packet *packet)
{
	const uint8_t *bytes = packet->body;
	uint8_t *tag = packet->out + packet->len;
	int n;

	if (packet->len > packet->body_len) {
		gather(packet);
		bytes = packet->out;
	}
	load(context, key, packet->counter);
	run(context, packet->out, bytes, packet->len);
	must(EVP_CipherFinal_ex(context->evp, tag, &n) > 0);
	must(EVP_CIPHER_CTX_ctrl(context->evp, EVP_CTRL_AEAD_GET_TAG, WG_TAG_LEN, tag) > 0);
}

static void open_alone(struct aead_context *context, const struct crypto_key *key,
		       struct aead_packet *packet)
{
	uint8_t *tag = packet->out + packet->len;
	int n;

	load(context, key, packet->counter);
	must(EVP_CIPHER_CTX_ctrl(context->evp, EVP_CTRL_AEAD_SET_TAG, WG_TAG_LEN, tag) > 0);
	run(context, packet->out, packet->out, packet->len);
	packet->is_authentic = EVP_CipherFinal_ex(context->evp, tag, &n) > 0;
}

void aead_forget(struct aead *aead)
{
	static const struct crypto_key zero;
	uint8_t bytes[1 + WG_TAG_LEN] = {0};
	struct aead_packet packet = {.body = bytes, .body_len = 1, .out = bytes, .len = 1};

	/* One byte, so that a new block of key stream replaces the last one's rest. */
	seal_alone(&aead->seal, &zero, &packet);
	open_alone(&aead->open, &zero, &packet);
	must(packet.is_authentic);
}

/* ---- batches ---- */

/* Packets of one key and direction, at most CRYPTO_BATCH_MAX. */
struct batch {
	struct aead *aead;
	const struct crypto_key *key;
	enum aead_direction direction;
	struct crypto_sealing *sealing; /* one of the two */
	struct crypto_opening *opening;
	uint64_t counter; /* of the first to be sealed */
	size_t n;
	uint8_t order[CRYPTO_BATCH_MAX];   /* longest first */
	size_t n_blocks[CRYPTO_BATCH_MAX]; /* of 64 bytes, of each in that order */
};

static void take(const struct batch *batch, size_t i, struct aead_packet *ret)
{
	if (batch->direction == AEAD_SEAL) {
		const struct crypto_sealing *sealing = &batch->sealing[i];
		const struct crypto_plain *plain = &sealing->plain;

		*ret = (struct aead_packet){
			.head = plain->head,
			.head_len = plain->head_len,
			.body = plain->body_len > 0 ? plain->body : sealing->out + plain->head_len,
			.body_len = plain->body_len,
			.out = sealing->out,
			.len = plain->head_len + plain->body_len + plain->n_zeroes,
			.counter = batch->counter + i,
		};
	} else {
		const struct crypto_opening *opening = &batch->opening[i];

		*ret = (struct aead_packet){
			.body = opening->bytes,
			.body_len = opening->len - WG_TAG_LEN,
			.out = opening->bytes,
			.len = opening->len - WG_TAG_LEN,
			.counter = opening->counter,
		};
	}
}

static void give(const struct batch *batch, size_t i, const struct aead_packet *packet)
{
	if (batch->direction == AEAD_SEAL)
		batch->sealing[i].len = packet->len + WG_TAG_LEN;
	else
		batch->opening[i].is_authentic = packet->is_authentic;
}

/* Behind all that are as long; a batch is mostly of equal packets. */
static void insert(struct batch *batch, size_t i, size_t len)
{
	size_t n_blocks = (len + 63) / 64;
	size_t at = batch->n++;

	for (; at > 0 && batch->n_blocks[at - 1] < n_blocks; at--) {
		batch->n_blocks[at] = batch->n_blocks[at - 1];
		batch->order[at] = batch->order[at - 1];
	}
	batch->n_blocks[at] = n_blocks;
	batch->order[at] = (uint8_t)i;
}

/* Packets from `at` on that go as a group, which may leave lanes empty; 0: the
 * first goes alone.
 */
static size_t choose_group(const struct batch *batch, size_t at)
{
	const struct aead_kernel *kernel = batch->aead->kernel;
	size_t n = batch->n - at < AEAD_LANES ? batch->n - at : AEAD_LANES;
	size_t together, apart = 0;

	if (!kernel || !kernel->run_group || n < 2)
		return 0;
	together = kernel->group_cost.start + kernel->group_cost.block * batch->n_blocks[at];
	for (size_t i = at; i < at + n; i++)
		apart += kernel->one_cost.start + kernel->one_cost.block * batch->n_blocks[i];
	return together < apart ? n : 0;
}

static void run_group(const struct batch *batch, size_t at, size_t n)
{
	struct aead_packet packet[AEAD_LANES];
	uint8_t idle[AEAD_LANES][WG_TAG_LEN] = {0};

	for (size_t i = 0; i < AEAD_LANES; i++) {
		if (i < n)
			take(batch, batch->order[at + i], &packet[i]);
		else
			packet[i] = (struct aead_packet){.body = idle[i], .out = idle[i]};
	}
	batch->aead->kernel->run_group(batch->key, packet, batch->direction);
	for (size_t i = 0; i < n; i++)
		give(batch, batch->order[at + i], &packet[i]);
}

static void run_one(const struct batch *batch, size_t at)
{
	const struct aead_kernel *kernel = batch->aead->kernel;
	struct aead_packet packet;

	take(batch, batch->order[at], &packet);
	if (kernel && kernel->run_one)
		kernel->run_one(batch->key, &packet, batch->direction);
	else if (batch->direction == AEAD_SEAL)
		seal_alone(&batch->aead->seal, batch->key, &packet);
	else
		open_alone(&batch->aead->open, batch->key, &packet);
	give(batch, batch->order[at], &packet);
}

static void run_batch(const struct batch *batch)
{
	size_t at = 0;

	while (at < batch->n) {
		size_t n = choose_group(batch, at);

		if (n > 0)
			run_group(batch, at, n);
		else
			run_one(batch, at);
		at += n > 0 ? n : 1;
	}
}

void aead_seal(struct aead *aead, const struct crypto_key *key, uint64_t counter,
	       struct crypto_sealing *packets, size_t n)
{
	struct batch batch __attribute__((uninitialized));

	while (n > 0) {
		size_t n_now = n < CRYPTO_BATCH_MAX ? n : CRYPTO_BATCH_MAX;

		batch.aead = aead;
		batch.key = key;
		batch.direction = AEAD_SEAL;
		batch.sealing = packets;
		batch.counter = counter;
		batch.n = 0;
		for (size_t i = 0; i < n_now; i++)
			insert(&batch, i,
			       packets[i].plain.head_len + packets[i].plain.body_len +
				       packets[i].plain.n_zeroes);
		run_batch(&batch);
		packets += n_now;
		counter += n_now;
		n -= n_now;
	}
}

void aead_open(struct aead *aead, const struct crypto_key *key, struct crypto_opening *packets,
	       size_t n)
{
	struct batch batch __attribute__((uninitialized));

	while (n > 0) {
		size_t n_now = n < CRYPTO_BATCH_MAX ? n : CRYPTO_BATCH_MAX;

		batch.aead = aead;
		batch.key = key;
		batch.direction = AEAD_OPEN;
		batch.opening = packets;
		batch.n = 0;
		for (size_t i = 0; i < n_now; i++) {
			packets[i].is_authentic = false;
			if (packets[i].len >= WG_TAG_LEN)
				insert(&batch, i, packets[i].len - WG_TAG_LEN);
		}
		run_batch(&batch);
		packets += n_now;
		n -= n_now;
	}
}

/* ---- the self-test ---- */

enum { TRIAL_MAX = 2048 }; /* bytes of a packet */

/* Eight packets, the i-th of len + i * more bytes, the head of which and the
 * zeroes at the end of which are apart from the body.
 */
struct trial {
	uint16_t len, more;
	uint8_t head_len, n_zeroes;
};

static const struct trial trials[] = {
	{0, 1, 0, 0},	  {0, 0, 0, 0},	      {16, 16, 16, 0},	{57, 1, 0, 1},
	{64, 0, 40, 0},	  {112, 16, 20, 15},  {121, 2, 60, 3},	{128, 64, 64, 0},
	{447, 65, 80, 9}, {1009, 16, 40, 15}, {1420, 0, 40, 0}, {1440, 1, 52, 4},
};

struct bench {
	struct crypto_key key;
	uint8_t plain[AEAD_LANES][TRIAL_MAX];
	uint8_t expected[AEAD_LANES][TRIAL_MAX + WG_TAG_LEN];
	uint8_t out[AEAD_LANES][TRIAL_MAX + WG_TAG_LEN];
	struct aead_packet packet[AEAD_LANES];
};

/* Any bytes will do; most are far from zero. */
static void fill_bench(struct bench *bench)
{
	uint64_t state = UINT64_C(0x9e3779b97f4a7c15);
	uint8_t *byte = bench->plain[0];

	for (size_t i = 0; i < sizeof(bench->plain); i += 8) {
		state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		le64_store(byte + i, state ^ state >> 31);
	}
	memcpy(bench->key.byte, bench->plain[3], sizeof(bench->key.byte));
}

static void set_up_sealing(struct bench *bench, const struct trial *trial, size_t i)
{
	size_t len = trial->len + i * trial->more;
	size_t n_zeroes = trial->n_zeroes < len ? trial->n_zeroes : len;
	size_t head_len = trial->head_len < len - n_zeroes ? trial->head_len : len - n_zeroes;

	bench->packet[i] = (struct aead_packet){
		.head = bench->plain[i],
		.head_len = head_len,
		.body = bench->plain[i] + head_len,
		.body_len = len - n_zeroes - head_len,
		.out = bench->out[i],
		.len = len,
		/* the low half overflows in some lane */
		.counter = (UINT64_C(1) << 32) * trial->len - 4 + i,
	};
}

static void run_kernel(const struct aead_kernel *kernel, struct bench *bench, bool is_group,
		       enum aead_direction direction)
{
	if (is_group)
		kernel->run_group(&bench->key, bench->packet, direction);
	for (size_t i = 0; i < AEAD_LANES && !is_group; i++)
		kernel->run_one(&bench->key, &bench->packet[i], direction);
}

static bool is_sealed(const struct bench *bench)
{
	bool is_same = true;

	for (size_t i = 0; i < AEAD_LANES; i++)
		is_same &= memcmp(bench->out[i], bench->expected[i],
				  bench->packet[i].len + WG_TAG_LEN) == 0;
	return is_same;
}

/* All but the packet that was forged. */
static bool is_opened(const struct bench *bench, const struct trial *trial, size_t forged)
{
	bool is_same = true;

	for (size_t i = 0; i < AEAD_LANES; i++) {
		const struct aead_packet *packet = &bench->packet[i];
		size_t given = packet->len < trial->n_zeroes ? 0 : packet->len - trial->n_zeroes;

		is_same &= packet->is_authentic == (i != forged);
		is_same &= i == forged || memcmp(packet->out, bench->plain[i], given) == 0;
	}
	return is_same;
}

static bool passes(const struct aead_kernel *kernel, struct bench *bench, const struct trial *trial,
		   bool is_group)
{
	size_t forged = trial->len % AEAD_LANES;

	for (size_t i = 0; i < AEAD_LANES; i++)
		set_up_sealing(bench, trial, i);
	run_kernel(kernel, bench, is_group, AEAD_SEAL);
	if (!is_sealed(bench))
		return false;
	for (size_t i = 0; i < AEAD_LANES; i++) {
		struct aead_packet *packet = &bench->packet[i];

		packet->head_len = 0;
		packet->body = packet->out;
		packet->body_len = packet->len;
	}
	bench->out[forged][(trial->len + 7U) % (bench->packet[forged].len + WG_TAG_LEN)] ^= 0x10;
	run_kernel(kernel, bench, is_group, AEAD_OPEN);
	return is_opened(bench, trial, forged);
}

static void expect(struct aead *aead, struct bench *bench, const struct trial *trial)
{
	for (size_t i = 0; i < AEAD_LANES; i++) {
		set_up_sealing(bench, trial, i);
		bench->packet[i].out = bench->expected[i];
		seal_alone(&aead->seal, &bench->key, &bench->packet[i]);
	}
}

static bool is_right(struct aead *aead, const struct aead_kernel *kernel, struct bench *bench)
{
	bool is_right = true;

	for (size_t i = 0; i < sizeof(trials) / sizeof(trials[0]); i++) {
		expect(aead, bench, &trials[i]);
		is_right &= !kernel->run_group || passes(kernel, bench, &trials[i], true);
		is_right &= !kernel->run_one || passes(kernel, bench, &trials[i], false);
	}
	return is_right;
}

void aead_choose(struct aead *aead, const struct aead_kernel *const *kernels)
{
	struct bench *bench = malloc(sizeof(*bench));

	aead->kernel = NULL;
	if (!bench)
		return;
	fill_bench(bench);
	for (; *kernels && !aead->kernel; kernels++)
		if ((*kernels)->is_supported() && is_right(aead, *kernels, bench))
			aead->kernel = *kernels;
	free(bench);
}
