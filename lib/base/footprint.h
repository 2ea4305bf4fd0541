/* A small resident size for processes that do most of their linking and reading once, at start. */
#pragma once

/* First thing in main(): few malloc arenas, so that each worker thread does not keep one of its own. */
void footprint_limit_arenas(void);
/* When all is set up, and again after a rare task of much code: gives freed memory back to the kernel, and the file pages
 * (code, constants) that were needed so far. What is needed again is mapped again from the page cache. Reads
 * /proc/self/smaps; does nothing when it can't. */
void footprint_shed_startup(void);
