/* undone.c - a list of uploads, gone through again. */
#include "common/runtime/undone.h"

#include <stdlib.h>

#include "common/core/log.h"

struct fy_undone_upload {
    struct fy_undone_upload *next;
    struct fy_cat_upload_fail fail;
};

/* false: there is no room. Mutex held. */
static bool append(struct fy_undone *undone, struct fy_undone_upload *upload)
{
    if (undone->count == FY_UNDONE_MAX)
        return false;
    upload->next = NULL;
    if (undone->last != NULL)
        undone->last->next = upload;
    else
        undone->first = upload;
    undone->last = upload;
    undone->count++;
    return true;
}

static struct fy_undone_upload *take(struct fy_undone *undone)
{
    pthread_mutex_lock(&undone->mutex);
    struct fy_undone_upload *upload = undone->first;
    if (upload != NULL) {
        undone->first = upload->next;
        undone->last = upload->next == NULL ? NULL : undone->last;
        undone->count--;
    }
    pthread_mutex_unlock(&undone->mutex);
    return upload;
}

static void give(struct fy_undone *undone, struct fy_undone_upload *upload)
{
    pthread_mutex_lock(&undone->mutex);
    bool kept = append(undone, upload);
    pthread_mutex_unlock(&undone->mutex);
    if (kept)
        return;
    fy_log(NULL, FY_WARN, "upload.undone", fy_kv_str("bucket", upload->fail.key.bucket),
           fy_kv_str("object", upload->fail.key.object));
    free(upload);
}

void fy_undone_add(struct fy_undone *undone, const struct fy_object_key *key, int64_t token)
{
    struct fy_undone_upload *upload = fy_alloc(sizeof(*upload));
    upload->fail = (struct fy_cat_upload_fail){
        .op = {.kind = FY_CAT_UPLOAD_FAIL}, .key = *key, .token = token};
    give(undone, upload);
}

void fy_undone_retry(struct fy_undone *undone, struct fy_catalogue_writer *writer)
{
    struct fy_undone_upload *upload;
    for (int turn = 0; turn < FY_UNDONE_TURN_MAX && (upload = take(undone)) != NULL; turn++) {
        if (fy_catalogue_writer_run(writer, &upload->fail.op, NULL) != FY_OK) {
            give(undone, upload); /* last, so that it holds up no other */
            return;
        }
        free(upload);
    }
}

void fy_undone_done(struct fy_undone *undone)
{
    struct fy_undone_upload *upload;
    while ((upload = take(undone)) != NULL)
        free(upload);
    pthread_mutex_destroy(&undone->mutex);
}
