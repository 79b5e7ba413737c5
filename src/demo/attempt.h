/* The program behind the tunnel: does as it is told on standard input, a word
 * a line, and answers on standard output, a line each.
 *
 *     address   what the web server sees      -> "address 198.51.100.1" or "address none"
 *     download  begins one                    -> "download begun" or "download none"
 *     bytes     that have come of it          -> "bytes 1048576"
 *     replay    tries to leak in every way    -> "offered KIND SENT REFUSED" ..., "replayed"
 *
 * End of input ends it.  Nothing here knows whether it is confined.
 */
#ifndef ADIT_DEMO_ATTEMPT_H
#define ADIT_DEMO_ATTEMPT_H

/* How often each kind of packet is tried by "replay". */
enum { ATTEMPT_ROUNDS = 10 };

/* Returns the exit status. */
int attempt_main(int in, int out);

#endif
