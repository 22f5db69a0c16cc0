/* err.h - what went wrong: a code that says what happens next, a reason of the closed list, a
 * sentence. */
#ifndef FY_CORE_ERR_H
#define FY_CORE_ERR_H

#include "common/core/base.h"

/* The code answers one question: what happens next? fy_code_table in err.c maps each to an HTTP
 * status, an exit code of the command (DESIGN 10) and whether time may heal it. */
enum fy_code {
    FY_OK = 0,
    FY_EINPUT,     /* the caller's bytes are wrong: 400 */
    FY_EUNAUTH,    /* no client-id: 401 */
    FY_EFORBIDDEN, /* the client lacks the right: 403 */
    FY_ENOTFOUND,  /* 404 */
    FY_EMETHOD,    /* 405 */
    FY_ENOTACCEPT, /* 406; also: bucket not empty, upload in progress (spec 6.1, 6.3) */
    FY_EEXISTS,    /* there already, or another version: 409 */
    FY_EGONE,      /* deleted: 410 */
    FY_ETOOBIG,    /* over a named bound: 413 */
    FY_EMEDIA,     /* 415 */
    FY_ERANGE,     /* 416 */
    FY_EFULL,      /* the queue is full or refuses: 503 + Retry-After */
    FY_EBUSY,      /* a dependency is down or starting; again later: 503 + Retry-After */
    FY_EFROZEN,    /* the container takes no changes now: 503 + Retry-After */
    FY_EDISABLED,  /* the container takes none, until a person enables it: 500 */
    FY_EQUOTA,     /* over the container's quota: 507 */
    FY_ENOSPACE,   /* no space for bodies: 507 */
    FY_ENET,       /* a peer cannot be reached, or broke off: 502 */
    FY_ETIMEOUT,   /* a peer stalled: 504 */
    FY_EPEER,      /* a peer answered with a failure (5xx, 401): 502 */
    FY_ECORRUPT,   /* bytes are not those promised: 500; of an upload: 400 */
    FY_EIO,        /* the local disk failed: 500 */
    FY_ECANCELLED, /* we are stopping: 503 */
    FY_EINTERNAL,  /* a bug or an impossible answer: 500 */
    FY_CODE_COUNT
};

struct fy_err {
    enum fy_code code;
    char text[FY_ERR_TEXT_BYTES]; /* one line, printable, for the person on call */
};

/* Starts an error: sets code and sentence, returns the code. err may be NULL. Thread: any. */
enum fy_code fy_err_set(struct fy_err *err, enum fy_code code, const char *format, ...)
    FY_PRINTF(3, 4);
/* Puts context in front of the sentence ("context: sentence"), returns err's code
 * (FY_EINTERNAL when err is NULL). Thread: any. */
enum fy_code fy_err_add(struct fy_err *err, const char *format, ...) FY_PRINTF(2, 3);

const char *fy_code_name(enum fy_code code); /* "not_found"; static text */
int fy_code_http_status(enum fy_code code);  /* 200 for FY_OK */
int fy_code_exit_status(enum fy_code code);  /* DESIGN 10 */

/* Why an order waits or is dead: one closed list for messages, metrics, API and CLI (DESIGN 6). */
enum fy_reason {
    FY_REASON_NONE = 0,
    FY_SRC_NOT_FOUND,
    FY_SRC_CHANGED,
    FY_SRC_UNREACHABLE,
    FY_SRC_REFUSED,
    FY_RIGHTS,
    FY_STALLED,
    FY_SIZE_MISMATCH,
    FY_HASH_MISMATCH,
    FY_STORE_FULL,
    FY_STORE_ERROR,
    FY_CATALOGUE_ERROR,
    FY_CONFLICT,
    FY_TOPOLOGY_UNKNOWN,
    FY_EXPIRED,
    FY_CANCELLED,
    FY_BAD_ORDER,
    FY_INTERNAL,
    FY_NOT_APPLIED, /* last: reasons are stored by number */
    FY_REASON_COUNT
};

const char *fy_reason_name(enum fy_reason reason); /* "SRC_NOT_FOUND"; "" for NONE; static */
/* FY_OK and *reason set, or FY_EINPUT for a word outside the list. */
FY_MUST_CHECK enum fy_code fy_reason_parse(const char *text, enum fy_reason *reason);

/* What becomes of an order that failed so (ENGINE 1.10). */
enum fy_reason_class {
    FY_CLASS_POISON, /* dead at once */
    FY_CLASS_ORDER,  /* a few tries at 1 and 10 minutes, then dead */
    FY_CLASS_SITE,   /* time may heal it: waits until retry.max_age, then dead */
    FY_CLASS_LOCAL,  /* a dependency here: charges nothing, dispatch stops */
};
enum fy_reason_class fy_reason_class(enum fy_reason reason);

#endif
