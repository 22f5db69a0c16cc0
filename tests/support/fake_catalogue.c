/* fake_catalogue.c - the stamp rule over a hash of rows, and no more than the engine asks for. */
#include "tests/support/fake_catalogue.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <uthash.h>

#define WAIT_S 60 /* only a failing test waits so long; on a busy machine 20 were too few */

struct row {
    char name[FY_OBJECT_BYTES_MAX + 1];
    struct fake_object object;
    UT_hash_handle hh;
};
struct waiting {
    struct fy_waiting_row row;
    int64_t turn_ms;
    struct waiting *next;
};
struct body {
    int64_t id;
    struct fy_digest digest;
    int64_t size;
    bool swept;
    struct body *next;
};
struct site {
    struct fy_site_row row;
    struct site *next;
};

struct fake_catalogue {
    struct fy_catalogue port;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct row *rows;
    struct waiting *waiting;
    struct body *bodies;
    struct site *sites;
    int64_t ids;
    char forbidden[FY_CLIENT_BYTES_MAX + 1];
    char forbidden_late[FY_CLIENT_BYTES_MAX + 1];
    char hidden[FY_BUCKET_BYTES_MAX + 1];
    char frozen[FY_BUCKET_BYTES_MAX + 1];
    bool containers_known;
    enum fy_code write_code, look_code;
    int write_faults, look_faults;
    bool happened;
    size_t outcomes[FY_OUTCOME_LOCAL + 1];
    size_t wakes;
};

static struct fake_catalogue *from(struct fy_catalogue *port)
{
    return FY_CONTAINER_OF(port, struct fake_catalogue, port);
}

static struct row *row_of(struct fake_catalogue *self, const char *name, bool make)
{
    struct row *row = NULL;
    HASH_FIND_STR(self->rows, name, row);
    if (row == NULL && make) {
        row = fy_alloc(sizeof(*row));
        FY_ASSERT(fy_text_copy(row->name, sizeof(row->name), name));
        HASH_ADD_STR(self->rows, name, row);
    }
    return row;
}

/* Objects are told apart by name, buckets by "/" and name: tests use one account. */
static const char *name_of(const struct fy_order *order, char *text, size_t text_bytes)
{
    if (order->object[0] != '\0')
        return order->object;
    (void)snprintf(text, text_bytes, "/%s", order->bucket);
    return text;
}

static struct body *body_by_id(struct fake_catalogue *self, int64_t id)
{
    struct body *body = self->bodies;
    while (body != NULL && body->id != id)
        body = body->next;
    return body;
}

static struct body *body_by_digest(struct fake_catalogue *self, const struct fy_digest *digest,
                                   int64_t size)
{
    struct body *body = self->bodies;
    while (body != NULL && !(fy_digest_equal(&body->digest, digest) && body->size == size))
        body = body->next;
    return body;
}

/* ------------------------------------------------------------------ write */

static enum fy_code apply(struct fake_catalogue *self, struct fy_cat_apply *op)
{
    const struct fy_order *order = &op->order;
    char text[FY_OBJECT_BYTES_MAX + 1];
    const char *name = name_of(order, text, sizeof(text));
    struct row *row = row_of(self, name, false);
    int order_of = row != NULL ? fy_stamp_compare(&order->stamp, &row->object.stamp) : 1;
    op->verdict = order_of > 0    ? FY_VERDICT_APPLY
                  : order_of == 0 ? FY_VERDICT_DUPLICATE
                                  : FY_VERDICT_SUPERSEDED;
    if (op->verdict != FY_VERDICT_APPLY) {
        self->outcomes[order_of == 0 ? FY_OUTCOME_DUPLICATE : FY_OUTCOME_SUPERSEDED]++;
        return FY_OK;
    }
    if (strcmp(order->client, self->forbidden) == 0 ||
        strcmp(order->client, self->forbidden_late) == 0)
        return fy_err_set(&op->op.err, FY_EFORBIDDEN, "client %s has no right", order->client);
    if (strcmp(order->bucket, self->hidden) == 0)
        return fy_err_set(&op->op.err, FY_EEXISTS, "bucket %s is another's", order->bucket);
    if (strcmp(order->bucket, self->frozen) == 0)
        return fy_err_set(&op->op.err, FY_EFROZEN, "a snapshot reads bucket %s", order->bucket);
    bool create = order->action == FY_ACTION_CREATE;
    bool bytes = create && order->object[0] != '\0';
    struct body *linked = body_by_id(self, op->link_body_id);
    if (bytes)
        FY_ASSERT((op->link_body_id != 0) != (op->blob_ref[0] != '\0'));
    if (bytes && op->link_body_id != 0 && (linked == NULL || linked->swept))
        return fy_err_set(&op->op.err, FY_ENOTFOUND, "the body was swept");
    row = row_of(self, name, true);
    struct fake_object *object = &row->object;
    object->exists = true;
    object->status = create ? FY_STATUS_READY : FY_STATUS_DELETED;
    object->stamp = order->stamp;
    object->digest = linked != NULL ? linked->digest : op->digest;
    object->size = linked != NULL ? linked->size : op->size;
    object->proof = op->proof;
    object->linked = op->link_body_id != 0;
    object->described = op->bucket.known;
    memcpy(object->blob_ref, op->blob_ref, sizeof(object->blob_ref));
    object->applied++;
    self->outcomes[FY_OUTCOME_APPLIED]++;
    return FY_OK;
}

static void waiting_remove(struct fake_catalogue *self, int64_t id)
{
    for (struct waiting **at = &self->waiting; *at != NULL; at = &(*at)->next)
        if ((*at)->row.id == id) {
            struct waiting *gone = *at;
            *at = gone->next;
            free(gone);
            return;
        }
}

static struct waiting *waiting_find(struct fake_catalogue *self, const struct fy_waiting_row *row)
{
    for (struct waiting *at = self->waiting; at != NULL; at = at->next)
        if (row->id != 0
                ? at->row.id == row->id
                : strcmp(at->row.order.bucket, row->order.bucket) == 0 &&
                      strcmp(at->row.order.object, row->order.object) == 0 &&
                      at->row.order.given == row->order.given && row->order.bucket[0] != '\0')
            return at;
    return NULL;
}

static void wait_op(struct fake_catalogue *self, struct fy_cat_wait *op)
{
    struct waiting *found = waiting_find(self, &op->row);
    op->superseded = op->row.id != 0 && found == NULL;
    if (op->superseded)
        return;
    if (found == NULL) {
        found = fy_alloc(sizeof(*found));
        found->next = self->waiting;
        self->waiting = found;
        op->row.id = ++self->ids;
    } else {
        op->row.id = found->row.id;
    }
    found->row = op->row;
    found->turn_ms = op->row.due_ms;
    self->outcomes[op->row.state == FY_DEAD ? FY_OUTCOME_DEAD : FY_OUTCOME_WAITING]++;
}

static void claim(struct fake_catalogue *self, struct fy_cat_wait_claim *op)
{
    op->count = 0;
    op->next_due_ms = INT64_MAX;
    for (struct waiting *at = self->waiting; at != NULL; at = at->next) {
        if (at->row.state != FY_WAITING)
            continue;
        if (at->turn_ms <= op->now_ms && op->count < op->capacity) {
            op->rows[op->count++] = at->row;
            at->turn_ms = op->now_ms + op->hold_ms;
        }
        if (at->turn_ms < op->next_due_ms)
            op->next_due_ms = at->turn_ms;
    }
}

static void edit(struct fake_catalogue *self, struct fy_cat_wait_edit *op)
{
    FY_ASSERT(op->action == FY_WAIT_WAKE); /* the rest is a person's */
    op->matched = 0;
    op->last_id = op->filter.after_id;
    self->wakes++;
    int64_t now_ms = fy_wall_ms(fy_clock_system());
    for (struct waiting *at = self->waiting; at != NULL; at = at->next) {
        if (at->row.state != FY_WAITING || strcmp(at->row.order.from_site, op->filter.site) != 0)
            continue;
        op->matched++;
        if (at->turn_ms > now_ms)
            at->turn_ms = at->row.due_ms = now_ms;
    }
}

static enum fy_code run(struct fake_catalogue *self, struct fy_cat_op *op)
{
    switch ((int)op->kind) {
    case FY_CAT_APPLY: {
        struct fy_cat_apply *write = (struct fy_cat_apply *)(void *)op;
        enum fy_code code = apply(self, write);
        if (code == FY_OK && write->waiting_id != 0)
            waiting_remove(self, write->waiting_id);
        return code;
    }
    case FY_CAT_WAIT:
        wait_op(self, (struct fy_cat_wait *)(void *)op);
        return FY_OK;
    case FY_CAT_WAIT_CLAIM:
        claim(self, (struct fy_cat_wait_claim *)(void *)op);
        return FY_OK;
    case FY_CAT_WAIT_EDIT:
        edit(self, (struct fy_cat_wait_edit *)(void *)op);
        return FY_OK;
    case FY_CAT_LEASE_RENEW:
        return FY_OK;
    case FY_CAT_SETTLE: {
        const struct fy_cat_settle *settle = (struct fy_cat_settle *)(void *)op;
        self->outcomes[settle->outcome]++;
        if (settle->waiting_id != 0)
            waiting_remove(self, settle->waiting_id);
        return FY_OK;
    }
    default:
        return fy_err_set(&op->err, FY_EINTERNAL, "the fake does not know operation %d",
                          (int)op->kind);
    }
}

static enum fy_code port_write(struct fy_catalogue *port, struct fy_cat_op *const *ops,
                               size_t count, struct fy_err *err)
{
    struct fake_catalogue *self = from(port);
    enum fy_code code = FY_OK;
    pthread_mutex_lock(&self->mutex);
    if (self->write_faults != 0) {
        if (self->write_faults > 0)
            self->write_faults--;
        code = fy_err_set(err, self->write_code, "the catalogue was told to fail");
    }
    for (size_t i = 0; i < count; i++) {
        ops[i]->err = (struct fy_err){0};
        ops[i]->code = code == FY_OK || self->happened ? run(self, ops[i]) : FY_OK;
        if (code != FY_OK)
            ops[i]->code = code;
    }
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->mutex);
    return code;
}

/* ------------------------------------------------------------------ reads */

static void look_one(struct fake_catalogue *self, struct fy_cat_look *look)
{
    const struct fy_order *order = look->order;
    char text[FY_OBJECT_BYTES_MAX + 1];
    struct row *row = row_of(self, name_of(order, text, sizeof(text)), false);
    int compared = row != NULL ? fy_stamp_compare(&order->stamp, &row->object.stamp) : 1;
    look->verdict = compared > 0    ? FY_VERDICT_APPLY
                    : compared == 0 ? FY_VERDICT_DUPLICATE
                                    : FY_VERDICT_SUPERSEDED;
    look->container_known = self->containers_known;
    look->allowed = strcmp(order->client, self->forbidden) != 0;
    look->invisible = strcmp(order->bucket, self->hidden) == 0;
    memcpy(look->account, fy_order_account(order), strlen(fy_order_account(order)) + 1);
    struct fy_digest digest;
    struct body *body = NULL;
    if (look->verdict == FY_VERDICT_APPLY && fy_order_digest(order, &digest))
        body = body_by_digest(self, &digest, order->size);
    look->body_id = body != NULL ? body->id : 0;
    if (body != NULL)
        (void)snprintf(look->blob_ref, sizeof(look->blob_ref), FAKE_BODY_REF, (long long)body->id);
}

static enum fy_code port_look(struct fy_catalogue *port, struct fy_cat_look *looks, size_t count,
                              struct fy_err *err)
{
    struct fake_catalogue *self = from(port);
    enum fy_code code = FY_OK;
    pthread_mutex_lock(&self->mutex);
    if (self->look_faults != 0) {
        if (self->look_faults > 0)
            self->look_faults--;
        code = fy_err_set(err, self->look_code, "the catalogue was told to fail");
    }
    for (size_t i = 0; i < count && code == FY_OK; i++)
        look_one(self, &looks[i]);
    pthread_mutex_unlock(&self->mutex);
    return code;
}

static enum fy_code port_site_list(struct fy_catalogue *port, fy_site_visit_fn *visit, void *arg,
                                   struct fy_err *err)
{
    (void)err;
    struct fake_catalogue *self = from(port);
    pthread_mutex_lock(&self->mutex);
    for (struct site *site = self->sites; site != NULL; site = site->next)
        if (!visit(arg, &site->row))
            break;
    pthread_mutex_unlock(&self->mutex);
    return FY_OK;
}

static enum fy_code port_site_get(struct fy_catalogue *port, const char *id,
                                  struct fy_site_row *row, struct fy_err *err)
{
    struct fake_catalogue *self = from(port);
    enum fy_code code = FY_ENOTFOUND;
    pthread_mutex_lock(&self->mutex);
    for (struct site *site = self->sites; site != NULL; site = site->next)
        if (strcmp(site->row.id, id) == 0) {
            *row = site->row;
            code = FY_OK;
        }
    pthread_mutex_unlock(&self->mutex);
    return code == FY_OK ? FY_OK : fy_err_set(err, code, "no site %s", id);
}

static void port_close(struct fy_catalogue *port)
{
    (void)port;
}

/* What is NULL here is not the engine's to call. */
static const struct fy_catalogue_ops fake_ops = {
    .name = "fake",
    .write = port_write,
    .look = port_look,
    .site_list = port_site_list,
    .site_get = port_site_get,
    .close = port_close,
};

/* ------------------------------------------------------------------ the test's side */

struct fake_catalogue *fake_catalogue_new(void)
{
    struct fake_catalogue *self = fy_alloc(sizeof(*self));
    self->port.ops = &fake_ops;
    self->containers_known = true;
    (void)snprintf(self->forbidden, sizeof(self->forbidden), "nobody-at-all");
    (void)snprintf(self->hidden, sizeof(self->hidden), "no-bucket-at-all");
    (void)snprintf(self->frozen, sizeof(self->frozen), "no-bucket-at-all");
    FY_ASSERT(pthread_mutex_init(&self->mutex, NULL) == 0);
    FY_ASSERT(pthread_cond_init(&self->changed, NULL) == 0);
    return self;
}

void fake_catalogue_free(struct fake_catalogue *self)
{
    struct row *row, *next_row;
    HASH_ITER(hh, self->rows, row, next_row)
    {
        HASH_DEL(self->rows, row);
        free(row);
    }
    while (self->waiting != NULL)
        waiting_remove(self, self->waiting->row.id);
    for (struct body *body = self->bodies, *next; body != NULL; body = next) {
        next = body->next;
        free(body);
    }
    for (struct site *site = self->sites, *next; site != NULL; site = next) {
        next = site->next;
        free(site);
    }
    pthread_cond_destroy(&self->changed);
    pthread_mutex_destroy(&self->mutex);
    free(self);
}

struct fy_catalogue *fake_catalogue_port(struct fake_catalogue *self)
{
    return &self->port;
}

void fake_catalogue_site(struct fake_catalogue *self, const char *id, const char *uri)
{
    struct site *site = fy_alloc(sizeof(*site));
    FY_ASSERT(fy_text_copy(site->row.id, sizeof(site->row.id), id));
    FY_ASSERT(fy_text_copy(site->row.uri, sizeof(site->row.uri), uri));
    site->row.status = FY_SITE_UP;
    pthread_mutex_lock(&self->mutex);
    site->next = self->sites;
    self->sites = site;
    pthread_mutex_unlock(&self->mutex);
}

int64_t fake_catalogue_body(struct fake_catalogue *self, const struct fy_digest *digest,
                            int64_t size)
{
    struct body *body = fy_alloc(sizeof(*body));
    body->digest = *digest;
    body->size = size;
    pthread_mutex_lock(&self->mutex);
    int64_t id = body->id = ++self->ids;
    body->next = self->bodies;
    self->bodies = body;
    pthread_mutex_unlock(&self->mutex);
    return id;
}

void fake_catalogue_sweep(struct fake_catalogue *self, int64_t body_id)
{
    pthread_mutex_lock(&self->mutex);
    struct body *body = body_by_id(self, body_id);
    if (body != NULL)
        body->swept = true;
    pthread_mutex_unlock(&self->mutex);
}

void fake_catalogue_forbid(struct fake_catalogue *self, const char *client)
{
    pthread_mutex_lock(&self->mutex);
    FY_ASSERT(fy_text_copy(self->forbidden, sizeof(self->forbidden), client));
    pthread_mutex_unlock(&self->mutex);
}

void fake_catalogue_forbid_late(struct fake_catalogue *self, const char *client)
{
    pthread_mutex_lock(&self->mutex);
    FY_ASSERT(fy_text_copy(self->forbidden_late, sizeof(self->forbidden_late), client));
    pthread_mutex_unlock(&self->mutex);
}

void fake_catalogue_hide(struct fake_catalogue *self, const char *bucket)
{
    pthread_mutex_lock(&self->mutex);
    FY_ASSERT(fy_text_copy(self->hidden, sizeof(self->hidden), bucket));
    pthread_mutex_unlock(&self->mutex);
}

void fake_catalogue_freeze(struct fake_catalogue *self, const char *bucket)
{
    pthread_mutex_lock(&self->mutex);
    FY_ASSERT(fy_text_copy(self->frozen, sizeof(self->frozen), bucket));
    pthread_mutex_unlock(&self->mutex);
}

void fake_catalogue_know_containers(struct fake_catalogue *self, bool known)
{
    pthread_mutex_lock(&self->mutex);
    self->containers_known = known;
    pthread_mutex_unlock(&self->mutex);
}

void fake_catalogue_fail_writes(struct fake_catalogue *self, enum fy_code code, int count,
                                bool happened)
{
    pthread_mutex_lock(&self->mutex);
    self->write_code = code;
    self->write_faults = count;
    self->happened = happened;
    pthread_mutex_unlock(&self->mutex);
}

void fake_catalogue_fail_looks(struct fake_catalogue *self, enum fy_code code, int count)
{
    pthread_mutex_lock(&self->mutex);
    self->look_code = code;
    self->look_faults = count;
    pthread_mutex_unlock(&self->mutex);
}

struct fake_object fake_catalogue_object(struct fake_catalogue *self, const char *object)
{
    struct fake_object found = {0};
    pthread_mutex_lock(&self->mutex);
    struct row *row = row_of(self, object, false);
    if (row != NULL)
        found = row->object;
    pthread_mutex_unlock(&self->mutex);
    return found;
}

size_t fake_catalogue_ready(struct fake_catalogue *self)
{
    size_t count = 0;
    pthread_mutex_lock(&self->mutex);
    for (struct row *row = self->rows; row != NULL; row = row->hh.next)
        count += row->object.status == FY_STATUS_READY && row->name[0] != '/';
    pthread_mutex_unlock(&self->mutex);
    return count;
}

size_t fake_catalogue_waiting(struct fake_catalogue *self, enum fy_wait_state state)
{
    size_t count = 0;
    pthread_mutex_lock(&self->mutex);
    for (struct waiting *at = self->waiting; at != NULL; at = at->next)
        count += at->row.state == state;
    pthread_mutex_unlock(&self->mutex);
    return count;
}

bool fake_catalogue_waiting_row(struct fake_catalogue *self, const char *object,
                                struct fy_waiting_row *row)
{
    bool found = false;
    pthread_mutex_lock(&self->mutex);
    for (struct waiting *at = self->waiting; at != NULL && !found; at = at->next) {
        found = strcmp(at->row.order.object, object) == 0;
        if (found)
            *row = at->row;
    }
    pthread_mutex_unlock(&self->mutex);
    return found;
}

void fake_catalogue_retry(struct fake_catalogue *self, const char *object)
{
    int64_t now_ms = fy_wall_ms(fy_clock_system());
    pthread_mutex_lock(&self->mutex);
    for (struct waiting *at = self->waiting; at != NULL; at = at->next)
        if (strcmp(at->row.order.object, object) == 0) {
            at->row.state = FY_WAITING;
            at->row.attempts = 0;
            at->row.first_failed_ms = at->row.due_ms = at->turn_ms = now_ms;
        }
    pthread_mutex_unlock(&self->mutex);
}

void fake_catalogue_age(struct fake_catalogue *self, const char *object, int64_t ordered_at_ms)
{
    pthread_mutex_lock(&self->mutex);
    for (struct waiting *at = self->waiting; at != NULL; at = at->next)
        if (strcmp(at->row.order.object, object) == 0)
            at->row.order.ordered_at_ms = ordered_at_ms;
    pthread_mutex_unlock(&self->mutex);
}

size_t fake_catalogue_outcomes(struct fake_catalogue *self, enum fy_outcome outcome)
{
    pthread_mutex_lock(&self->mutex);
    size_t count = self->outcomes[outcome];
    pthread_mutex_unlock(&self->mutex);
    return count;
}

size_t fake_catalogue_wakes(struct fake_catalogue *self)
{
    pthread_mutex_lock(&self->mutex);
    size_t count = self->wakes;
    pthread_mutex_unlock(&self->mutex);
    return count;
}

bool fake_catalogue_wait(struct fake_catalogue *self, bool (*holds)(void *arg), void *arg)
{
    struct timespec end;
    (void)clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += WAIT_S;
    for (;;) {
        if (holds(arg))
            return true;
        pthread_mutex_lock(&self->mutex);
        struct timespec soon;
        (void)clock_gettime(CLOCK_REALTIME, &soon);
        bool over = soon.tv_sec >= end.tv_sec;
        soon.tv_nsec +=
            5 * 1000 * 1000; /* conditions of other parts change without a transaction */
        if (soon.tv_nsec >= 1000 * 1000 * 1000) {
            soon.tv_nsec -= 1000 * 1000 * 1000;
            soon.tv_sec++;
        }
        (void)pthread_cond_timedwait(&self->changed, &self->mutex, &soon);
        pthread_mutex_unlock(&self->mutex);
        if (over)
            return holds(arg);
    }
}
