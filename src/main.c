/* The table of subcommands, nothing else. */
#include "cli/command.h"

#include "base/secret.h"

#include <stddef.h>

static const struct command commands[] = {
	{"run", "one command behind the tunnel; no root needed", command_run},
	{"demo", "an internet, a provider and a leak test on this machine alone", command_demo},
	{"device", "a WireGuard interface for wg(8), in place of wireguard-go", command_device},
	{NULL, NULL, NULL},
};

int main(int argc, char **argv)
{
	secret_bind_early();
	return command_dispatch(commands, argc, argv);
}
