/* Mirrors src/supervise/public_key.c */
#include "cmocka_all.h"

#include "supervise/public_key.h"

#include "base/bytes.h"
#include "base/error.h"
#include "base/secret.h"

#include <string.h>

/* RFC 7748 section 6.1: Alice's keys. */
static void test_the_public_key_is_that_of_rfc_7748(void **state)
{
	static const char alice_private[] =
		"77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a";
	static const char alice_public[] =
		"8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a";
	struct secret_key *key = secret_new(sizeof(*key));
	uint8_t public_key[32];
	char text[65];
	struct error err = {0};

	(void)state;
	assert_non_null(key);
	assert_true(hex_decode(alice_private, 64, key->byte, 32));
	assert_int_equal(public_key_derive(key->byte, public_key, &err), 0);
	hex_encode(public_key, 32, text);
	assert_string_equal(text, alice_public);
	secret_free(key);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_public_key_is_that_of_rfc_7748),
	};

	return cmocka_run_group_tests_name("supervise/public_key", tests, NULL, NULL);
}
