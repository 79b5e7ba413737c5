/* How it works
 *
 * A kernel seals packets that have no associated data (AAD), and a nonce with
 * four zeroes in front; vectors have both.  What the vector's tag is computed of,
 * AAD and ciphertext, each filled up to 16 bytes, and a block with both lengths,
 * is what a packet's tag is computed of whose ciphertext is both, one behind the
 * other, if the block of lengths says so: and that seam.h can change, with the
 * nonce.  So a vector becomes a packet with the same key for Poly1305, the same
 * input and the same tag.  Of what that decrypts to nothing is published; the
 * vector's plain text is encrypted apart, without the AAD.
 */
#include "cmocka_all.h"

#include "wireguard/published.h"

#include "wireguard/seam.h"
#include "wireguard/vectors.h"

#include <string.h>

enum { ROOM = 2048 };

struct seam seam;

static const struct aead_kernel *kernel;

void seam_put_keys(void *at, size_t n)
{
	uint64_t *word = at;

	for (size_t i = 0; i < 4 * n && seam.has_key; i++)
		word[i] = seam.key[i / n];
}

/* ---- a packet among others ---- */

static struct {
	struct crypto_key key;
	uint64_t counter;
	uint8_t bytes[AEAD_LANES][ROOM];
	struct aead_packet packet[AEAD_LANES];
} world;

/* Whose bytes are what was there before. */
static void set_packet(size_t i, size_t len)
{
	world.packet[i] = (struct aead_packet){
		.body = world.bytes[i],
		.body_len = len,
		.out = world.bytes[i],
		.len = len,
		.counter = world.counter,
	};
}

/* Lane AEAD_LANES: alone. */
static bool is_possible(size_t lane)
{
	return lane < AEAD_LANES ? kernel->run_group != NULL : kernel->run_one != NULL;
}

/* Seals or opens `bytes` in one lane; in the others are packets of other lengths. */
static bool run(size_t lane, uint8_t *bytes, size_t len, enum aead_direction direction)
{
	size_t at = lane % AEAD_LANES;

	for (size_t i = 0; i < AEAD_LANES; i++)
		set_packet(i, i == at ? len : 97 * i);
	memcpy(world.bytes[at], bytes, len + WG_TAG_LEN);
	if (lane < AEAD_LANES)
		kernel->run_group(&world.key, world.packet, direction);
	else
		kernel->run_one(&world.key, &world.packet[at], direction);
	memcpy(bytes, world.bytes[at], len + WG_TAG_LEN);
	return world.packet[at].is_authentic;
}

/* `sealed` is ciphertext and tag, or not; both ways, in every lane and alone. */
static void check_tag(const uint8_t *sealed, size_t len, bool is_valid)
{
	uint8_t bytes[ROOM];

	for (size_t lane = 0; lane <= AEAD_LANES; lane++) {
		if (!is_possible(lane))
			continue;
		memcpy(bytes, sealed, len + WG_TAG_LEN);
		assert_int_equal(run(lane, bytes, len, AEAD_OPEN), is_valid);
		memset(bytes + len, 0, WG_TAG_LEN);
		(void)run(lane, bytes, len, AEAD_SEAL);
		assert_memory_equal(bytes, sealed, len);
		assert_int_equal(memcmp(bytes + len, sealed + len, WG_TAG_LEN) == 0, is_valid);
	}
}

/* ---- Wycheproof ---- */

struct vector_bytes {
	uint8_t at[ROOM];
	size_t len;
};

static void take(const json_t *test, const char *name, struct vector_bytes *ret)
{
	ret->len = vectors_bytes(test, name, ret->at, sizeof(ret->at));
}

static void set_nonce(const struct vector_bytes *nonce)
{
	seam = (struct seam){.nonce_head = le32_load(nonce->at)};
	world.counter = le64_load(nonce->at + 4);
}

static void check_ciphertext(const struct vector_bytes *plain, const struct vector_bytes *sealed)
{
	uint8_t bytes[ROOM];

	assert_int_equal(plain->len, sealed->len);
	for (size_t lane = 0; lane <= AEAD_LANES; lane++) {
		if (!is_possible(lane))
			continue;
		memcpy(bytes, plain->at, plain->len);
		(void)run(lane, bytes, plain->len, AEAD_SEAL);
		assert_memory_equal(bytes, sealed->at, sealed->len);
	}
}

static void check_test(const json_t *test)
{
	static struct vector_bytes key, nonce, aad, plain, sealed, tag;
	bool is_valid = strcmp(json_string_value(json_object_get(test, "result")), "valid") == 0;
	uint8_t both[ROOM] = {0};

	take(test, "key", &key);
	take(test, "iv", &nonce);
	take(test, "aad", &aad);
	take(test, "msg", &plain);
	take(test, "ct", &sealed);
	take(test, "tag", &tag);
	memcpy(world.key.byte, key.at, sizeof(world.key.byte));
	set_nonce(&nonce);
	if (is_valid)
		check_ciphertext(&plain, &sealed);

	seam.aad_len = aad.len;
	seam.aad_padded = (aad.len + 15) & ~UINT64_C(15);
	memcpy(both, aad.at, aad.len);
	memcpy(both + seam.aad_padded, sealed.at, sealed.len);
	memcpy(both + seam.aad_padded + sealed.len, tag.at, tag.len);
	check_tag(both, seam.aad_padded + sealed.len, is_valid);
}

static void test_wycheproof(void **state)
{
	json_t *json = vectors_load("chacha20_poly1305_test.json");
	size_t i, j, n = 0;
	const json_t *group, *test;

	(void)state;
	json_array_foreach(json_object_get(json, "testGroups"), i, group)
	{
		if (json_integer_value(json_object_get(group, "ivSize")) != 96)
			continue; /* no such nonce in this cipher */
		json_array_foreach(json_object_get(group, "tests"), j, test)
		{
			check_test(test);
			n++;
		}
	}
	assert_true(n >= 316);
	json_decref(json);
}

/* ---- Poly1305 with keys that no key stream would give ---- */

/* The last block stands where a packet has its lengths. */
struct poly_answer {
	uint64_t r[2], s[2];
	size_t n_blocks;
	uint64_t block[4][2];
	uint64_t tag[2];
};

#define ONES UINT64_MAX

/* RFC 8439 appendix A.3, numbers 7 to 11, and number 1. */
static const struct poly_answer poly_answers[] = {
	{{0, 0}, {0, 0}, 4, {{0, 0}, {0, 0}, {0, 0}, {0, 0}}, {0, 0}},
	{{2, 0}, {0, 0}, 1, {{ONES, ONES}}, {3, 0}},
	{{2, 0}, {ONES, ONES}, 1, {{2, 0}}, {3, 0}},
	{{1, 0}, {0, 0}, 3, {{ONES, ONES}, {ONES - 15, ONES}, {17, 0}}, {5, 0}},
	{{1, 0},
	 {0, 0},
	 3,
	 {{ONES, ONES},
	  {UINT64_C(0xfefefefefefefefb), UINT64_C(0xfefefefefefefefe)},
	  {UINT64_C(0x0101010101010101), UINT64_C(0x0101010101010101)}},
	 {0, 0}},
	{{2, 0}, {0, 0}, 1, {{ONES - 2, ONES}}, {ONES - 5, ONES}},
	{{1, 4},
	 {0, 0},
	 4,
	 {{UINT64_C(0xb9435e50d79435e3), 0}, {UINT64_C(0xcd79435e50d79433), 1}, {0, 0}, {1, 0}},
	 {20, 85}},
	{{1, 4},
	 {0, 0},
	 3,
	 {{UINT64_C(0xb9435e50d79435e3), 0}, {UINT64_C(0xcd79435e50d79433), 1}, {0, 0}},
	 {19, 0}},
};

static void check_answer(const struct poly_answer *answer)
{
	size_t last = answer->n_blocks - 1;
	uint8_t sealed[ROOM] = {0};

	for (size_t i = 0; i < 2 * last; i++)
		le64_store(sealed + 8 * i, answer->block[i / 2][i % 2]);
	for (size_t i = 0; i < 2; i++)
		le64_store(sealed + 16 * last + 8 * i, answer->tag[i]);
	seam = (struct seam){
		.aad_len = answer->block[last][0],
		.aad_padded = 16 * last - answer->block[last][1],
		.has_key = true,
		.key = {answer->r[0], answer->r[1], answer->s[0], answer->s[1]},
	};
	check_tag(sealed, 16 * last, true);
	sealed[16 * last] ^= 1;
	check_tag(sealed, 16 * last, false);
}

static void test_poly1305_of_the_specification(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(poly_answers) / sizeof(poly_answers[0]); i++)
		check_answer(&poly_answers[i]);
}

int published_run_tests(const struct aead_kernel *tested)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wycheproof),
		cmocka_unit_test(test_poly1305_of_the_specification),
	};

	kernel = tested;
	if (!kernel->is_supported())
		return 0; /* kernel.h's tests have said so */
	return cmocka_run_group_tests_name("published vectors", tests, NULL, NULL);
}
