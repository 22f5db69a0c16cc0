/* sender_internal.h - what the files of a sender share: its state, and one call at a time to its
 * site. */
#ifndef FY_WORKER_SENDER_INTERNAL_H
#define FY_WORKER_SENDER_INTERNAL_H

#include <pthread.h>

#include "common/ports/peer.h"
#include "worker/batch.h"
#include "worker/gate.h"
#include "worker/sender.h"
#include "worker/verdict.h"

#define SENDER_IDLE_MS 500 /* the consumer's events are served so often */

/* What the site said last. Written on the peer's loop thread, read once the call is over. */
struct fy_sender_answer {
    int http_status; /* 0: no answer */
    bool ferry;
    char type[16];
    int64_t retry_after_s;
    int64_t size;                     /* of an object; -1 not said */
    char hash[FY_HASH_BYTES_MAX + 1]; /* of an object; "" not said */
    char error[FY_ERR_TEXT_BYTES];    /* its own words */
};

struct fy_sender {
    struct fy_node *node;
    char site[FY_SITE_BYTES_MAX + 1];
    pthread_t thread;
    struct fy_bell bell; /* a call ended, the topology changed, or stop */
    _Atomic bool stopping;
    _Atomic bool up;

    pthread_mutex_t mutex; /* guards the next two, and the end of a call */
    char uri[FY_URI_BYTES_MAX + 1];
    bool resting; /* paused or DOWN */

    /* Sender thread only. */
    char target[FY_URI_BYTES_MAX + 1]; /* uri as this turn uses it */
    struct fy_batch batch;
    struct fy_buf body;
    uint32_t failures;   /* in a row */
    bool is_ferry;       /* the last answer was a Ferry's; false: ask before anything is sent */
    int64_t due_at_ms;   /* monotonic: when `waiting` is looked at next */
    struct fy_gate gate; /* of deaths for what a CCS site does not do */
    int64_t due_cursor;  /* id of the last row looked at there; 0 from the beginning */

    /* One call at a time: the loop thread writes, then sets call_done and rings. */
    struct fy_peer_call call;
    _Atomic bool call_done;
    enum fy_code call_code;
    struct fy_err call_err;
    struct fy_sender_answer answer;
};

/* ---- sender_call.c. All of it on the sender's thread. */

/*
 * Makes one call and waits for its end. FY_OK: there is an answer, whatever its status; is_ferry is
 * what it says. Errors: those of on_done (peer.h), and FY_ECANCELLED when we stop; the site may be
 * another one when it is back, so is_ferry is false then.
 */
/* POSTs what is in body: one order, or an array of them. */
FY_MUST_CHECK enum fy_code fy_sender_post(struct fy_sender *sender, struct fy_err *err);
/* Asks for the order's object or bucket, as the owner: CHECK (with fullCheck) or FACTS. */
FY_MUST_CHECK enum fy_code fy_sender_ask(struct fy_sender *sender, enum fy_peer_verb verb,
                                         const struct fy_order *about, struct fy_err *err);
/* Asks the site what it is: FY_OK and is_ferry, or FY_EPEER when neither a Ferry nor CCS answered
 * (a proxy's error page must not pass for CCS). */
FY_MUST_CHECK enum fy_code fy_sender_probe(struct fy_sender *sender, struct fy_err *err);

/* ---- sender.c */

/* Asks the catalogue whether the site is to be sent to, and where it is; to be asked when there is
 * something to send. *rests: nothing may be sent now. Errors: those of reading the catalogue. */
FY_MUST_CHECK enum fy_code fy_sender_look(struct fy_sender *sender, bool *rests,
                                          struct fy_err *err);

/* How the last talk with the site went: ferry_sender_up, and a line in the log when it changes. */
void fy_sender_note(struct fy_sender *sender, enum fy_code code, const struct fy_err *err);

/* Makes a record of the batch in hand a dead letter (direction=out). */
FY_MUST_CHECK enum fy_code fy_sender_bury(struct fy_sender *sender, size_t i,
                                          const struct fy_failure *failure, struct fy_err *err);

/* ---- sender_ccs.c */

/* The whole of the batch in hand is done by the CCS site, or set aside with a reason, or not for
 * it, when this returns FY_OK; committed piece by piece. */
FY_MUST_CHECK enum fy_code fy_sender_ccs(struct fy_sender *sender, struct fy_err *err);
/* Tries what is due of the rows of `waiting` that were set aside for this site; cheap when nothing
 * is. */
FY_MUST_CHECK enum fy_code fy_sender_due(struct fy_sender *sender, struct fy_err *err);

#endif
