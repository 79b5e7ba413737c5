/* The table of subcommands, nothing else. */
#include "cli/command.h"

#include "base/secret.h"

#include <stddef.h>

static const struct command commands[] = {
	{"run", "one command behind the tunnel; no root needed", command_run},
	{"up", "a lasting namespace from /etc/adit/NAME.conf", command_up},
	{"exec", "a command in it, confined as by run", command_exec},
	{"down", "its end", command_named},
	{"reload", "its file, read anew", command_named},
	{"restart", "its supervisor, started anew", command_named},
	{"wait", "until it has had a handshake", command_named},
	{"list", "which there are", command_named},
	{"status", "what there is to know of one", command_named},
	{"check", "whether a namespace keeps its promises", command_check},
	{"plan", "what up would do, step by step", command_plan},
	{"confine", "a service or container of systemd's, put into one", command_confine},
	{"seal", "one without a tunnel: a service's first half", command_seal},
	{"demo", "an internet, a provider and a leak test on this machine alone", command_demo},
	{"device", "a WireGuard interface for wg(8), in place of wireguard-go", command_device},
	{NULL, NULL, NULL},
};

int main(int argc, char **argv)
{
	secret_bind_early();
	return command_dispatch(commands, argc, argv);
}
