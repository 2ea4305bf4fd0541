/* A small resident size for processes that do most of their linking and reading once, at start. */
#pragma once

/* First thing in main(): few malloc arenas, so that each worker thread does not keep one of its own. */
void footprint_limit_arenas(void);
/* When all is set up: gives freed memory and the code pages that only the start needed back to the kernel. What is
 * needed again is mapped again from the page cache. Reads /proc/self/maps; does nothing when it can't. */
void footprint_shed_startup(void);
