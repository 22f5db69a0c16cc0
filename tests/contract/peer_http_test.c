/* peer_http_test.c - the libcurl adapter under the contract of the peer port. */
#include <stdlib.h>

#include "common/adapters/peer_http.h"
#include "tests/contract/peer_contract.h"

static enum fy_code open_peer_http(const struct peer_limits *limits, struct fy_peer **peer,
                                   struct fy_err *err)
{
    struct fy_peer_http_settings settings = {.site = "site-a",
                                             .loop_count = limits->loop_count,
                                             .connections_max = limits->connections_max,
                                             .connect_timeout_ms = limits->connect_timeout_ms,
                                             .stall_timeout_ms = limits->stall_timeout_ms};
    return fy_peer_http_open(&settings, peer, err);
}

int main(void)
{
    /* A dead proxy in the environment: every test shows that nobody asks it. */
    (void)setenv("http_proxy", "http://127.0.0.1:1", 1);
    (void)setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
    const struct peer_adapter adapter = {"peer_http", open_peer_http};
    return peer_contract_run(&adapter);
}
