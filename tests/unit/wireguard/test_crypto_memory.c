/* Mirrors src/wireguard/crypto_memory.c, and sees to what it is for: no secret of
 * the protocol outlives its use, in any memory of a process that runs on.
 *
 * How it works: this program starts itself a second time, as a child that runs
 * two devices back to back (pair.h) and stops after every step.  We take the same
 * steps; since clock and randomness are made up, our devices have the same keys.
 * The linker puts functions of ours before those of crypto.h, so that we learn
 * every secret on its way, also those that no structure keeps; the child does not
 * note them.  Then its memory is searched for them.
 */
#include "cmocka_all.h"

#include "emulated.h"

#include "base/secret.h"
#include "wireguard/crypto.h"
#include "wireguard/crypto_memory.h"
#include "wireguard/device_state.h"
#include "wireguard/needles.h"
#include "wireguard/painted_stack.h"
#include "wireguard/pair.h"
#include "wireguard/peer.h"

#include <openssl/crypto.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FLOOD = 512 + 1 };

static struct needles *needles; /* NULL in the child */

static void learn(enum needle_kind kind, const uint8_t *bytes, size_t len)
{
	if (needles && bytes && !secret_is_zero(bytes, len))
		needles_add(needles, kind, bytes, len);
}

/* ---- put before crypto.h's ---- */

void __real_crypto_kdf(struct crypto *crypto, const struct crypto_kdf *ret,
		       const uint8_t key[WG_HASH_LEN], const void *bytes, size_t len);
bool __real_crypto_x25519(struct crypto *crypto, uint8_t ret[WG_KEY_LEN],
			  const uint8_t private_key[WG_KEY_LEN],
			  const uint8_t public_key[WG_KEY_LEN]);
bool __real_crypto_x25519_public(struct crypto *crypto, uint8_t ret[WG_KEY_LEN],
				 const uint8_t private_key[WG_KEY_LEN]);
void __wrap_crypto_kdf(struct crypto *crypto, const struct crypto_kdf *ret,
		       const uint8_t key[WG_HASH_LEN], const void *bytes, size_t len);
bool __wrap_crypto_x25519(struct crypto *crypto, uint8_t ret[WG_KEY_LEN],
			  const uint8_t private_key[WG_KEY_LEN],
			  const uint8_t public_key[WG_KEY_LEN]);
bool __wrap_crypto_x25519_public(struct crypto *crypto, uint8_t ret[WG_KEY_LEN],
				 const uint8_t private_key[WG_KEY_LEN]);

/* What is extracted first stays inside crypto.c. */
static void learn_extracted(struct crypto *crypto, const uint8_t *key, const void *bytes,
			    size_t len)
{
	struct crypto_key given;
	uint8_t extracted[WG_HASH_LEN];

	memcpy(given.byte, key, sizeof(given.byte));
	crypto_hmac(crypto, extracted, &given, bytes, len);
	learn(NEEDLE_CHAIN, extracted, sizeof(extracted));
}

void __wrap_crypto_kdf(struct crypto *crypto, const struct crypto_kdf *ret,
		       const uint8_t key[WG_HASH_LEN], const void *bytes, size_t len)
{
	/* the split: whitepaper section 5.4.5 */
	const enum needle_kind kind = len == 0 ? NEEDLE_SESSION : NEEDLE_CHAIN;

	if (needles)
		learn_extracted(crypto, key, bytes, len);
	__real_crypto_kdf(crypto, ret, key, bytes, len);
	learn(kind, ret->first, WG_HASH_LEN);
	learn(kind, ret->second, WG_HASH_LEN);
	learn(kind, ret->third, WG_HASH_LEN);
}

bool __wrap_crypto_x25519(struct crypto *crypto, uint8_t ret[WG_KEY_LEN],
			  const uint8_t private_key[WG_KEY_LEN],
			  const uint8_t public_key[WG_KEY_LEN])
{
	bool is_done = __real_crypto_x25519(crypto, ret, private_key, public_key);

	learn(NEEDLE_AGREED, ret, WG_KEY_LEN);
	return is_done;
}

bool __wrap_crypto_x25519_public(struct crypto *crypto, uint8_t ret[WG_KEY_LEN],
				 const uint8_t private_key[WG_KEY_LEN])
{
	learn(NEEDLE_EPHEMERAL, private_key, WG_KEY_LEN); /* unless it is known as another's */
	return __real_crypto_x25519_public(crypto, ret, private_key);
}

struct crypto *__wrap_crypto_new(void);

/* By whom packets are encrypted, in us and in the child. */
static const char *kernel = CRYPTO_OPENSSL;

struct crypto *__wrap_crypto_new(void)
{
	return crypto_new_with(kernel);
}

/* ---- what both do ---- */

static void set_private_key(struct pair *pair, enum pair_name of)
{
	AUTO_WIPE struct secret_key key;

	pair_fill_random(pair, key.byte, sizeof(key.byte));
	crypto_x25519_clamp(key.byte);
	learn(NEEDLE_PRIVATE, key.byte, sizeof(key.byte));
	assert_int_equal(wg_device_set_private_key(pair->side[of].device, pair->now, key.byte), 0);
}

/* The other side does not know it: for keys that change. */
static void change_private_keys(struct pair *pair)
{
	set_private_key(pair, ALICE);
	set_private_key(pair, BOB);
}

static void change_preshared_key(struct pair *pair)
{
	AUTO_WIPE struct secret_key key;

	pair_fill_random(pair, key.byte, sizeof(key.byte));
	learn(NEEDLE_PRESHARED, key.byte, sizeof(key.byte));
	for (enum pair_name name = ALICE; name < PAIR_SIDES; name++)
		wg_peer_set_preshared_key(pair->side[name].peer, key.byte);
}

/* The message that a device has to send goes to the other one: a step at a time. */
static void ask_for_handshake(struct pair *pair)
{
	wg_peer_start_handshake(pair->side[ALICE].device, pair->now, pair->side[ALICE].peer);
	pair_pump(pair, ALICE);
}

static void let_one_datagram_arrive(struct pair *pair)
{
	pair_advance_ns(pair, pair->wire.latency_ns);
}

static void advance_121_seconds(struct pair *pair)
{
	pair_advance(pair, 121);
}

static void advance_541_seconds(struct pair *pair)
{
	pair_advance(pair, 541);
}

static void exchange_packets(struct pair *pair)
{
	for (int i = 0; i < 20; i++) {
		pair_send(pair, ALICE);
		pair_send(pair, BOB);
	}
	pair_advance_ms(pair, 20);
}

/* Without what a fixture does between: it would overwrite the stack. */
static void seal_and_open(struct pair *pair)
{
	enum { N = 11, LEN = 1300 };
	static uint8_t packet[LEN], sealed[N][LEN + 64];
	struct wg_datagram datagram[N];
	struct wg_sealing sealing[N];
	struct wg_seal seal;
	struct wg_open open;

	pair_write_packet(ALICE, 0, packet, LEN);
	if (wg_seal_begin(pair->side[ALICE].device, pair->now, packet, LEN, N, &seal) < 0)
		abort();
	for (size_t i = 0; i < N; i++) {
		sealing[i] = (struct wg_sealing){
			.body = packet, .body_len = LEN - 100 * (i % 3), .out = sealed[i]};
		datagram[i] = (struct wg_datagram){.bytes = sealed[i],
						   .len = wg_sealed_len(sealing[i].body_len, 1420)};
	}
	wg_seal_many(&seal, sealing, N, 1420);
	wg_seal_end(pair->side[ALICE].device, pair->now, &seal, N, 0);
	if (wg_open_begin(pair->side[BOB].device, pair->now, datagram, N, &open, 1) != 1)
		abort();
	wg_open_many(&open, datagram, N);
	wg_open_end(pair->side[BOB].device, &open);
}

static void flood_bob(struct pair *pair)
{
	const union endpoint from = pair_endpoint("198.51.100.1:9");

	for (unsigned int i = 0; i < FLOOD; i++) {
		struct pair_datagram forged = pair_forge_initiation(pair, BOB, &from);

		(void)pair_inject(pair, BOB, &forged);
		pair_datagram_done(&forged);
	}
}

/* So that the memory of the first is not given back with it. */
static void add_other_peers(struct pair *pair)
{
	const uint8_t key[32] = {1};

	for (enum pair_name name = ALICE; name < PAIR_SIDES; name++)
		assert_non_null(wg_peer_add(pair->side[name].device, pair->now, key));
}

static void remove_peers(struct pair *pair)
{
	for (enum pair_name name = ALICE; name < PAIR_SIDES; name++)
		wg_peer_remove(pair->side[name].device, pair->side[name].peer);
}

static void remove_all_peers(struct pair *pair)
{
	for (enum pair_name name = ALICE; name < PAIR_SIDES; name++)
		wg_peer_remove_all(pair->side[name].device);
}

static void take_devices_down(struct pair *pair)
{
	for (enum pair_name name = ALICE; name < PAIR_SIDES; name++)
		wg_device_down(pair->side[name].device);
}

static void free_devices(struct pair *pair)
{
	for (enum pair_name name = ALICE; name < PAIR_SIDES; name++) {
		wg_device_free(pair->side[name].device);
		pair->side[name].device = NULL;
	}
}

/* What must be found, and is not the devices' own doing. */
static void plant_in_the_heap(struct pair *pair)
{
	static uint8_t *volatile planted;
	const struct wg_peer *peer = pair->side[ALICE].peer;

	planted = malloc(32);
	assert_non_null(planted);
	memcpy(planted, peer->keypairs.current->send.byte, 32);
}

/* On the stack, deep below, as a function that does not wipe would leave it. */
__attribute__((noinline)) static void plant_on_the_stack(struct pair *pair)
{
	uint8_t left[4096];
	const struct wg_peer *peer = pair->side[ALICE].peer;

	memcpy(left, peer->handshake.peer.preshared_key, 32);
	__asm__ volatile("" : : "r"(left) : "memory");
}

enum step {
	ASK_FOR_HANDSHAKE,
	LET_ONE_DATAGRAM_ARRIVE,
	ADVANCE_121_SECONDS,
	ADVANCE_541_SECONDS,
	EXCHANGE_PACKETS,
	SEAL_AND_OPEN,
	CHANGE_PRIVATE_KEYS,
	CHANGE_PRESHARED_KEY,
	FLOOD_BOB,
	ADD_OTHER_PEERS,
	REMOVE_PEERS,
	REMOVE_ALL_PEERS,
	TAKE_DEVICES_DOWN,
	FREE_DEVICES,
	PLANT_IN_THE_HEAP,
	PLANT_ON_THE_STACK,
	STEPS
};

static void (*const steps[STEPS])(struct pair *pair) = {
	[ASK_FOR_HANDSHAKE] = ask_for_handshake,
	[LET_ONE_DATAGRAM_ARRIVE] = let_one_datagram_arrive,
	[ADVANCE_121_SECONDS] = advance_121_seconds,
	[ADVANCE_541_SECONDS] = advance_541_seconds,
	[EXCHANGE_PACKETS] = exchange_packets,
	[SEAL_AND_OPEN] = seal_and_open,
	[CHANGE_PRIVATE_KEYS] = change_private_keys,
	[CHANGE_PRESHARED_KEY] = change_preshared_key,
	[FLOOD_BOB] = flood_bob,
	[ADD_OTHER_PEERS] = add_other_peers,
	[REMOVE_PEERS] = remove_peers,
	[REMOVE_ALL_PEERS] = remove_all_peers,
	[TAKE_DEVICES_DOWN] = take_devices_down,
	[FREE_DEVICES] = free_devices,
	[PLANT_IN_THE_HEAP] = plant_in_the_heap,
	[PLANT_ON_THE_STACK] = plant_on_the_stack,
};

/* The fixture keeps the keys that it has made: in the child nobody may. */
static struct pair *begin(struct needles *learned)
{
	void *state;
	struct pair *pair;

	if (pair_start(&state) != 0)
		abort();
	pair = state;
	needles = learned;
	for (enum pair_name name = ALICE; name < PAIR_SIDES; name++) {
		learn(NEEDLE_PRIVATE, pair->side[name].private_key, 32);
		learn(NEEDLE_AGREED, pair->side[name].peer->handshake.peer.static_static, 32);
		secret_wipe(pair->side[name].private_key, 32);
	}
	change_preshared_key(pair);
	return pair;
}

static int run_child(void)
{
	struct pair *pair = begin(NULL);
	uint8_t step;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (write(STDOUT_FILENO, "", 1) == 1 && read(STDIN_FILENO, &step, 1) == 1)
		steps[step](pair);
	return 0;
}

/* ---- we and the child ---- */

static struct twin {
	struct pair *ours;
	pid_t child;
	int to, from;
	struct needles_found found;
} twin;

static void wait_for_child(void)
{
	uint8_t done;

	assert_int_equal(read(twin.from, &done, 1), 1);
}

static int start(void **state)
{
	int to[2], from[2];

	(void)state;
	if (pipe(to) < 0 || pipe(from) < 0)
		return -1;
	twin.child = fork();
	if (twin.child == 0) {
		(void)dup2(to[0], STDIN_FILENO);
		(void)dup2(from[1], STDOUT_FILENO);
		(void)close(to[1]);
		(void)execl("/proc/self/exe", "twin", kernel, NULL);
		_exit(1);
	}
	(void)close(to[0]);
	(void)close(from[1]);
	twin.to = to[1];
	twin.from = from[0];
	twin.ours = begin(needles_new());
	wait_for_child();
	return 0;
}

static int stop(void **state)
{
	void *ours = twin.ours;
	int status;

	(void)state;
	(void)close(twin.to);
	(void)close(twin.from);
	(void)waitpid(twin.child, &status, 0);
	needles_free(needles);
	needles = NULL;
	return pair_stop(&ours);
}

static void learn_cookies(void)
{
	for (enum pair_name name = ALICE; name < PAIR_SIDES; name++) {
		const struct wg_device *device = twin.ours->side[name].device;

		if (!device)
			continue;
		learn(NEEDLE_COOKIE, device->checker.secret, WG_HASH_LEN);
		if (device->roster.n > 0)
			learn(NEEDLE_COOKIE,
			      peer_of_node(roster_first(&device->roster))->cookie.cookie,
			      WG_COOKIE_LEN);
	}
}

static void search(void)
{
	needles_search(needles, twin.child, &twin.found);
}

static void take_without_looking(enum step step)
{
	const uint8_t byte = (uint8_t)step;

	steps[step](twin.ours);
	learn_cookies();
	assert_int_equal(write(twin.to, &byte, 1), 1);
	wait_for_child();
}

/* After every step all secrets are where they belong, or nowhere. */
static void take(enum step step)
{
	take_without_looking(step);
	search();
	for (size_t i = 0; i < NEEDLE_KINDS; i++)
		assert_int_equal(twin.found.n_ordinary[i], 0);
	assert_int_equal(twin.found.n_secret[NEEDLE_DEAD], 0);
}

static void bury(unsigned int kinds)
{
	needles_bury(needles, kinds);
}

#define KIND(kind) (1U << NEEDLE_##kind)

/* Of a handshake that has ended.  (What is agreed by static keys alone stays.) */
static void shake_hands(void)
{
	take(ASK_FOR_HANDSHAKE);
	assert_true(twin.found.n_secret[NEEDLE_EPHEMERAL] > 0);
	assert_true(twin.found.n_secret[NEEDLE_CHAIN] > 0);
	take(LET_ONE_DATAGRAM_ARRIVE); /* the response is on its way */
	assert_true(twin.found.n_secret[NEEDLE_SESSION] > 0);
	bury(KIND(EPHEMERAL) | KIND(CHAIN));
	take(LET_ONE_DATAGRAM_ARRIVE);
	take(LET_ONE_DATAGRAM_ARRIVE);
	assert_true(twin.found.n_secret[NEEDLE_SESSION] > 0);
}

static void test_the_search_finds_what_is_there(void **state)
{
	(void)state;
	take(LET_ONE_DATAGRAM_ARRIVE);
	assert_true(twin.found.n_bytes > 1024 * 1024);
	assert_int_equal(twin.found.n_secret[NEEDLE_PRIVATE], 2 * 4);
	assert_int_equal(twin.found.n_secret[NEEDLE_PRESHARED], 2 * 4);
	assert_int_equal(twin.found.n_secret[NEEDLE_AGREED], 2 * 4);
	shake_hands();
	take_without_looking(PLANT_IN_THE_HEAP);
	search();
	assert_int_equal(twin.found.n_ordinary[NEEDLE_SESSION], 4);
	take_without_looking(PLANT_ON_THE_STACK);
	search();
	assert_int_equal(twin.found.n_ordinary[NEEDLE_PRESHARED], 4);
}

static void test_a_handshake_leaves_session_keys_alone(void **state)
{
	(void)state;
	shake_hands();
	take(EXCHANGE_PACKETS);
	take(ADVANCE_121_SECONDS);
	take(EXCHANGE_PACKETS); /* a new session */
	take(EXCHANGE_PACKETS);
	assert_int_equal(twin.found.n_secret[NEEDLE_EPHEMERAL], 0);
}

static void test_packets_leave_no_key_outside_secret_memory(void **state)
{
	(void)state;
	shake_hands();
	take(SEAL_AND_OPEN);
	take(SEAL_AND_OPEN);
}

static void test_a_replaced_private_key_is_gone_and_what_was_agreed_with_it(void **state)
{
	(void)state;
	shake_hands();
	bury(KIND(PRIVATE) | KIND(AGREED));
	take(CHANGE_PRIVATE_KEYS);
	assert_int_equal(twin.found.n_secret[NEEDLE_PRIVATE], 2 * 4);
}

static void test_a_replaced_preshared_key_is_gone(void **state)
{
	(void)state;
	shake_hands();
	bury(KIND(PRESHARED));
	take(CHANGE_PRESHARED_KEY);
	assert_int_equal(twin.found.n_secret[NEEDLE_PRESHARED], 2 * 4);
}

static void test_sessions_that_have_expired_are_gone(void **state)
{
	(void)state;
	shake_hands();
	take(EXCHANGE_PACKETS);
	bury(KIND(SESSION));
	take(ADVANCE_541_SECONDS);
}

static void test_sessions_that_have_lost_their_place_are_gone(void **state)
{
	(void)state;
	shake_hands();
	bury(KIND(SESSION));
	for (int i = 0; i < 2; i++) {
		take_without_looking(ADVANCE_121_SECONDS);
		take_without_looking(EXCHANGE_PACKETS); /* a new session */
	}
	take(EXCHANGE_PACKETS);
	assert_true(twin.found.n_secret[NEEDLE_SESSION] > 0);
}

static void test_a_peer_removed_from_among_others_leaves_nothing(void **state)
{
	(void)state;
	take(ADD_OTHER_PEERS);
	shake_hands();
	bury(~KIND(PRIVATE));
	take(REMOVE_PEERS);
}

static void test_a_removed_peer_leaves_nothing_but_the_devices_key(void **state)
{
	(void)state;
	shake_hands();
	take(EXCHANGE_PACKETS);
	bury(~KIND(PRIVATE));
	take(REMOVE_PEERS);
	assert_int_equal(twin.found.n_secret[NEEDLE_PRIVATE], 2 * 4);
}

static void test_a_peer_removed_within_a_handshake_leaves_nothing(void **state)
{
	(void)state;
	take(ASK_FOR_HANDSHAKE);
	bury(~KIND(PRIVATE));
	take(REMOVE_ALL_PEERS);
	take(LET_ONE_DATAGRAM_ARRIVE); /* of nobody whom Bob knows */
}

static void test_all_peers_removed_leave_nothing_but_the_devices_key(void **state)
{
	(void)state;
	shake_hands();
	take(EXCHANGE_PACKETS);
	bury(~KIND(PRIVATE));
	take(REMOVE_ALL_PEERS);
}

static void test_a_device_that_is_down_keeps_its_configuration_alone(void **state)
{
	(void)state;
	shake_hands();
	take(EXCHANGE_PACKETS);
	bury(KIND(SESSION));
	take(TAKE_DEVICES_DOWN);
	assert_int_equal(twin.found.n_secret[NEEDLE_PRIVATE], 2 * 4);
	assert_int_equal(twin.found.n_secret[NEEDLE_PRESHARED], 2 * 4);
}

static void test_a_device_that_goes_down_forgets_the_handshake_under_way(void **state)
{
	(void)state;
	take(ASK_FOR_HANDSHAKE);
	bury(KIND(EPHEMERAL) | KIND(CHAIN));
	take(TAKE_DEVICES_DOWN);
}

static void test_cookies_and_their_secret_go_with_peer_and_device(void **state)
{
	(void)state;
	take(FLOOD_BOB);
	take(ASK_FOR_HANDSHAKE);
	take(LET_ONE_DATAGRAM_ARRIVE);
	take(LET_ONE_DATAGRAM_ARRIVE);
	assert_true(twin.found.n_secret[NEEDLE_COOKIE] > 0);
	bury(~KIND(PRIVATE) & ~KIND(COOKIE));
	take(REMOVE_PEERS);
	bury(~0U);
	take(FREE_DEVICES);
}

static void test_a_freed_device_leaves_nothing(void **state)
{
	(void)state;
	shake_hands();
	take(EXCHANGE_PACKETS);
	bury(~0U);
	take(FREE_DEVICES);
}

/* ---- libcrypto's memory ---- */

void __wrap_free(void *memory);
void __real_free(void *memory);

static const void *watched; /* to be free */
static bool was_wiped;

void __wrap_free(void *memory)
{
	if (memory && memory == watched)
		was_wiped = secret_is_zero(memory, 100);
	__real_free(memory);
}

static uint8_t *take_filled(void)
{
	uint8_t *memory = OPENSSL_malloc(100);

	assert_non_null(memory);
	memset(memory, 0xab, 100);
	watched = memory;
	was_wiped = false;
	return memory;
}

static void test_what_libcrypto_gives_back_is_wiped(void **state)
{
	(void)state;
	OPENSSL_free(take_filled());
	assert_true(was_wiped);
	OPENSSL_free(NULL);
}

static void test_what_libcrypto_moves_is_wiped_where_it_was(void **state)
{
	static const size_t sizes[] = {1000, 101, 50};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint8_t *moved = OPENSSL_realloc(take_filled(), sizes[i]);

		assert_non_null(moved);
		assert_true(was_wiped);
		for (size_t k = 0; k < 100 && k < sizes[i]; k++)
			assert_int_equal(moved[k], 0xab);
		OPENSSL_free(moved);
	}
	assert_null(OPENSSL_realloc(take_filled(), 0));
	assert_true(was_wiped);
	assert_null(OPENSSL_malloc(0));
}

static void test_what_libcrypto_keeps_is_in_secret_memory(void **state)
{
	struct needles_found found;
	uint8_t secret[16];
	uint8_t *memory;

	(void)state;
	skip_if_emulated("MADV_DONTDUMP");
#ifdef ADIT_SANITIZED
	skip(); /* the sanitizer's own memory is too much to be searched */
#endif
	needles = needles_new();
	for (size_t i = 0; i < sizeof(secret); i++)
		secret[i] = (uint8_t)(0x81 + 29 * i);
	learn(NEEDLE_COOKIE, secret, sizeof(secret));
	crypto_memory_keep(true);
	memory = OPENSSL_malloc(sizeof(secret));
	crypto_memory_keep(false);
	memcpy(memory, secret, sizeof(secret));
	secret_wipe(secret, sizeof(secret));
	needles_search(needles, getpid(), &found);
	assert_int_equal(found.n_secret[NEEDLE_COOKIE], 2);

	memory = OPENSSL_realloc(memory, 200); /* no longer kept */
	needles_search(needles, getpid(), &found);
	assert_int_equal(found.n_secret[NEEDLE_COOKIE], 0);
	assert_true(found.n_ordinary[NEEDLE_COOKIE] >= 2); /* and in the needles */
	OPENSSL_free(memory);
	needles_free(needles);
	needles = NULL;
}

/* ---- the stack ---- */

#ifdef PAINTED_STACK_IS_POSSIBLE

static struct crypto *library;

static void hash(uint8_t bytes[64])
{
	crypto_hash(library, bytes, bytes, 32, bytes + 32, 32);
}

static void mac(uint8_t bytes[64])
{
	crypto_mac(library, bytes, bytes, 32, bytes + 32, 32);
}

static void derive(uint8_t bytes[64])
{
	const struct crypto_kdf ret = {.first = bytes, .second = bytes + 32};

	crypto_kdf(library, &ret, bytes, bytes + 32, 32);
}

static void authenticate(uint8_t bytes[64])
{
	struct crypto_key key;

	memcpy(key.byte, bytes, 32);
	crypto_hmac(library, bytes, &key, bytes + 32, 32);
	secret_wipe(&key, sizeof(key));
}

static void agree(uint8_t bytes[64])
{
	(void)crypto_x25519(library, bytes, bytes, bytes + 32);
}

static void seal_message(uint8_t bytes[64])
{
	const struct crypto_message message = {
		.key = bytes, .nonce = bytes, .nonce_len = 12, .bytes = bytes + 32, .len = 16};

	(void)crypto_seal_message(library, &message, bytes + 32);
}

static void open_message(uint8_t bytes[64])
{
	const struct crypto_message message = {
		.key = bytes, .nonce = bytes, .nonce_len = 24, .bytes = bytes + 32, .len = 32};

	(void)crypto_open_message(library, &message, bytes + 32);
}

static void seal_packet(uint8_t bytes[64])
{
	static uint8_t out[1500 + WG_TAG_LEN];
	const struct crypto_plain plain = {.body = out, .body_len = 1500};

	(void)crypto_seal(library, (const struct crypto_key *)(const void *)bytes, 1, &plain, out);
}

static const struct call {
	void (*make)(uint8_t bytes[64]);
	bool is_burned; /* packets' keys libcrypto does not leave there */
} calls[] = {
	{hash, true},  {mac, true},	     {derive, true},	   {authenticate, true},
	{agree, true}, {seal_message, true}, {open_message, true}, {seal_packet, false},
};

/* Below everything that was written are zeroes (and the frame of who wrote them),
 * so nothing went deeper.
 */
static void expect_burned(const uint8_t stack[PAINTED_DEPTH])
{
	size_t at = 0;

	/* clang touches each page of a large frame: some bytes of another colour */
	while (at < PAINTED_DEPTH - 2048 && (stack[at] == PAINT || stack[at + 64] == PAINT))
		at++;
	assert_in_range(at, 1024, PAINTED_DEPTH - 2048);
	assert_true(secret_is_zero(stack + at + 128, 1024));
}

static void test_the_stack_is_burned_as_deep_as_it_was_used(void **state)
{
	static uint8_t stack[PAINTED_DEPTH];

	(void)state;
	library = crypto_new_with(CRYPTO_OPENSSL);
	assert_non_null(library);
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		static uint8_t bytes[64], secret[32];

		for (size_t k = 0; k < sizeof(bytes); k++)
			bytes[k] = (uint8_t)(17 * k + 3 * i + 1);
		memcpy(secret, bytes, sizeof(secret));
		painted_stack_begin();
		calls[i].make(bytes);
		painted_stack_end(stack);
		if (calls[i].is_burned)
			expect_burned(stack);
		for (size_t k = 0; k < 32; k += 4)
			assert_null(memmem(stack, sizeof(stack), secret + k, 4));
	}
	crypto_free(library);
}

static const char *const kernels[] = {CRYPTO_OPENSSL, "avx2", "avx512"};

#endif

#define TWIN_TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TWIN_TEST(test_the_search_finds_what_is_there),
		TWIN_TEST(test_a_handshake_leaves_session_keys_alone),
		TWIN_TEST(test_packets_leave_no_key_outside_secret_memory),
		TWIN_TEST(test_a_replaced_private_key_is_gone_and_what_was_agreed_with_it),
		TWIN_TEST(test_a_replaced_preshared_key_is_gone),
		TWIN_TEST(test_sessions_that_have_expired_are_gone),
		TWIN_TEST(test_sessions_that_have_lost_their_place_are_gone),
		TWIN_TEST(test_a_peer_removed_from_among_others_leaves_nothing),
		TWIN_TEST(test_a_removed_peer_leaves_nothing_but_the_devices_key),
		TWIN_TEST(test_a_peer_removed_within_a_handshake_leaves_nothing),
		TWIN_TEST(test_all_peers_removed_leave_nothing_but_the_devices_key),
		TWIN_TEST(test_a_device_that_is_down_keeps_its_configuration_alone),
		TWIN_TEST(test_a_device_that_goes_down_forgets_the_handshake_under_way),
		TWIN_TEST(test_cookies_and_their_secret_go_with_peer_and_device),
		TWIN_TEST(test_a_freed_device_leaves_nothing),
	};

	const struct CMUnitTest memory_tests[] = {
		cmocka_unit_test(test_what_libcrypto_gives_back_is_wiped),
		cmocka_unit_test(test_what_libcrypto_moves_is_wiped_where_it_was),
		cmocka_unit_test(test_what_libcrypto_keeps_is_in_secret_memory),
#ifdef PAINTED_STACK_IS_POSSIBLE
		cmocka_unit_test(test_the_stack_is_burned_as_deep_as_it_was_used),
#endif
	};
	int n_failed = 0;

	if (argc > 1) {
		kernel = argv[1];
		return run_child();
	}
	crypto_free(crypto_new()); /* gives the library our functions */
	n_failed = cmocka_run_group_tests_name("memory", memory_tests, NULL, NULL);
#ifdef PAINTED_STACK_IS_POSSIBLE
	if (is_emulated()) {
		print_message("SKIP: qemu-user has no MADV_DONTDUMP, which tells memory apart\n");
		return n_failed;
	}
	for (size_t i = 0; i < sizeof(kernels) / sizeof(kernels[0]); i++) {
		struct crypto *crypto = crypto_new_with(kernels[i]);

		kernel = kernels[i];
		if (crypto)
			n_failed += cmocka_run_group_tests_name(kernel, tests, NULL, NULL);
		else
			print_message("SKIP: this processor does not run kernel %s\n", kernel);
		crypto_free(crypto);
	}
#else
	(void)tests;
	print_message("SKIP: with sanitizers, or without optimisation, the stack is another\n");
#endif
	return n_failed;
}
