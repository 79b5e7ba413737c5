/* What a seccomp filter answers to a call: the program is run here and not by
 * the kernel, so that it can be asked where it cannot be installed.
 *
 * The instructions are those that libseccomp writes; see seccomp(2) and
 * linux/filter.h.
 */
#ifndef ADIT_TESTS_UNIT_BPF_H
#define ADIT_TESTS_UNIT_BPF_H

#include "cmocka_all.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static inline bool bpf_compare(const struct sock_filter *at, uint32_t value)
{
	switch (BPF_OP(at->code)) {
	case BPF_JEQ:
		return value == at->k;
	case BPF_JGE:
		return value >= at->k;
	case BPF_JGT:
		return value > at->k;
	default:
		fail_msg("jump %#x", at->code);
		return false;
	}
}

/* SECCOMP_RET_*, with the errno in the lower 16 bits. */
static inline uint32_t bpf_run(const struct sock_fprog *program, const struct seccomp_data *data)
{
	uint32_t value = 0;

	for (const struct sock_filter *at = program->filter; at < program->filter + program->len;
	     at++) {
		switch (at->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			assert_true(at->k <= sizeof(*data) - sizeof(value));
			memcpy(&value, (const char *)data + at->k, sizeof(value));
			break;
		case BPF_ALU | BPF_AND | BPF_K:
			value &= at->k;
			break;
		case BPF_JMP | BPF_JA:
			at += at->k;
			break;
		case BPF_RET | BPF_K:
			return at->k;
		default:
			assert_int_equal(BPF_CLASS(at->code), BPF_JMP);
			at += bpf_compare(at, value) ? at->jt : at->jf;
		}
	}
	fail_msg("the program does not end");
	return 0;
}

/* The same for a call of this architecture. */
static inline uint32_t bpf_judge(const struct sock_fprog *program, long call,
				 const unsigned long args[3])
{
	const struct seccomp_data data = {
		.nr = (int)call,
		.arch = seccomp_arch_native(),
		.args = {args[0], args[1], args[2]},
	};

	return bpf_run(program, &data);
}

#endif
