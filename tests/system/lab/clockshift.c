/* For tests only, by LD_PRELOAD into adit: adds to the clocks what a file says,
 * so that they can jump while adit runs.  ADIT_CLOCK_FILE holds two int64, in
 * nanoseconds and host byte order: for CLOCK_REALTIME, and for the others.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *shift;

__attribute__((constructor)) static void map_file(void)
{
	const char *path = getenv("ADIT_CLOCK_FILE");
	int fd;
	void *map;

	if (!path || strcmp(program_invocation_short_name, "adit") != 0)
		return;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	map = mmap(NULL, 2 * sizeof(int64_t), PROT_READ, MAP_SHARED, fd, 0);
	(void)close(fd);
	if (map != MAP_FAILED)
		shift = map;
}

__attribute__((visibility("default"))) int clock_gettime(clockid_t clock, struct timespec *ret)
{
	long r = syscall(SYS_clock_gettime, clock, ret);
	int64_t ns;

	if (r < 0 || !shift)
		return (int)r;
	ns = ret->tv_sec * INT64_C(1000000000) + ret->tv_nsec +
	     shift[clock == CLOCK_REALTIME ? 0 : 1];
	ret->tv_sec = ns / 1000000000;
	ret->tv_nsec = ns % 1000000000;
	return 0;
}
