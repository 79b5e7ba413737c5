/* The public key of a private one, in a short-lived child: only the data plane
 * keeps libcrypto in memory, and the supervisor needs one multiplication.
 */
#ifndef ADIT_SUPERVISE_PUBLIC_KEY_H
#define ADIT_SUPERVISE_PUBLIC_KEY_H

#include <stdint.h>

struct error;

int public_key_derive(const uint8_t private_key[32], uint8_t ret[32], struct error *err);

#endif
