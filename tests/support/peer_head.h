/* peer_head.h - the head of an answer that says nothing yet, for doubles of the peer port. */
#ifndef FY_TESTS_PEER_HEAD_H
#define FY_TESTS_PEER_HEAD_H

#include "common/ports/peer.h"

/* Its texts are "", its sizes unknown. */
static inline struct fy_peer_head peer_head(int http_status)
{
    return (struct fy_peer_head){.http_status = http_status,
                                 .content_length = -1,
                                 .size = -1,
                                 .id = "",
                                 .site = "",
                                 .bucket = "",
                                 .name = "",
                                 .type = "",
                                 .target = "",
                                 .error = "",
                                 .content_type = ""};
}

#endif
