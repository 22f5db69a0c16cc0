/* peer_http.h - the peer port over libcurl (ENGINE 1.12). */
#ifndef FY_ADAPTERS_PEER_HTTP_H
#define FY_ADAPTERS_PEER_HTTP_H

#include "common/ports/peer.h"

struct fy_peer_http_settings {
    const char *site;         /* own id, for the user agent */
    uint32_t loop_count;      /* 1..8 loop threads */
    uint32_t connections_max; /* per loop and host */
    uint32_t connect_timeout_ms;
    uint32_t stall_timeout_ms; /* no byte for so long ends a call with STALLED */
};
FY_MUST_CHECK enum fy_code fy_peer_http_open(const struct fy_peer_http_settings *settings,
                                             struct fy_peer **peer, struct fy_err *err);

#endif
