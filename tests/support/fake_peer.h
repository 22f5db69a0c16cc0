/* fake_peer.h - the peer port without a network: sources that answer as the test has written. */
/*
 * Every object exists at every site unless a rule says otherwise; its bytes follow from its name
 * (the size too: "...size=N" anywhere in it, else 32 and something). One thread plays all loops;
 * calls that hang or are paused stand aside meanwhile.
 */
#ifndef FY_TESTS_FAKE_PEER_H
#define FY_TESTS_FAKE_PEER_H

#include "common/ports/peer.h"

enum fake_answer {
    FAKE_GOOD,
    FAKE_STATUS,      /* value: the HTTP status, no body */
    FAKE_NEWER,       /* 200 with a stamp above any */
    FAKE_GONE,        /* 404 with a stamp above any */
    FAKE_REFUSED,     /* no connection */
    FAKE_RESET,       /* SRC_UNREACHABLE in mid-body */
    FAKE_STALL,       /* STALLED in mid-body */
    FAKE_SHORT,       /* the body ends a byte early, and the transport says so */
    FAKE_SHORT_CLEAN, /* the body ends a byte early, and the transport ends cleanly */
    FAKE_LONG,        /* a byte too many */
    FAKE_OTHER,       /* other bytes of the right size */
    FAKE_CUT_ZSTD,    /* CORRUPT, SIZE_MISMATCH */
    FAKE_WRONG_HASH,  /* the hash header is another's */
    FAKE_WRONG_SIZE,  /* the size header is another's */
    FAKE_NO_HASH,     /* no hash header */
    FAKE_NO_FACTS,    /* no object headers at all */
    FAKE_PAGE,        /* value: the HTTP status of a page by something that is no site */
    FAKE_HANG,  /* no answer until cancelled or released; then this status (0: the good answer) */
    FAKE_BREAK, /* value: bytes after which the connection breaks; the next call goes on */
};

struct fake_peer;
struct fake_peer *fake_peer_new(void);
void fake_peer_free(struct fake_peer *peer);
struct fy_peer *fake_peer_port(struct fake_peer *peer);

/* What the source does when asked for this object (PULL and FACTS), the next count times (-1:
 * always). Several rules for one object are used up in their order. */
void fake_peer_rule(struct fake_peer *peer, const char *object, enum fake_answer answer, int value,
                    int count);
/* All sites: hello answers with this status and this being a Ferry; 0: connection refused. */
void fake_peer_hello(struct fake_peer *peer, int http_status, bool ferry);
/* Every call to this site, or to this URI, is refused ("" none). */
void fake_peer_down(struct fake_peer *peer, const char *site);
/* Calls that hang go on with their good answer, now and later. */
void fake_peer_release(struct fake_peer *peer);
/* The stamp that good answers carry (zero: none). */
void fake_peer_stamp(struct fake_peer *peer, const struct fy_stamp *stamp);

int fake_peer_calls(struct fake_peer *peer, enum fy_peer_verb verb);
int fake_peer_hanging(struct fake_peer *peer);
int fake_peer_fresh(struct fake_peer *peer); /* calls that asked for a fresh connection */
int fake_peer_most(struct fake_peer *peer);  /* most calls that were under way at once */
/* Waits until so many calls hang. */
void fake_peer_wait_hanging(struct fake_peer *peer, int count);
/* Waits until a receiver has asked for a pause, now or before. */
void fake_peer_wait_paused(struct fake_peer *peer);

int64_t fake_content_size(const char *object);
/* Bytes [offset, offset + size) of the object. */
void fake_content(const char *object, int64_t offset, uint8_t *bytes, size_t size_bytes);
void fake_content_digest(const char *object, struct fy_digest *digest);

#endif
