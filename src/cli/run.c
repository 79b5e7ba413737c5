#include "cli/command.h"
#include "cli/confined.h"

#include "base/error.h"
#include "base/log.h"
#include "supervise/run.h"

static const char usage[] =
	"usage: adit run [OPTIONS] CONF [--] [COMMAND [ARGUMENTS]]\n\n"
	"Runs COMMAND (your shell when left out) in a network namespace whose only way\n"
	"out is the WireGuard tunnel of CONF: a provider's file as it was downloaded, or\n"
	"a name in ~/.config/adit or /etc/adit. No root is needed. Everything ends with\n"
	"the command; adit ends with its status.\n";

int command_run(int argc, char **argv)
{
	const struct confined_command command = {
		.options = confined_run_table,
		.usage = usage,
		.missing = "which configuration? usage: adit run CONF -- COMMAND",
	};
	struct confined_line line;
	struct run_options run;
	struct error err = {0};
	int status;
	int r;

	log_set_prefix("adit run: ");
	r = confined_parse(&line, &command, argc, argv, &err);
	if (r != 0)
		return r > 0 ? EXIT_DONE : confined_fail(&err);
	run = (struct run_options){
		.config = line.subject,
		.wait_ns = line.wait_ns,
		.has_wait = line.has_wait,
		.is_joining = line.is_joining,
		.is_quiet = line.is_quiet,
		.user = line.user,
		.confine = line.confine,
	};
	return run_command(&run, &status, &err) < 0 ? confined_fail(&err) : status;
}
