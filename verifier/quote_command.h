/* `dstack-verifier quote`: one quote, verified offline and at once. */
#pragma once

#define EXIT_VERIFIED 0
#define EXIT_REFUSED 1
#define EXIT_USAGE 2 /* also: a file that can not be read */

/* argv[0] is the command's name. Returns the exit status. */
int quote_command(int argc, char **argv);
