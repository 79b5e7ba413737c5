#include "cli/command.h"
#include "cli/confined.h"

#include "base/error.h"
#include "base/log.h"
#include "supervise/exec.h"

static const char usage[] =
	"usage: adit exec [OPTIONS] NAME [--] [COMMAND [ARGUMENTS]]\n\n"
	"Runs COMMAND (your shell when left out) in the namespace NAME that adit up has\n"
	"made, confined as adit run confines. It has the network that the namespace has:\n"
	"the tunnel, or none while there is no tunnel. What it starts ends with it; adit\n"
	"ends with its status.\n";

int command_exec(int argc, char **argv)
{
	struct confined_command command = {
		.options = confined_exec_table,
		.usage = usage,
		.missing = "in which namespace? usage: adit exec NAME -- COMMAND",
	};
	struct confined_line line;
	struct exec_options exec;
	struct error err = {0};
	int status;
	int r;

	log_set_prefix("adit exec: ");
	r = confined_parse(&line, &command, argc, argv, &err);
	if (r != 0)
		return r > 0 ? EXIT_DONE : confined_fail(&err);
	exec = (struct exec_options){
		.name = line.subject,
		.user = line.user,
		.confine = line.confine,
	};
	return exec_command(&exec, &status, &err) < 0 ? confined_fail(&err) : status;
}
