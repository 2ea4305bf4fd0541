/* The onboarding page (spec: kms 13), embedded from kms/page by page/embed.py. */
#pragma once

#include "prpc/server.h"

extern const unsigned char page_onboard_html[], page_onboard_js[], page_onboard_css[];
extern const unsigned long page_onboard_html_size, page_onboard_js_size, page_onboard_css_size;

/* Adds "/" and what the page needs. Nothing there says or changes anything. */
void onboard_page_routes(PrpcRouter *router);
/* Whether `path` is one of these. */
gboolean onboard_page_has(const char *path);
