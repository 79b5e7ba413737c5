#include "base/nobody.h"

#include "base/fd.h"

#include <stdlib.h>
#include <unistd.h>

enum { MAP_TEXT_LEN = 4096 };

/* Each line: the first number inside, the first outside, how many. */
static bool is_mapped(const char *path)
{
	char text[MAP_TEXT_LEN];
	char *at = text;

	if (fd_read_file(path, text, sizeof(text)) < 0)
		return false;
	while (*at != '\0') {
		unsigned long first = strtoul(at, &at, 10);
		unsigned long n;

		(void)strtoul(at, &at, 10);
		n = strtoul(at, &at, 10);
		if (first <= NOBODY_ID && NOBODY_ID - first < n)
			return true;
		if (*at++ != '\n')
			return false;
	}
	return false;
}

bool nobody_is_there(void)
{
	return geteuid() == 0 && is_mapped("/proc/self/uid_map") && is_mapped("/proc/self/gid_map");
}
