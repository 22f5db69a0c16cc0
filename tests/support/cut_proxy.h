/* cut_proxy.h - a TCP proxy on 127.0.0.1 that cuts a connection at a chosen moment. */
#ifndef FY_TESTS_CUT_PROXY_H
#define FY_TESTS_CUT_PROXY_H

#include <stddef.h>

enum cut_moment {
    CUT_NEVER,
    CUT_BEFORE, /* the server never sees the bytes looked for */
    CUT_AFTER,  /* it sees them and answers, and nobody hears it */
    CUT_ENDING, /* the same, but its last word is that it shuts down (PostgreSQL's protocol) */
};

struct cut_proxy;
/* Forwards to that port of 127.0.0.1. */
struct cut_proxy *cut_proxy_open(int target_port);
int cut_proxy_port(const struct cut_proxy *proxy);
/* The next connection on which a client sends these bytes is cut; then nothing is looked for. */
void cut_proxy_arm(struct cut_proxy *proxy, enum cut_moment moment, const void *bytes,
                   size_t size_bytes);
/* Cuts all connections now. */
void cut_proxy_cut_all(struct cut_proxy *proxy);
unsigned cut_proxy_cuts(struct cut_proxy *proxy); /* so far */
void cut_proxy_close(struct cut_proxy *proxy);

#endif
