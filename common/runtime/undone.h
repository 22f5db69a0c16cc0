/* undone.h - uploads that failed together with the catalogue: their rows still say UPLOAD. */
/*
 * Nobody may upload to such a name (406) until the row is given back, and the client that was told
 * to come again would be refused for as long as this process lives. The lease's thread does it as
 * soon as the catalogue is there again.
 */
#ifndef FY_RUNTIME_UNDONE_H
#define FY_RUNTIME_UNDONE_H

#include <pthread.h>

#include "common/runtime/catalogue_writer.h"

struct fy_undone_upload;
struct fy_undone {
    pthread_mutex_t mutex;
    /* Mutex held: a list, oldest first. */
    struct fy_undone_upload *first, *last;
    uint32_t count; /* 0..FY_UNDONE_MAX */
};
#define FY_UNDONE_INIT                                                                             \
    {                                                                                              \
        .mutex = PTHREAD_MUTEX_INITIALIZER                                                         \
    }
void fy_undone_done(struct fy_undone *undone);

/* Remembers that this attempt (its token, as UPLOAD_BEGIN gave it) is over. The row of one that
 * finds no room stays as it is until this process has ended. Thread: any. */
void fy_undone_add(struct fy_undone *undone, const struct fy_object_key *key, int64_t token);
/* Gives FY_UNDONE_TURN_MAX rows back, or until one cannot be. Thread: one at a time. */
void fy_undone_retry(struct fy_undone *undone, struct fy_catalogue_writer *writer);

#endif
