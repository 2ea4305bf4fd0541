/* Which build this is. */
#pragma once

/* "v<version> (git:<20 hex>[-modified])", or "v<version> (unknown)" for a build outside of git. */
const char *kms_long_version(void);
