/* seccomp_load(3) for tests of what happens in the confined process: where
 * qemu-user runs them, which has no seccomp(2), they go on without a filter.
 */
#include "emulated.h"

#include <dlfcn.h>
#include <seccomp.h>

/* libseccomp asks the kernel what it can, and gets no answer.  Level 3 has all
 * that adit's filters use: seccomp_api_get(3).
 */
__attribute__((constructor)) static void assume_filters(void)
{
	if (is_emulated())
		(void)seccomp_api_set(3);
}

int seccomp_load(const scmp_filter_ctx filter)
{
	int (*load)(scmp_filter_ctx) = (int (*)(scmp_filter_ctx))dlsym(RTLD_NEXT, "seccomp_load");

	return is_emulated() ? 0 : load(filter);
}
