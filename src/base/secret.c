#include "base/secret.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

/* Stands before each secret, so that secret_free() knows the mapping. */
struct secret_head {
	size_t mapped;	 /* bytes, whole pages */
	size_t unlocked; /* as many, or 0 */
	uint8_t padding[SECRET_HEAD_LEN - 2 * sizeof(size_t)];
};

static atomic_size_t n_unlocked; /* bytes */

/* AddressSanitizer's: what secrets point to is no leak.  Other sanitizers have none. */
#ifdef ADIT_SANITIZED
__attribute__((weak)) void __lsan_register_root_region(const void *region, size_t len);
__attribute__((weak)) void __lsan_unregister_root_region(const void *region, size_t len);
#define NOTE_ROOT(head, len)                                                                       \
	(__lsan_register_root_region ? __lsan_register_root_region(head, len) : (void)0)
#define FORGET_ROOT(head, len)                                                                     \
	(__lsan_unregister_root_region ? __lsan_unregister_root_region(head, len) : (void)0)
#else
#define NOTE_ROOT(head, len)   ((void)0)
#define FORGET_ROOT(head, len) ((void)0)
#endif

void *secret_new(size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t mapped = (sizeof(struct secret_head) + size + page - 1) / page * page;
	struct secret_head *head;

	if (mapped < size)
		return NULL;
	head = mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (head == MAP_FAILED)
		return NULL;
	(void)madvise(head, mapped, MADV_DONTDUMP);
	if (madvise(head, mapped, MADV_WIPEONFORK) < 0) {
		(void)munmap(head, mapped);
		return NULL;
	}
	if (mlock(head, mapped) < 0)
		head->unlocked = mapped;
	atomic_fetch_add(&n_unlocked, head->unlocked);
	head->mapped = mapped;
	NOTE_ROOT(head, mapped);
	return head + 1;
}

void secret_free(void *secret)
{
	struct secret_head *head;
	size_t mapped;

	if (!secret)
		return;
	head = (struct secret_head *)secret - 1;
	mapped = head->mapped;
	if (mapped == 0) /* a child's wiped copy: the size went with it */
		return;
	atomic_fetch_sub(&n_unlocked, head->unlocked);
	FORGET_ROOT(head, mapped);
	secret_wipe(head, mapped);
	(void)munmap(head, mapped);
}

size_t secret_unlocked(void)
{
	return atomic_load(&n_unlocked);
}

void secret_count_anew(void)
{
	atomic_store(&n_unlocked, 0);
}

void secret_wipe(void *bytes, size_t len)
{
	explicit_bzero(bytes, len);
}

bool secret_equal(const void *a, const void *b, size_t len)
{
	const volatile uint8_t *left = a;
	const volatile uint8_t *right = b;
	uint8_t differs = 0;

	for (size_t i = 0; i < len; i++)
		differs = (uint8_t)(differs | (left[i] ^ right[i]));
	return differs == 0;
}

bool secret_is_zero(const void *bytes, size_t len)
{
	const volatile uint8_t *at = bytes;
	uint8_t any = 0;

	for (size_t i = 0; i < len; i++)
		any = (uint8_t)(any | at[i]);
	return any == 0;
}

void secret_bind_early(void)
{
	free(reallocarray(NULL, 1, 1));
}

int secret_protect_process(void)
{
	return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ? -errno : 0;
}

void secret_key_cleanup(struct secret_key *key)
{
	secret_wipe(key, sizeof(*key));
}
