/* Mirrors src/wireguard/crypto.c */
#include "cmocka_all.h"

#include "wireguard/crypto.h"

#include "vectors.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>

static int start(void **state)
{
	*state = crypto_new();
	return *state ? 0 : -1;
}

static int stop(void **state)
{
	crypto_free(*state);
	return 0;
}

static void check_hex(const uint8_t *bytes, const char *expected)
{
	uint8_t wanted[4096];
	size_t len = vectors_hex(expected, wanted);

	assert_memory_equal(bytes, wanted, len);
}

/* ---- BLAKE2s ---- */

/* RFC 7693 appendix B */
static void test_hash_of_abc(void **state)
{
	uint8_t hash[WG_HASH_LEN];

	crypto_hash(*state, hash, "abc", 3, NULL, 0);
	check_hex(hash, "508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982");
}

static void test_hash_of_two_parts_is_that_of_both_joined(void **state)
{
	uint8_t bytes[200];
	uint8_t whole[WG_HASH_LEN];
	uint8_t parts[WG_HASH_LEN];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7);
	crypto_hash(*state, whole, bytes, sizeof(bytes), NULL, 0);
	for (size_t cut = 0; cut <= sizeof(bytes); cut++) {
		crypto_hash(*state, parts, bytes, cut, bytes + cut, sizeof(bytes) - cut);
		assert_memory_equal(parts, whole, sizeof(whole));
	}
}

/* RFC 7693 appendix E's generator of input. */
static void selftest_sequence(uint8_t *ret, size_t len, uint32_t seed)
{
	uint32_t a = 0xDEAD4BAD * seed;
	uint32_t b = 1;

	for (size_t i = 0; i < len; i++) {
		uint32_t t = a + b;

		a = b;
		b = t;
		ret[i] = (uint8_t)(t >> 24);
	}
}

/* The input lengths of RFC 7693 appendix E, keyed as there, with 16 bytes of
 * output.  The appendix hashes all output lengths into one number; this is the
 * hash over the 16-byte ones, computed with Python's hashlib.blake2s, which
 * reproduces the appendix's own.
 */
static void test_keyed_hash_of_16_bytes(void **state)
{
	static const size_t lengths[] = {0, 3, 64, 65, 255, 1024};
	uint8_t all[6][WG_MAC_LEN];
	uint8_t input[1024];
	uint8_t key[WG_MAC_LEN];
	uint8_t hash[WG_HASH_LEN];

	selftest_sequence(key, sizeof(key), WG_MAC_LEN);
	for (size_t i = 0; i < 6; i++) {
		selftest_sequence(input, lengths[i], (uint32_t)lengths[i]);
		crypto_mac(*state, all[i], key, sizeof(key), input, lengths[i]);
	}
	crypto_hash(*state, hash, all, sizeof(all), NULL, 0);
	check_hex(hash, "d194ac903e0179930267b98c7f1a6f0bd3b382ee8319c04561652e936d67023e");
}

/* Computed with Python's hashlib.blake2s. */
static void test_keyed_hash_takes_keys_of_1_to_32_bytes(void **state)
{
	uint8_t bytes[100];
	uint8_t mac[WG_MAC_LEN];
	const uint8_t short_key = 7;

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)i;
	crypto_mac(*state, mac, bytes, 32, bytes, 100);
	check_hex(mac, "0b67d33f8b859c3157fbabd9e6e47ed0");
	crypto_mac(*state, mac, bytes, 16, bytes, 0);
	check_hex(mac, "af4e5d3bb230e9ff9096ca6f7c501f76");
	crypto_mac(*state, mac, &short_key, 1, bytes, 64);
	check_hex(mac, "32d34ab354386f6d83aaf37b5615d2a1");
}

/* Known answers of wireguard-go's TestKDF.  HMAC fills a key up with zeroes
 * (RFC 2104), so a short key is the same as one of 32 bytes that ends in them.
 */
struct kdf_answer {
	const char *key;
	const char *input;
	const char *output[3];
};
static const struct kdf_answer kdf_answers[] = {
	{"746573742d6b6579",
	 "746573742d696e707574",
	 {"6f0e5ad38daba1bea8a0d213688736f19763239305e0f58aba697f9ffc41c633",
	  "df1194df20802a4fe594cde27e92991c8cae66c366e8106aaa937a55fa371e8a",
	  "fac6e2745a325f5dc5d11a5b165aad08b0ada28e7b4e666b7c077934a4d76c24"}},
	{"776972656775617264",
	 "776972656775617264",
	 {"491d43bbfdaa8750aaf535e334ecbfe5129967cd64635101c566d4caefda96e8",
	  "1e71a379baefd8a79aa4662212fcafe19a23e2b609a3db7d6bcba8f560e3d25f",
	  "31e1ae48bddfbe5de38f295e5452b1909a1b4e38e183926af3780b0c1e1f0160"}},
	{"",
	 "",
	 {"8387b46bf43eccfcf349552a095d8315c4055beb90208fb1be23b894bc2ed5d0",
	  "58a0e5f6faefccf4807bff1f05fa8a9217945762040bcec2f4b4a62bdfe0e86e",
	  "0ce6ea98ec548f8e281e93e32db65621c45eb18dc6f0a7ad94178610a2f7338e"}},
};

static void test_kdf_gives_one_two_or_three_keys(void **state)
{
	for (size_t i = 0; i < sizeof(kdf_answers) / sizeof(kdf_answers[0]); i++) {
		const struct kdf_answer *answer = &kdf_answers[i];
		uint8_t key[WG_HASH_LEN] = {0};
		uint8_t input[64];
		size_t len = vectors_hex(answer->input, input);
		uint8_t out[3][WG_HASH_LEN];

		(void)vectors_hex(answer->key, key);
		for (size_t n = 1; n <= 3; n++) {
			const struct crypto_kdf ret = {
				.first = out[0],
				.second = n >= 2 ? out[1] : NULL,
				.third = n >= 3 ? out[2] : NULL,
			};

			memset(out, 0, sizeof(out));
			crypto_kdf(*state, &ret, key, input, len);
			for (size_t j = 0; j < n; j++)
				check_hex(out[j], answer->output[j]);
			for (size_t j = n; j < 3; j++)
				assert_int_equal(out[j][0], 0);
		}
	}
}

static void test_kdf_may_replace_its_key(void **state)
{
	uint8_t key[WG_HASH_LEN] = "test-key";
	const struct crypto_kdf ret = {.first = key};

	crypto_kdf(*state, &ret, key, "test-input", 10);
	check_hex(key, kdf_answers[0].output[0]);
}

/* The first step of KDF is HMAC: of the empty key and input, by Python's hmac. */
static void test_hmac(void **state)
{
	const struct crypto_key key = {0};
	uint8_t hash[WG_HASH_LEN];

	crypto_hmac(*state, hash, &key, NULL, 0);
	check_hex(hash, "eaf4bb25938f4d20e72656bbbc7a9bf63c0c18537333c35bdb67db1402661acd");
}

/* ---- X25519 ---- */

/* RFC 7748 section 5.2 */
static void test_x25519_single_steps(void **state)
{
	static const char *const answers[][3] = {
		{"a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
		 "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
		 "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552"},
		{"4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
		 "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
		 "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957"},
	};

	for (size_t i = 0; i < 2; i++) {
		uint8_t scalar[32], point[32], result[32];

		(void)vectors_hex(answers[i][0], scalar);
		(void)vectors_hex(answers[i][1], point);
		assert_true(crypto_x25519(*state, result, scalar, point));
		check_hex(result, answers[i][2]);
	}
}

/* RFC 7748 section 5.2: the result becomes the scalar, the scalar the point. */
static void test_x25519_iterated(void **state)
{
	uint8_t scalar[32] = {9};
	uint8_t point[32] = {9};

	for (int i = 0; i < 1000; i++) {
		uint8_t result[32];

		assert_true(crypto_x25519(*state, result, scalar, point));
		memcpy(point, scalar, sizeof(point));
		memcpy(scalar, result, sizeof(scalar));
		if (i == 0)
			check_hex(scalar, "422c8e7a6227d7bca1350b3e2bb7279f"
					  "7897b87bb6854b783c60e80311ae3079");
	}
	check_hex(scalar, "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51");
}

/* RFC 7748 section 6.1 */
static void test_x25519_agreement(void **state)
{
	uint8_t alice[32], bob[32], alice_public[32], bob_public[32], shared[32];

	(void)vectors_hex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a",
			  alice);
	(void)vectors_hex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb", bob);
	assert_true(crypto_x25519_public(*state, alice_public, alice));
	assert_true(crypto_x25519_public(*state, bob_public, bob));
	check_hex(alice_public, "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
	check_hex(bob_public, "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
	assert_true(crypto_x25519(*state, shared, bob, alice_public));
	check_hex(shared, "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
	assert_true(crypto_x25519(*state, shared, alice, bob_public));
	check_hex(shared, "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
}

static void test_x25519_alone_agrees_with_all_of_it(void **state)
{
	struct crypto *alone = crypto_new_x25519();
	const uint8_t key[32] = {1, 2, 3};
	uint8_t expected[32], shown[32];

	assert_non_null(alone);
	assert_true(crypto_x25519_public(*state, expected, key));
	assert_true(crypto_x25519_public(alone, shown, key));
	assert_memory_equal(shown, expected, sizeof(expected));
	crypto_free(alone);
}

/* RFC 7748 section 6.1: points of small order give zero, which is refused. */
static void test_x25519_refuses_points_of_small_order(void **state)
{
	static const char *const points[] = {
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
		"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	};
	const uint8_t private_key[32] = {1, 2, 3};
	const uint8_t zero[32] = {0};

	for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
		uint8_t point[32];
		uint8_t result[32] = {1};

		(void)vectors_hex(points[i], point);
		assert_false(crypto_x25519(*state, result, private_key, point));
		assert_memory_equal(result, zero, sizeof(zero));
	}
}

static void test_clamping_sets_the_five_fixed_bits_and_changes_no_public_key(void **state)
{
	uint8_t key[32];
	uint8_t before[32], after[32];

	memset(key, 0xff, sizeof(key));
	assert_true(crypto_x25519_public(*state, before, key));
	crypto_x25519_clamp(key);
	assert_true(crypto_x25519_public(*state, after, key));
	assert_int_equal(key[0], 0xf8);
	assert_int_equal(key[31], 0x7f);
	assert_memory_equal(before, after, sizeof(after));

	memset(key, 0, sizeof(key));
	crypto_x25519_clamp(key);
	assert_int_equal(key[0], 0);
	assert_int_equal(key[31], 0x40);
}

static void test_x25519_wycheproof(void **state)
{
	json_t *json = vectors_load("x25519_test.json");
	const json_t *tests =
		json_object_get(json_array_get(json_object_get(json, "testGroups"), 0), "tests");
	const uint8_t zero[32] = {0};
	size_t i, n_refused = 0;
	const json_t *test;

	json_array_foreach(tests, i, test)
	{
		uint8_t private_key[32], public_key[32], expected[32], shared[32];
		bool is_zero;

		(void)vectors_bytes(test, "private", private_key, 32);
		(void)vectors_bytes(test, "public", public_key, 32);
		(void)vectors_bytes(test, "shared", expected, 32);
		is_zero = memcmp(expected, zero, sizeof(zero)) == 0;
		assert_int_equal(crypto_x25519(*state, shared, private_key, public_key), !is_zero);
		assert_memory_equal(shared, expected, sizeof(expected));
		n_refused += is_zero;
	}
	assert_true(i >= 500 && n_refused >= 30);
	json_decref(json);
}

/* ---- ChaCha20-Poly1305 ---- */

static const char sunscreen[] = "Ladies and Gentlemen of the class of '99: If I could offer you "
				"only one tip for the future, sunscreen would be it.";

struct aead_answer {
	const char *nonce;
	const char *sealed;
};

/* Both use the same key (80 to 9f), text and associated data. */
static const struct aead_answer aead_answers[] = {
	/* RFC 8439 section 2.8.2 */
	{"070000004041424344454647",
	 "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6"
	 "3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36"
	 "92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc"
	 "3ff4def08e4b7a9de576d26586cec64b6116"
	 "1ae10b594f09e26a7e902ecbd0600691"},
	/* draft-irtf-cfrg-xchacha-03 appendix A.3.1 */
	{"404142434445464748494a4b4c4d4e4f5051525354555657",
	 "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb"
	 "731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b452"
	 "2f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff9"
	 "21f9664c97637da9768812f615c68b13b52e"
	 "c0875924c1c7987947deafd8780acf49"},
};

static void test_sealed_messages_of_the_specifications(void **state)
{
	uint8_t key[32], nonce[24], aad[12], sealed[200], expected[200], opened[200];

	for (size_t i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t)(0x80 + i);
	(void)vectors_hex("50515253c0c1c2c3c4c5c6c7", aad);
	for (size_t i = 0; i < 2; i++) {
		size_t len = vectors_hex(aead_answers[i].sealed, expected);
		struct crypto_message message = {
			.key = key,
			.nonce = nonce,
			.nonce_len = vectors_hex(aead_answers[i].nonce, nonce),
			.aad = aad,
			.aad_len = sizeof(aad),
			.bytes = (const uint8_t *)sunscreen,
			.len = sizeof(sunscreen) - 1,
		};

		assert_true(crypto_seal_message(*state, &message, sealed));
		assert_memory_equal(sealed, expected, len);
		message.bytes = sealed;
		message.len = len;
		assert_true(crypto_open_message(*state, &message, opened));
		assert_memory_equal(opened, sunscreen, sizeof(sunscreen) - 1);
	}
}

/* draft-irtf-cfrg-xchacha-03 section 2.2.1 */
static void test_hchacha20(void **state)
{
	uint8_t key[32], nonce[16], result[32];

	(void)state;
	for (size_t i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t)i;
	(void)vectors_hex("000000090000004a0000000031415927", nonce);
	crypto_hchacha20(result, key, nonce);
	check_hex(result, "82413b4227b27bfed30e42508a877d73a0f9e4d58a74a853c12ec41326d3ecdc");
}

static void test_message_with_any_bit_changed_is_refused(void **state)
{
	const uint8_t key[32] = {1}, nonce[12] = {2}, aad[5] = {3}, plain[7] = {4};
	const uint8_t zero[7] = {0};
	uint8_t sealed[7 + 16], opened[7];
	struct crypto_message message = {key, nonce, sizeof(nonce), aad, sizeof(aad), plain, 7};

	assert_true(crypto_seal_message(*state, &message, sealed));
	message.bytes = sealed;
	message.len = sizeof(sealed);
	for (size_t bit = 0; bit < 8 * sizeof(sealed); bit++) {
		sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
		memset(opened, 1, sizeof(opened));
		assert_false(crypto_open_message(*state, &message, opened));
		assert_memory_equal(opened, zero, sizeof(zero));
		sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_true(crypto_open_message(*state, &message, opened));
	message.aad_len--;
	assert_false(crypto_open_message(*state, &message, opened));
	message.aad_len++;
	message.len = WG_TAG_LEN - 1;
	assert_false(crypto_open_message(*state, &message, opened));
}

static void check_aead_test(struct crypto *crypto, const json_t *test)
{
	uint8_t key[32], nonce[32], aad[1024], plain[1024], sealed[1024], out[1024];
	bool is_valid = strcmp(json_string_value(json_object_get(test, "result")), "valid") == 0;
	size_t plain_len = vectors_bytes(test, "msg", plain, sizeof(plain));
	size_t len = vectors_bytes(test, "ct", sealed, sizeof(sealed) - 16);
	struct crypto_message message = {
		.key = key,
		.nonce = nonce,
		.nonce_len = vectors_bytes(test, "iv", nonce, sizeof(nonce)),
		.aad = aad,
		.aad_len = vectors_bytes(test, "aad", aad, sizeof(aad)),
		.bytes = sealed,
	};

	(void)vectors_bytes(test, "key", key, sizeof(key));
	message.len = len + vectors_bytes(test, "tag", sealed + len, 16);
	assert_int_equal(crypto_open_message(crypto, &message, out), is_valid);
	if (!is_valid)
		return;
	assert_int_equal(len, plain_len);
	assert_memory_equal(out, plain, plain_len);
	message.bytes = plain;
	message.len = plain_len;
	assert_true(crypto_seal_message(crypto, &message, out));
	assert_memory_equal(out, sealed, len + 16);
}

/* Groups of other nonce lengths are left out: the length is fixed by the type. */
static void check_aead_file(struct crypto *crypto, const char *name, json_int_t nonce_bits)
{
	json_t *json = vectors_load(name);
	size_t i, j, n = 0;
	const json_t *group, *test;

	json_array_foreach(json_object_get(json, "testGroups"), i, group)
	{
		if (json_integer_value(json_object_get(group, "ivSize")) != nonce_bits)
			continue;
		json_array_foreach(json_object_get(group, "tests"), j, test)
		{
			check_aead_test(crypto, test);
			n++;
		}
	}
	assert_true(n >= 300);
	json_decref(json);
}

static void test_chacha20_poly1305_wycheproof(void **state)
{
	check_aead_file(*state, "chacha20_poly1305_test.json", 96);
}

static void test_xchacha20_poly1305_wycheproof(void **state)
{
	check_aead_file(*state, "xchacha20_poly1305_test.json", 192);
}

/* ---- transport ---- */

enum { PACKET_MAX = 9000 };

static void fill(uint8_t *bytes, size_t len, uint8_t seed)
{
	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)(seed + i * 31 + (i >> 8));
}

static const char *const kernels[] = {"avx512", "avx2", CRYPTO_OPENSSL};
enum { N_KERNELS = sizeof(kernels) / sizeof(kernels[0]) };

static void test_library_alone_is_always_there_and_other_kernels_are_named(void **state)
{
	struct crypto *crypto = crypto_new_with(CRYPTO_OPENSSL);

	(void)state;
	assert_non_null(crypto);
	assert_string_equal(crypto_kernel(crypto), CRYPTO_OPENSSL);
	crypto_free(crypto);
	assert_null(crypto_new_with("abacus"));
	assert_null(crypto_new_with("null")); /* the benchmark's, which encrypts nothing */
	for (size_t i = 0; i < N_KERNELS; i++) {
		crypto = crypto_new_with(kernels[i]);
		if (crypto)
			assert_string_equal(crypto_kernel(crypto), kernels[i]);
		crypto_free(crypto);
	}
}

static void check_batch_beside_packets(struct crypto *crypto)
{
	enum { N = 44, LEN = 1420 };
	static uint8_t plain[N][LEN], sealed[N][LEN + 32], alone[LEN + 32];
	const struct crypto_key key = {{1, 2}};
	struct crypto_sealing sealing[N];
	struct crypto_opening opening[N];

	for (size_t i = 0; i < N; i++) {
		fill(plain[i], LEN, (uint8_t)i);
		sealing[i] = (struct crypto_sealing){
			.plain = {plain[i], 40, plain[i] + 40, LEN - 40 - i, i % 16},
			.out = sealed[i],
		};
	}
	crypto_seal_batch(crypto, &key, 77, sealing, N);
	for (size_t i = 0; i < N; i++) {
		size_t len = crypto_seal(crypto, &key, 77 + i, &sealing[i].plain, alone);

		assert_int_equal(sealing[i].len, len);
		assert_memory_equal(sealed[i], alone, len);
		opening[N - 1 - i] = (struct crypto_opening){77 + i, sealed[i], len, false};
	}
	sealed[20][5] ^= 1;
	crypto_open_batch(crypto, &key, opening, N);
	for (size_t i = 0; i < N; i++) {
		assert_int_equal(opening[N - 1 - i].is_authentic, i != 20);
		if (i != 20)
			assert_memory_equal(sealed[i], plain[i], LEN - i);
	}
}

static void test_batch_is_its_packets_one_by_one_with_every_kernel(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_KERNELS; i++) {
		struct crypto *crypto = crypto_new_with(kernels[i]);

		if (crypto)
			check_batch_beside_packets(crypto);
		crypto_free(crypto);
	}
}

/* The nonce is four zeroes and the counter (whitepaper section 5.4.6). */
static void test_packet_is_a_message_whose_nonce_is_the_counter(void **state)
{
	const struct crypto_key key = {{5, 6, 7}};
	const uint64_t counter = UINT64_C(0x0102030405060708);
	uint8_t nonce[12], plain[100], packet[116], expected[116];
	const struct crypto_plain in = {.body = plain, .body_len = sizeof(plain)};
	const struct crypto_message message = {.key = key.byte,
					       .nonce = nonce,
					       .nonce_len = sizeof(nonce),
					       .bytes = plain,
					       .len = sizeof(plain)};

	(void)vectors_hex("000000000807060504030201", nonce);
	fill(plain, sizeof(plain), 1);
	assert_true(crypto_seal_message(*state, &message, expected));
	assert_int_equal(crypto_seal(*state, &key, counter, &in, packet), sizeof(packet));
	assert_memory_equal(packet, expected, sizeof(packet));
	assert_true(crypto_open(*state, &key, counter, packet, sizeof(packet)));
	assert_memory_equal(packet, plain, sizeof(plain));
}

static void test_head_body_and_padding_are_one_packet(void **state)
{
	static uint8_t plain[PACKET_MAX + 16], whole[PACKET_MAX + 32], parts[PACKET_MAX + 32];
	const struct crypto_key key = {{1}};
	static const size_t lengths[] = {0, 1, 16, 40, 63, 64, 65, 127, 1420, PACKET_MAX};

	fill(plain, PACKET_MAX, 9);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		size_t n_zeroes = (16 - lengths[i] % 16) % 16;
		size_t padded = lengths[i] + n_zeroes;
		struct crypto_plain in = {.body = plain, .body_len = padded};

		memset(plain + lengths[i], 0, n_zeroes);
		assert_int_equal(crypto_seal(*state, &key, i, &in, whole), padded + 16);
		for (size_t head = 0; head <= lengths[i] && head <= 80; head++) {
			in = (struct crypto_plain){plain, head, plain + head, lengths[i] - head,
						   n_zeroes};
			assert_int_equal(crypto_seal(*state, &key, i, &in, parts), padded + 16);
			assert_memory_equal(parts, whole, padded + 16);
		}
		fill(plain, PACKET_MAX, 9);
	}
}

static void test_body_may_lie_where_it_is_to_be(void **state)
{
	uint8_t head[40], body[1000], apart[1056], in_place[1056];
	const struct crypto_key key = {{1}};
	struct crypto_plain in = {head, sizeof(head), body, sizeof(body), 0};

	fill(head, sizeof(head), 3);
	fill(body, sizeof(body), 4);
	assert_int_equal(crypto_seal(*state, &key, 1, &in, apart), sizeof(apart));
	memcpy(in_place + sizeof(head), body, sizeof(body));
	in.body = in_place + sizeof(head);
	assert_int_equal(crypto_seal(*state, &key, 1, &in, in_place), sizeof(in_place));
	assert_memory_equal(in_place, apart, sizeof(apart));
}

static void test_packet_is_refused_under_another_key_counter_or_length(void **state)
{
	const struct crypto_key key = {{1}}, other = {{1, [31] = 1}};
	const uint8_t body[48] = {7};
	const struct crypto_plain in = {.body = body, .body_len = sizeof(body)};
	uint8_t sealed[64], bytes[64];

	assert_int_equal(crypto_seal(*state, &key, 7, &in, sealed), sizeof(sealed));
	memcpy(bytes, sealed, sizeof(sealed));
	assert_false(crypto_open(*state, &other, 7, bytes, sizeof(bytes)));
	memcpy(bytes, sealed, sizeof(sealed));
	assert_false(crypto_open(*state, &key, 8, bytes, sizeof(bytes)));
	memcpy(bytes, sealed, sizeof(sealed));
	assert_false(crypto_open(*state, &key, 7, bytes, sizeof(bytes) - 1));
	assert_false(crypto_open(*state, &key, 7, bytes, WG_TAG_LEN - 1));
	memcpy(bytes, sealed, sizeof(sealed));
	assert_true(crypto_open(*state, &key, 7, bytes, sizeof(bytes)));
	assert_memory_equal(bytes, body, sizeof(body));
}

/* The contexts keep the last key: what one session did must not show in another. */
static void test_keys_used_in_turn_do_not_mix(void **state)
{
	const struct crypto_key keys[3] = {{{1}}, {{2}}, {{[31] = 1}}};
	const uint8_t body[32] = {7};
	const struct crypto_plain in = {.body = body, .body_len = sizeof(body)};
	uint8_t expected[3][48], bytes[48];

	for (size_t i = 0; i < 3; i++) {
		struct crypto *fresh = crypto_new();

		assert_non_null(fresh);
		(void)crypto_seal(fresh, &keys[i], 1, &in, expected[i]);
		crypto_free(fresh);
	}
	for (size_t i = 0; i < 30; i++) {
		size_t k = (i * i + i / 2) % 3;

		if (i % 7 == 0)
			crypto_forget(*state);
		(void)crypto_seal(*state, &keys[k], 1, &in, bytes);
		assert_memory_equal(bytes, expected[k], sizeof(bytes));
		assert_true(crypto_open(*state, &keys[k], 1, bytes, sizeof(bytes)));
		assert_memory_equal(bytes, body, sizeof(body));
	}
}

static void test_later_contexts_have_the_best_kernel_too(void **state)
{
	static const char *const names[] = {"avx512", "avx2", CRYPTO_OPENSSL};
	struct crypto *later = crypto_new();
	struct crypto *best = NULL;

	for (size_t i = 0; !best; i++)
		best = crypto_new_with(names[i]);
	assert_non_null(later);
	assert_string_equal(crypto_kernel(later), crypto_kernel(best));
	assert_string_equal(crypto_kernel(*state), crypto_kernel(best));
	crypto_free(best);
	crypto_free(later);
}

/* Zeroes are what a new context's idea of its key looks like. */
static void test_first_key_may_be_zeroes(void **state)
{
	static const struct crypto_key zero;
	const struct crypto_plain in = {.n_zeroes = 4};
	struct crypto *fresh = crypto_new();
	uint8_t bytes[20], expected[20];

	assert_non_null(fresh);
	(void)crypto_seal(fresh, &zero, 0, &in, bytes);
	(void)crypto_seal(*state, &(struct crypto_key){{1}}, 0, &in, expected);
	(void)crypto_seal(*state, &zero, 0, &in, expected);
	assert_memory_equal(bytes, expected, sizeof(bytes));
	assert_true(crypto_open(fresh, &zero, 0, bytes, sizeof(bytes)));
	crypto_free(fresh);
}

static void test_nothing_is_freed_as_nothing(void **state)
{
	(void)state;
	crypto_free(NULL);
}

static void test_keepalive_is_a_tag_alone(void **state)
{
	const struct crypto_key key = {{1}};
	const struct crypto_plain in = {0};
	uint8_t tag[16];

	assert_int_equal(crypto_seal(*state, &key, 0, &in, tag), sizeof(tag));
	assert_true(crypto_open(*state, &key, 0, tag, sizeof(tag)));
}

/* ---- memory ---- */

/* Before ours, which the library is given: counts, and fails when told to. */
static struct {
	CRYPTO_malloc_fn take;
	CRYPTO_realloc_fn change;

	unsigned long n;       /* allocations so far */
	unsigned long failing; /* the n-th and all later ones fail; 0: none */
} memory;

static bool may_allocate(void)
{
	memory.n++;
	return memory.failing == 0 || memory.n < memory.failing;
}

static void *take_memory(size_t size, const char *file, int line)
{
	return may_allocate() ? memory.take(size, file, line) : NULL;
}

static void *change_memory(void *at, size_t size, const char *file, int line)
{
	return may_allocate() ? memory.change(at, size, file, line) : NULL;
}

/* The linker puts the first of these before the library's own. */
int __wrap_CRYPTO_set_mem_functions(CRYPTO_malloc_fn take, CRYPTO_realloc_fn change,
				    CRYPTO_free_fn give);
int __real_CRYPTO_set_mem_functions(CRYPTO_malloc_fn take, CRYPTO_realloc_fn change,
				    CRYPTO_free_fn give);

int __wrap_CRYPTO_set_mem_functions(CRYPTO_malloc_fn take, CRYPTO_realloc_fn change,
				    CRYPTO_free_fn give)
{
	memory.take = take;
	memory.change = change;
	return __real_CRYPTO_set_mem_functions(take_memory, change_memory, give);
}

static void fail_from(unsigned long n)
{
	memory.n = 0;
	memory.failing = n;
}

static void use_without_memory(struct crypto *crypto)
{
	static uint8_t sealed[9][1040 + 16];
	const struct crypto_key keys[2] = {{{1}}, {{2}}};
	uint8_t head[40] = {1}, bytes[1000] = {2}, out[1040 + 16], mac[16];
	const struct crypto_plain in = {head, sizeof(head), bytes, sizeof(bytes), 0};
	struct crypto_sealing batch[9];

	for (size_t i = 0; i < 9; i++)
		batch[i] = (struct crypto_sealing){.plain = in, .out = sealed[i]};
	fail_from(1);
	for (uint64_t i = 0; i < 100; i++) {
		size_t len = crypto_seal(crypto, &keys[i % 2], i, &in, out);

		assert_true(crypto_open(crypto, &keys[i % 2], i, out, len));
		crypto_mac(crypto, mac, keys[0].byte, 32, bytes, sizeof(bytes));
	}
	crypto_seal_batch(crypto, &keys[0], 0, batch, 9);
	crypto_forget(crypto);
	assert_int_equal(memory.n, 0);
	fail_from(0);
}

static void test_packets_and_macs_allocate_nothing(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_KERNELS; i++) {
		struct crypto *crypto = crypto_new_with(kernels[i]);

		if (crypto)
			use_without_memory(crypto);
		crypto_free(crypto);
	}
}

/* Each allocation fails once, all after it too. */
static void test_start_without_memory_is_a_failure(void **state)
{
	struct crypto *crypto = NULL;
	unsigned long n = 0;

	(void)state;
	while (!crypto && n < 1000) {
		fail_from(++n);
		crypto = crypto_new();
		fail_from(0);
	}
	assert_true(n > 5);
	assert_non_null(crypto);
	crypto_free(crypto);
}

static void test_agreement_without_memory_is_a_failure(void **state)
{
	const uint8_t private_key[32] = {1}, public_key[32] = {9}, zero[32] = {0};
	uint8_t shared[32];
	bool is_done = false;
	unsigned long n = 0;

	while (!is_done && n < 1000) {
		memset(shared, 1, sizeof(shared));
		fail_from(++n);
		is_done = crypto_x25519(*state, shared, private_key, public_key);
		fail_from(0);
		if (!is_done)
			assert_memory_equal(shared, zero, sizeof(zero));
	}
	assert_true(n > 3);
	assert_true(is_done);
}

static void test_message_without_memory_is_a_failure(void **state)
{
	const uint8_t key[32] = {1}, nonce[24] = {2}, plain[8] = {3}, zero[8] = {0};
	uint8_t sealed[24], opened[8];
	struct crypto_message message = {
		.key = key, .nonce = nonce, .nonce_len = 24, .bytes = plain, .len = 8};

	fail_from(1);
	assert_false(crypto_seal_message(*state, &message, sealed));
	fail_from(0);
	assert_true(crypto_seal_message(*state, &message, sealed));
	message.bytes = sealed;
	message.len = sizeof(sealed);
	memset(opened, 1, sizeof(opened));
	fail_from(1);
	assert_false(crypto_open_message(*state, &message, opened));
	fail_from(0);
	assert_memory_equal(opened, zero, sizeof(zero));
	assert_true(crypto_open_message(*state, &message, opened));
}

/* ---- wiping ---- */

#ifndef ADIT_SANITIZED /* whose shadow memory cannot be searched */
/* How often `needle` occurs in the writable memory of this process. */
static unsigned int count_in_memory(const uint8_t needle[16])
{
	FILE *maps = fopen("/proc/self/maps", "r");
	unsigned int n = 0;
	char line[512];

	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps)) {
		uint8_t *from, *to;
		char mode[5];

		if (sscanf(line, "%p-%p %4s", (void **)&from, (void **)&to, mode) != 3 ||
		    strncmp(mode, "rw", 2) != 0)
			continue;
		while (from + 16 <= to && (from = memmem(from, (size_t)(to - from), needle, 16))) {
			n++;
			from++;
		}
	}
	(void)fclose(maps);
	return n;
}

/* Nothing else in this program looks like it. */
static void make_key(uint8_t *ret, size_t len)
{
	for (size_t i = 0; i < len; i++)
		ret[i] = (uint8_t)(i * i * 113 + i * 45 + 201);
}

/* A batch, a packet, and one message. */
static void use_key(struct crypto *crypto, const struct crypto_key *key)
{
	uint8_t bytes[9][100 + WG_TAG_LEN] = {0};
	struct crypto_sealing sealing[8];
	const struct crypto_plain in = {.body = bytes[8], .body_len = 32};

	for (size_t i = 0; i < 8; i++)
		sealing[i] = (struct crypto_sealing){.plain = {.body = bytes[i], .body_len = 100},
						     .out = bytes[i]};
	crypto_seal_batch(crypto, key, 1, sealing, 8);
	(void)crypto_seal(crypto, key, 1, &in, bytes[8]);
	assert_true(crypto_open(crypto, key, 1, bytes[8], 48));
}

static void check_forgetting(struct crypto *crypto, bool keeps_until_told)
{
	struct crypto_key key;
	uint8_t needle[16];

	make_key(key.byte, sizeof(key.byte));
	use_key(crypto, &key);
	memset(&key, 0, sizeof(key));
	__asm__ volatile("" : : "r"(&key) : "memory");

	make_key(needle, sizeof(needle));
	assert_int_equal(count_in_memory(needle) > 1, keeps_until_told);
	crypto_forget(crypto);
	assert_int_equal(count_in_memory(needle), 1);
}

static void test_forgotten_key_is_nowhere_in_memory(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_KERNELS; i++) {
		struct crypto *crypto = crypto_new_with(kernels[i]);

		if (!crypto)
			continue;
		/* OpenSSL does single packets beside "avx2", and all by itself. */
		check_forgetting(crypto, strcmp(kernels[i], "avx512") != 0);
		crypto_free(crypto);
	}
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hash_of_abc),
		cmocka_unit_test(test_hash_of_two_parts_is_that_of_both_joined),
		cmocka_unit_test(test_keyed_hash_of_16_bytes),
		cmocka_unit_test(test_keyed_hash_takes_keys_of_1_to_32_bytes),
		cmocka_unit_test(test_kdf_gives_one_two_or_three_keys),
		cmocka_unit_test(test_kdf_may_replace_its_key),
		cmocka_unit_test(test_hmac),
		cmocka_unit_test(test_x25519_single_steps),
		cmocka_unit_test(test_x25519_iterated),
		cmocka_unit_test(test_x25519_agreement),
		cmocka_unit_test(test_x25519_alone_agrees_with_all_of_it),
		cmocka_unit_test(test_x25519_refuses_points_of_small_order),
		cmocka_unit_test(test_clamping_sets_the_five_fixed_bits_and_changes_no_public_key),
		cmocka_unit_test(test_x25519_wycheproof),
		cmocka_unit_test(test_sealed_messages_of_the_specifications),
		cmocka_unit_test(test_hchacha20),
		cmocka_unit_test(test_message_with_any_bit_changed_is_refused),
		cmocka_unit_test(test_chacha20_poly1305_wycheproof),
		cmocka_unit_test(test_xchacha20_poly1305_wycheproof),
		cmocka_unit_test(test_library_alone_is_always_there_and_other_kernels_are_named),
		cmocka_unit_test(test_batch_is_its_packets_one_by_one_with_every_kernel),
		cmocka_unit_test(test_packet_is_a_message_whose_nonce_is_the_counter),
		cmocka_unit_test(test_head_body_and_padding_are_one_packet),
		cmocka_unit_test(test_body_may_lie_where_it_is_to_be),
		cmocka_unit_test(test_packet_is_refused_under_another_key_counter_or_length),
		cmocka_unit_test(test_keys_used_in_turn_do_not_mix),
		cmocka_unit_test(test_later_contexts_have_the_best_kernel_too),
		cmocka_unit_test(test_first_key_may_be_zeroes),
		cmocka_unit_test(test_nothing_is_freed_as_nothing),
		cmocka_unit_test(test_keepalive_is_a_tag_alone),
		cmocka_unit_test(test_packets_and_macs_allocate_nothing),
		cmocka_unit_test(test_start_without_memory_is_a_failure),
		cmocka_unit_test(test_agreement_without_memory_is_a_failure),
		cmocka_unit_test(test_message_without_memory_is_a_failure),
#ifndef ADIT_SANITIZED
		cmocka_unit_test(test_forgotten_key_is_nowhere_in_memory),
#endif
	};
	return cmocka_run_group_tests_name("wireguard/crypto", tests, start, stop);
}
