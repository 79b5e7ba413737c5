/* What a function leaves on the stack below its caller: painted before, copied
 * after.  Both from one function, and nothing is called in between but what is
 * looked at.  Not with sanitizers, whose stack is another, nor without
 * optimisation, when frames are larger.
 */
#ifndef ADIT_TESTS_UNIT_WIREGUARD_PAINTED_STACK_H
#define ADIT_TESTS_UNIT_WIREGUARD_PAINTED_STACK_H

#include <stddef.h>
#include <stdint.h>

#if !defined(ADIT_SANITIZED) && defined(__OPTIMIZE__)
#define PAINTED_STACK_IS_POSSIBLE 1

enum { PAINTED_DEPTH = 32 * 1024, PAINT = 0xa5 };

__attribute__((noinline, unused)) static void painted_stack_begin(void)
{
	volatile uint8_t area[PAINTED_DEPTH];

	for (size_t i = 0; i < sizeof(area); i++)
		area[i] = PAINT;
}

/* The deepest byte comes first. */
__attribute__((noinline, unused)) static void painted_stack_end(uint8_t ret[PAINTED_DEPTH])
{
	volatile uint8_t area[PAINTED_DEPTH] __attribute__((uninitialized));

	__asm__ volatile("" : : "r"(area) : "memory");
	for (size_t i = 0; i < sizeof(area); i++)
		ret[i] = area[i];
}

#endif

#endif
