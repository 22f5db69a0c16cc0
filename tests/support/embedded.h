/* embedded.h - a real node for a test: all of it embedded, in a folder of the test's own. */
#ifndef FY_TESTS_SUPPORT_EMBEDDED_H
#define FY_TESTS_SUPPORT_EMBEDDED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "cli/node_open.h"

/* Ends the test where that failed, with the sentence. */
static inline void must(enum fy_code code, const struct fy_err *err)
{
    if (code != FY_OK)
        (void)fprintf(stderr, "%s\n", err->text);
    assert_int_equal(code, FY_OK);
}

/* The site's, on a port that is free; what a test wants otherwise it sets before it opens. */
static inline void embedded_config(struct fy_config *config, const char *site, const char *folder)
{
    fy_config_init(config);
    (void)snprintf(config->site, sizeof(config->site), "%s", site);
    (void)snprintf(config->data, sizeof(config->data), "%s/data", folder);
    (void)snprintf(config->listen, sizeof(config->listen), "127.0.0.1:0");
}

/* The node is closed by fy_node_close; it borrows the configuration. */
static inline void embedded_open(struct fy_node *node, struct fy_config *config)
{
    struct fy_err err = {0};
    must(fy_config_finish(config, &err), &err);
    must(fy_node_open(node, config, fy_clock_system(), &err), &err);
}

#endif
