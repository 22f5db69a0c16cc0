/* ledger.h - which offsets of one partition are received and which are done: what may be committed.
 */
/* Pure bookkeeping of one thread. base moves over done offsets only, never up to "highest seen"
 * (ENGINE 1.2, pitfall 1). */
#ifndef FY_WORKER_LEDGER_H
#define FY_WORKER_LEDGER_H

#include "common/core/done_map.h"

struct fy_ledger {
    int32_t epoch;       /* of the assignment it was made for */
    int64_t base;        /* lowest offset that is not done: the one to commit */
    int64_t next;        /* one above the highest received */
    int64_t done_end;    /* one above the highest done; base when none is */
    uint32_t incomplete; /* received and not done */
    uint64_t *received;  /* rings of FY_LEDGER_WINDOW bits, by offset modulo the window */
    uint64_t *done;
};

enum fy_ledger_receipt {
    FY_LEDGER_NEW,   /* to be worked on */
    FY_LEDGER_AGAIN, /* received before in this epoch and still open */
    FY_LEDGER_OVER,  /* done already, or jumped over */
    FY_LEDGER_FULL,  /* beyond the window, or FY_INCOMPLETES_MAX are open: not received;
                        back-pressure until base moves, or one is done */
};

/* base: the committed offset. */
void fy_ledger_init(struct fy_ledger *ledger, int32_t epoch, int64_t base);
void fy_ledger_free(struct fy_ledger *ledger);
/* Records arrive in rising order but for redelivery. Offsets that were jumped over (compaction,
 * transaction markers) will never come: they count as done. */
enum fy_ledger_receipt fy_ledger_receive(struct fy_ledger *ledger, int64_t offset);
/* What receive would answer, with nothing changed. */
enum fy_ledger_receipt fy_ledger_peek(const struct fy_ledger *ledger, int64_t offset);
/* An offset that was received. Twice is harmless. */
void fy_ledger_finish(struct fy_ledger *ledger, int64_t offset);
/* The base and what is done above it, as they are now. */
void fy_ledger_map(const struct fy_ledger *ledger, struct fy_done_map *map);

#endif
