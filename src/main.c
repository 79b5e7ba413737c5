/* The table of subcommands, nothing else. */
#include <stdio.h>

int main(void)
{
	(void)puts("adit " ADIT_VERSION);
	return 0;
}
