/* fake_peer.c - one thread, one list of calls, one step of one call at a time. */
#include "tests/support/fake_peer.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/ports/sha256.h"
#include "tests/support/peer_head.h"

#define PIECE_BYTES (64 * 1024)
#define RULES_MAX   512

struct rule {
    char object[FY_OBJECT_BYTES_MAX + 1];
    enum fake_answer answer;
    int value;
    int count;
};

struct call {
    struct fy_peer_call *call;
    struct call *next;
    enum fake_answer answer;
    int value;
    /* The source as it was when this call began. */
    int hello_status;
    bool ferry;
    struct fy_stamp stamp;
    bool begun;
    bool headed;
    bool hanging, paused, cancelled;
    int64_t at, end; /* of the body */
};

struct fake_peer {
    struct fy_peer port;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct call *calls;
    bool closing, released;
    struct rule rules[RULES_MAX];
    int rule_count;
    int hello_status;
    bool hello_ferry;
    char down[FY_SITE_BYTES_MAX + 1];
    struct fy_stamp stamp;
    int verbs[FY_PEER_VERB_COUNT];
    int hanging, fresh, running, most, pauses;
};

/* ------------------------------------------------------------------ contents */

int64_t fake_content_size(const char *object)
{
    const char *given = strstr(object, "size=");
    if (given != NULL)
        return strtoll(given + 5, NULL, 10);
    return 32 + (int64_t)(strlen(object) * 7 % 90);
}

void fake_content(const char *object, int64_t offset, uint8_t *bytes, size_t size_bytes)
{
    size_t length = strlen(object);
    for (size_t i = 0; i < size_bytes; i++) {
        uint64_t at = (uint64_t)offset + i;
        bytes[i] = (uint8_t)((uint8_t)object[at % length] + at / length * 31);
    }
}

void fake_content_digest(const char *object, struct fy_digest *digest)
{
    uint8_t *piece = fy_alloc(PIECE_BYTES);
    struct fy_sha256 *hash = fy_sha256_new();
    int64_t size = fake_content_size(object);
    for (int64_t at = 0; at < size; at += PIECE_BYTES) {
        size_t bytes = size - at < PIECE_BYTES ? (size_t)(size - at) : PIECE_BYTES;
        fake_content(object, at, piece, bytes);
        fy_sha256_update(hash, piece, bytes);
    }
    fy_sha256_final(hash, digest);
    fy_sha256_free(hash);
    free(piece);
}

/* ------------------------------------------------------------------ answers */

static struct fake_peer *from(struct fy_peer *port)
{
    return FY_CONTAINER_OF(port, struct fake_peer, port);
}

/* Mutex held. The first rule of the object that is not used up. */
static void choose(struct fake_peer *self, struct call *call)
{
    const struct fy_peer_call *asked = call->call;
    call->hello_status = self->hello_status;
    call->ferry = self->hello_ferry;
    call->stamp = self->stamp;
    call->answer = FAKE_GOOD;
    if (self->down[0] != '\0' &&
        (strcmp(self->down, asked->site) == 0 || strcmp(self->down, asked->uri) == 0))
        call->answer = FAKE_REFUSED;
    if (call->answer != FAKE_GOOD || (asked->verb != FY_PEER_PULL && asked->verb != FY_PEER_FACTS))
        return;
    for (int i = 0; i < self->rule_count; i++) {
        struct rule *rule = &self->rules[i];
        if (rule->count == 0 || strcmp(rule->object, asked->object) != 0)
            continue;
        if (rule->count > 0)
            rule->count--;
        call->answer = rule->answer;
        call->value = rule->value;
        return;
    }
}

static void fill_head(const struct call *call, struct fy_peer_head *head)
{
    const struct fy_peer_call *asked = call->call;
    *head = peer_head(asked->offset > 0 ? 206 : 200);
    head->ferry = call->ferry;
    head->stamp = call->stamp;
    head->has_stamp = !fy_stamp_is_zero(&call->stamp);
    struct fy_digest digest;
    fake_content_digest(asked->object, &digest);
    if (call->answer == FAKE_WRONG_HASH)
        digest.bytes[0] ^= 1;
    head->has_facts = call->answer != FAKE_NO_FACTS;
    if (head->has_facts && call->answer != FAKE_NO_HASH)
        fy_digest_print_base32hex(&digest, head->facts.hash);
    if (head->has_facts)
        head->size = fake_content_size(asked->object) + (call->answer == FAKE_WRONG_SIZE);
    if (call->answer == FAKE_NEWER || call->answer == FAKE_GONE) {
        head->ferry = head->has_stamp = true;
        head->stamp = (struct fy_stamp){.time = (uint64_t)INT64_MAX / 2, .site = "zz"};
    }
    if (call->answer == FAKE_GONE)
        head->http_status = 404;
    if (call->answer == FAKE_STATUS || call->answer == FAKE_PAGE) {
        head->http_status = call->value;
        head->ferry = head->ferry && call->answer == FAKE_STATUS;
        head->has_facts = head->has_stamp = false;
    }
}

static void finish(struct fake_peer *self, struct call *call, enum fy_code code,
                   enum fy_reason reason)
{
    struct fy_err err = {0};
    if (code != FY_OK)
        (void)fy_err_set(&err, code, "the fake source was told to");
    struct fy_peer_call *asked = call->call;
    pthread_mutex_lock(&self->mutex);
    struct call **at = &self->calls;
    while (*at != call)
        at = &(*at)->next;
    *at = call->next;
    self->running--;
    if (call->hanging)
        self->hanging--;
    asked->adapter = NULL; /* from here on a cancel or resume does nothing */
    pthread_mutex_unlock(&self->mutex);
    free(call);
    asked->on_done(asked, code, reason, &err);
}

/* HELLO, CHECK, DESCRIBE: all said at once. */
static void answer_small(struct fake_peer *self, struct call *call)
{
    struct fy_peer_call *asked = call->call;
    struct fy_peer_head head = peer_head(200);
    head.ferry = call->ferry;
    head.content_length = 0;
    if (asked->verb == FY_PEER_HELLO)
        head.http_status = call->hello_status;
    if (asked->verb == FY_PEER_CHECK)
        head.http_status = 204;
    char json[2048];
    (void)snprintf(json, sizeof(json),
                   "{\"account\":\"%s\",\"name\":\"%s\",\"status\":\"READY\",\"present\":true,"
                   "\"stamp\":\"0000000000010001@site-a\",\"creation\":\"2024-02-21T11:27:52Z\","
                   "\"expires\":null}",
                   asked->account, asked->bucket);
    if (head.http_status == 0) {
        finish(self, call, FY_ENET, FY_SRC_UNREACHABLE);
        return;
    }
    bool wanted = asked->on_head == NULL || asked->on_head(asked, &head);
    if (wanted && asked->verb == FY_PEER_DESCRIBE && asked->on_data != NULL)
        wanted = asked->on_data(asked, json, strlen(json)) == FY_PEER_TAKEN;
    finish(self, call, wanted ? FY_OK : FY_ECANCELLED, wanted ? FY_REASON_NONE : FY_CANCELLED);
}

/* How the body of this answer ends. */
static void end_body(struct fake_peer *self, struct call *call)
{
    switch ((int)call->answer) {
    case FAKE_RESET:
    case FAKE_BREAK:
        finish(self, call, FY_ENET, FY_SRC_UNREACHABLE);
        return;
    case FAKE_STALL:
        finish(self, call, FY_ETIMEOUT, FY_STALLED);
        return;
    case FAKE_SHORT:
        finish(self, call, FY_ENET, FY_SIZE_MISMATCH);
        return;
    case FAKE_CUT_ZSTD:
        finish(self, call, FY_ECORRUPT, FY_SIZE_MISMATCH);
        return;
    default:
        finish(self, call, FY_OK, FY_REASON_NONE);
    }
}

static int64_t body_end(const struct call *call)
{
    int64_t size = fake_content_size(call->call->object);
    switch ((int)call->answer) {
    case FAKE_STATUS:
    case FAKE_GONE:
        return call->call->offset;
    case FAKE_RESET:
    case FAKE_STALL:
    case FAKE_CUT_ZSTD:
        return size / 2;
    case FAKE_BREAK:
        return call->value;
    case FAKE_SHORT:
    case FAKE_SHORT_CLEAN:
        return size - 1;
    case FAKE_LONG:
        return size + 1;
    default:
        return size;
    }
}

/* The next piece of the body. false: the call is over, or stands aside. */
static bool step_body(struct fake_peer *self, struct call *call)
{
    struct fy_peer_call *asked = call->call;
    if (call->at >= call->end) {
        end_body(self, call);
        return false;
    }
    static _Thread_local uint8_t piece[PIECE_BYTES];
    size_t bytes =
        call->end - call->at < PIECE_BYTES ? (size_t)(call->end - call->at) : PIECE_BYTES;
    fake_content(asked->object, call->at, piece, bytes);
    if (call->answer == FAKE_OTHER)
        piece[0] ^= 1;
    pthread_mutex_lock(&self->mutex);
    call->paused = true; /* a resume may come before on_data has returned */
    pthread_mutex_unlock(&self->mutex);
    enum fy_peer_flow flow = asked->on_data(asked, piece, bytes);
    pthread_mutex_lock(&self->mutex);
    if (flow == FY_PEER_PAUSE) {
        self->pauses++;
        pthread_cond_broadcast(&self->changed);
        pthread_mutex_unlock(&self->mutex);
        return false;
    }
    call->paused = false;
    pthread_mutex_unlock(&self->mutex);
    call->at += (int64_t)bytes;
    if (flow == FY_PEER_STOP) {
        finish(self, call, FY_ECANCELLED, FY_CANCELLED);
        return false;
    }
    return true;
}

static void begin(struct fake_peer *self, struct call *call)
{
    struct fy_peer_call *asked = call->call;
    pthread_mutex_lock(&self->mutex);
    if (!call->begun) {
        call->begun = true;
        choose(self, call);
    }
    if (call->answer == FAKE_HANG && !self->released && !call->hanging) {
        call->hanging = true;
        self->hanging++;
        pthread_cond_broadcast(&self->changed);
    }
    bool wait = call->answer == FAKE_HANG && !self->released;
    pthread_mutex_unlock(&self->mutex);
    if (wait)
        return;
    if (call->answer == FAKE_HANG && call->value != 0)
        call->answer = FAKE_STATUS;
    if (call->answer == FAKE_REFUSED) {
        finish(self, call, FY_ENET, FY_SRC_UNREACHABLE);
        return;
    }
    if (asked->verb != FY_PEER_PULL && asked->verb != FY_PEER_FACTS) {
        answer_small(self, call);
        return;
    }
    struct fy_peer_head head;
    fill_head(call, &head);
    if (asked->on_head != NULL && !asked->on_head(asked, &head)) {
        finish(self, call, FY_ECANCELLED, FY_CANCELLED);
        return;
    }
    call->headed = true;
    call->at = asked->offset;
    call->end = body_end(call);
    if (asked->verb == FY_PEER_FACTS || asked->on_data == NULL)
        finish(self, call, FY_OK, FY_REASON_NONE);
    else
        while (step_body(self, call))
            ;
}

/* One turn of a call that can move. */
static void turn(struct fake_peer *self, struct call *call, bool cancelled)
{
    if (cancelled)
        finish(self, call, FY_ECANCELLED, FY_CANCELLED);
    else if (!call->headed)
        begin(self, call);
    else
        while (step_body(self, call))
            ;
}

/* Mutex held. */
static bool can_move(const struct fake_peer *self, const struct call *call)
{
    if (call->cancelled || self->closing)
        return true;
    if (call->paused)
        return false;
    return call->headed || !call->hanging || self->released;
}

/* Mutex held. NULL: no call can move. */
static struct call *find_movable(struct fake_peer *self)
{
    struct call *call = self->calls;
    while (call != NULL && !can_move(self, call))
        call = call->next;
    return call;
}

static void *peer_main(void *arg)
{
    struct fake_peer *self = arg;
    pthread_mutex_lock(&self->mutex);
    for (;;) {
        struct call *call = find_movable(self);
        if (call == NULL) {
            if (self->closing && self->calls == NULL)
                break;
            pthread_cond_wait(&self->changed, &self->mutex);
            continue;
        }
        bool cancelled = call->cancelled || self->closing;
        pthread_mutex_unlock(&self->mutex);
        turn(self, call, cancelled);
        pthread_mutex_lock(&self->mutex);
    }
    pthread_mutex_unlock(&self->mutex);
    return NULL;
}

/* ------------------------------------------------------------------ the port */

static void port_start(struct fy_peer *port, struct fy_peer_call *asked)
{
    struct fake_peer *self = from(port);
    struct call *call = fy_alloc(sizeof(*call));
    call->call = asked;
    pthread_mutex_lock(&self->mutex);
    FY_ASSERT(!self->closing);
    asked->adapter = call;
    call->next = NULL;
    struct call **at = &self->calls;
    while (*at != NULL)
        at = &(*at)->next;
    *at = call;
    self->verbs[asked->verb]++;
    self->fresh += asked->fresh ? 1 : 0;
    self->running++;
    if (self->running > self->most)
        self->most = self->running;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->mutex);
}

static void port_resume(struct fy_peer *port, struct fy_peer_call *asked)
{
    struct fake_peer *self = from(port);
    pthread_mutex_lock(&self->mutex);
    struct call *call = asked->adapter;
    if (call != NULL)
        call->paused = false;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->mutex);
}

static void port_cancel(struct fy_peer *port, struct fy_peer_call *asked)
{
    struct fake_peer *self = from(port);
    pthread_mutex_lock(&self->mutex);
    struct call *call = asked->adapter;
    if (call != NULL)
        call->cancelled = true;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->mutex);
}

static void port_close(struct fy_peer *port)
{
    (void)port;
}

static const struct fy_peer_ops fake_ops = {
    .name = "fake",
    .start = port_start,
    .resume = port_resume,
    .cancel = port_cancel,
    .close = port_close,
};

/* ------------------------------------------------------------------ the test's side */

struct fake_peer *fake_peer_new(void)
{
    struct fake_peer *self = fy_alloc(sizeof(*self));
    self->port.ops = &fake_ops;
    self->hello_status = 200;
    self->hello_ferry = true;
    FY_ASSERT(pthread_mutex_init(&self->mutex, NULL) == 0);
    FY_ASSERT(pthread_cond_init(&self->changed, NULL) == 0);
    FY_ASSERT(pthread_create(&self->thread, NULL, peer_main, self) == 0);
    return self;
}

void fake_peer_free(struct fake_peer *self)
{
    pthread_mutex_lock(&self->mutex);
    self->closing = true;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->mutex);
    FY_ASSERT(pthread_join(self->thread, NULL) == 0);
    pthread_cond_destroy(&self->changed);
    pthread_mutex_destroy(&self->mutex);
    free(self);
}

struct fy_peer *fake_peer_port(struct fake_peer *self)
{
    return &self->port;
}

void fake_peer_rule(struct fake_peer *self, const char *object, enum fake_answer answer, int value,
                    int count)
{
    pthread_mutex_lock(&self->mutex);
    FY_ASSERT(self->rule_count < RULES_MAX);
    struct rule *rule = &self->rules[self->rule_count++];
    *rule = (struct rule){.answer = answer, .value = value, .count = count};
    FY_ASSERT(fy_text_copy(rule->object, sizeof(rule->object), object));
    pthread_mutex_unlock(&self->mutex);
}

void fake_peer_hello(struct fake_peer *self, int http_status, bool ferry)
{
    pthread_mutex_lock(&self->mutex);
    self->hello_status = http_status;
    self->hello_ferry = ferry;
    pthread_mutex_unlock(&self->mutex);
}

void fake_peer_down(struct fake_peer *self, const char *site)
{
    pthread_mutex_lock(&self->mutex);
    FY_ASSERT(fy_text_copy(self->down, sizeof(self->down), site));
    pthread_mutex_unlock(&self->mutex);
}

void fake_peer_release(struct fake_peer *self)
{
    pthread_mutex_lock(&self->mutex);
    self->released = true;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->mutex);
}

void fake_peer_stamp(struct fake_peer *self, const struct fy_stamp *stamp)
{
    pthread_mutex_lock(&self->mutex);
    self->stamp = *stamp;
    pthread_mutex_unlock(&self->mutex);
}

static int read_int(struct fake_peer *self, const int *number)
{
    pthread_mutex_lock(&self->mutex);
    int value = *number;
    pthread_mutex_unlock(&self->mutex);
    return value;
}

int fake_peer_calls(struct fake_peer *self, enum fy_peer_verb verb)
{
    return read_int(self, &self->verbs[verb]);
}

int fake_peer_hanging(struct fake_peer *self)
{
    return read_int(self, &self->hanging);
}

int fake_peer_fresh(struct fake_peer *self)
{
    return read_int(self, &self->fresh);
}

int fake_peer_most(struct fake_peer *self)
{
    return read_int(self, &self->most);
}

void fake_peer_wait_hanging(struct fake_peer *self, int count)
{
    pthread_mutex_lock(&self->mutex);
    while (self->hanging < count)
        pthread_cond_wait(&self->changed, &self->mutex);
    pthread_mutex_unlock(&self->mutex);
}

void fake_peer_wait_paused(struct fake_peer *self)
{
    pthread_mutex_lock(&self->mutex);
    while (self->pauses == 0)
        pthread_cond_wait(&self->changed, &self->mutex);
    pthread_mutex_unlock(&self->mutex);
}
