/* "git:" and what `git describe --always --abbrev=20` said when this was built, or "unknown". */
#pragma once

extern const char agent_revision[];
