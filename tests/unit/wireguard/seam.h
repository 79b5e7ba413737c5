/* Compiled before a kernel's source: its constants become variables, so that
 * published vectors can be run through it, and its name becomes another.  (See
 * LANE_NONCE_HEAD and what follows in aead_lane.h.)
 */
#ifndef ADIT_TESTS_UNIT_WIREGUARD_SEAM_H
#define ADIT_TESTS_UNIT_WIREGUARD_SEAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

extern struct seam {
	uint32_t nonce_head;
	uint64_t aad_len;
	uint64_t aad_padded;
	bool has_key;
	uint64_t key[4]; /* of Poly1305: r and s, little-endian */
} seam;

void seam_put_keys(void *at, size_t n);

#define LANE_NONCE_HEAD	      seam.nonce_head
#define LANE_AAD_LEN	      seam.aad_len
#define LANE_AAD_PADDED	      seam.aad_padded
#define LANE_POLY_KEYS(at, n) seam_put_keys(at, n)

#define aead_avx2   seamed_avx2
#define aead_avx512 seamed_avx512

#endif
