/* Programs that would do their work outside, or that cannot work inside, named
 * before they start.
 *
 * None of them gets out: the sockets they would ask are dead inside.  Saying so
 * beforehand, with what to do, beats their own error message.
 */
#ifndef ADIT_CONFINE_COMMAND_H
#define ADIT_CONFINE_COMMAND_H

#include <stdbool.h>

struct error;

enum command_verdict {
	COMMAND_FINE,
	COMMAND_WARN,	/* may do less than expected: say it and go on */
	COMMAND_REFUSE, /* would be done outside or harm what runs there */
};

/* Looks argv[0] up as execvp(3) does, follows links and looks at the file.
 * On WARN and REFUSE *ret_advice has the sentence and the hint.
 */
enum command_verdict command_judge(char *const *argv, struct error *ret_advice);

#endif
