/* Ending the CVM on the host's request (spec: guest-os 14). */
#pragma once

#include <glib.h>

/* Starts the sequence in the background and returns at once: stops the app, powers off, tells the host at each step.
 * Its steps go on when one fails. A second call while one runs does nothing. `sys_config_file` is read again for the
 * host's address. */
void power_off_in_background(const char *sys_config_file);
