/* sender_site.h - a site whose sender works over the real embedded queue and catalogue; only its
 * target is a fake, which does what it was told when the test says so. For tests with cmocka. */
#ifndef FY_TESTS_SUPPORT_SENDER_SITE_H
#define FY_TESTS_SUPPORT_SENDER_SITE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <time.h>

#include "cli/node_open.h"
#include "tests/support/temp.h"
#include "worker/sender_internal.h"

#define SENDER_TARGET     "site-b"
#define SENDER_URI        "http://127.0.0.1:1"
#define SENDER_WAIT_S     20 /* for what takes milliseconds on a machine that is not busy */
#define TARGET_NAME_BYTES 80
#define TARGET_NAMES_MAX  128

struct sender_target {
    struct fy_peer port;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool entered;     /* the test's thread has the mutex */
    bool ferry;       /* HEADs say so */
    bool post_ferry;  /* POSTs say so */
    int check_status; /* 0: by what is there */
    int post_status;  /* 0: 201 */
    int checks, requests;
    struct target_told {
        enum fy_action action;
        char name[TARGET_NAME_BYTES]; /* bucket or bucket/object */
    } told[TARGET_NAMES_MAX];
    size_t told_count, applied_count;
    char there[TARGET_NAMES_MAX][TARGET_NAME_BYTES];
    size_t there_count;
};

/* bucket, or bucket/object when there is one. */
void target_name(char name[static TARGET_NAME_BYTES], const char *bucket, const char *object);
/* Mutex held. It does all that it was told so far. */
void target_apply(struct sender_target *target);
/* The test looks at the target, which stands still meanwhile. */
void target_enter(struct sender_target *target);
void target_leave(struct sender_target *target);
/* Mutex held. The n-th thing it was told. */
void target_expect_told(const struct sender_target *target, size_t n, enum fy_action action,
                        const char *name);
/* Mutex held. The target is looked at, and told nothing. */
void target_expect_patience(struct sender_target *target);

/* Mutex held. Waits until a number of the target's has reached least. */
#define WAIT_FOR(target, number, least)                                                            \
    do {                                                                                           \
        __typeof__((target)->number) enough = (least); /* as it is now */                          \
        struct timespec until;                                                                     \
        (void)clock_gettime(CLOCK_REALTIME, &until);                                               \
        until.tv_sec += SENDER_WAIT_S;                                                             \
        while ((target)->number < enough)                                                          \
            assert_int_equal(pthread_cond_timedwait(&(target)->changed, &(target)->mutex, &until), \
                             0);                                                                   \
    } while (0)

struct sender_site {
    char folder[TEMP_BYTES];
    struct fy_config config;
    struct fy_node node;
    struct fy_peer *http; /* the node's own, put back before it closes */
    struct sender_target target;
    struct fy_sender *sender;
    uint64_t stamps;
};

int sender_setup(void **state);
int sender_teardown(void **state);

/* Fails the test with the error's text unless code is FY_OK. */
void sender_must(enum fy_code code, const struct fy_err *err);
/* Adds the target to the topology and starts its sender. */
void sender_start(struct sender_site *self);
/* What the API's writes of the topology do, but for ringing the manager, which is not here. */
void sender_topology(struct sender_site *self, enum fy_site_action action, bool paused);
/* An order in the target's topic, as the router writes it. */
void sender_give(struct sender_site *self, enum fy_action action, const char *object);
/* An order that was set aside for the target, and is due. */
void sender_set_aside(struct sender_site *self, enum fy_action action, const char *object);
/* A change of this site's, in its catalogue, later than those before. */
void sender_change_here(struct sender_site *self, enum fy_action action, const char *object);
/* How many orders of the target's topic are not committed. */
int64_t sender_lag(struct sender_site *self);
/* Returns when all are. */
void sender_wait_sent(struct sender_site *self);

#endif
