/* peer_http_head.c - the lines of an answer's head, as libcurl gives them, into a struct
 * fy_peer_head. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/adapters/peer_http_internal.h"
#include "common/core/clock.h"

/* ------------------------------------------------------------------ single headers */

/* A line's handler: value has no spaces around it. */
typedef void header_fn(struct peer_head *head, const char *value);

static void on_ferry_version(struct peer_head *head, const char *value)
{
    (void)value;
    head->head.ferry = true;
}

static void on_ferry_stamp(struct peer_head *head, const char *value)
{
    head->head.has_stamp = fy_stamp_parse(value, &head->head.stamp, NULL) == FY_OK;
}

/* Digits only; -1 for anything else. */
static int64_t parse_count(const char *value)
{
    int64_t count = 0;
    if (*value == '\0')
        return -1;
    for (; *value != '\0'; value++) {
        if (*value < '0' || *value > '9' || count > (INT64_MAX - 9) / 10)
            return -1;
        count = 10 * count + (*value - '0');
    }
    return count;
}

static void on_content_length(struct peer_head *head, const char *value)
{
    head->head.content_length = parse_count(value);
    if (head->head.content_length < 0) /* libcurl would go on until the connection ends */
        head->refused = "the length of the body is no number";
}

static void on_transfer_encoding(struct peer_head *head, const char *value)
{
    (void)value;
    head->has_transfer_encoding = true;
}

static void on_content_encoding(struct peer_head *head, const char *value)
{
    head->zstd = strcasecmp(value, "zstd") == 0; /* also unasked: CCS leaks it (spec 1.5) */
    if (!head->zstd && value[0] != '\0' && strcasecmp(value, "identity") != 0)
        head->refused = "the body has an encoding that was not asked for";
}

/* "bytes 5-9/10" */
static void on_content_range(struct peer_head *head, const char *value)
{
    char *end;
    if (strncasecmp(value, "bytes ", 6) != 0 || value[6] < '0' || value[6] > '9')
        return;
    long long start = strtoll(value + 6, &end, 10);
    if (*end == '-')
        head->range_start = start;
}

static void on_content_type(struct peer_head *head, const char *value)
{
    (void)snprintf(head->content_type, sizeof(head->content_type), "%s", value);
}

static void on_date(struct peer_head *head, const char *value)
{
    time_t date = curl_getdate(value, NULL);
    head->head.date_ms = date > 0 ? (int64_t)date * 1000 : 0;
}

static void on_type(struct peer_head *head, const char *value)
{
    (void)snprintf(head->type, sizeof(head->type), "%s", value); /* a longer one is no type */
}

static void on_target(struct peer_head *head, const char *value)
{
    (void)snprintf(head->target, sizeof(head->target), "%s", value); /* a longer one is no site */
}

static void on_error(struct peer_head *head, const char *value)
{
    (void)snprintf(head->error, sizeof(head->error), "%s", value); /* for people: cut is fine */
}

/* The object's own names, for who passes them on; nothing here relies on them: one too long is
 * none. */
static void keep_text(char *field, size_t field_bytes, const char *value)
{
    if (!fy_text_copy(field, field_bytes, value))
        FY_ASSERT(field[0] == '\0');
}

static void on_id(struct peer_head *head, const char *value)
{
    keep_text(head->id, sizeof(head->id), value);
}

static void on_bucket(struct peer_head *head, const char *value)
{
    keep_text(head->bucket, sizeof(head->bucket), value);
}

static void on_name(struct peer_head *head, const char *value)
{
    keep_text(head->name, sizeof(head->name), value);
}

static void on_site(struct peer_head *head, const char *value)
{
    head->has_site = value[0] != '\0';
    keep_text(head->site, sizeof(head->site), value);
}

static void on_size(struct peer_head *head, const char *value)
{
    head->head.size = parse_count(value);
    head->facts_broken |= head->head.size < 0;
}

static void on_status(struct peer_head *head, const char *value)
{
    head->facts_broken |= !fy_status_parse(value, &head->head.status);
}

static void on_hash(struct peer_head *head, const char *value)
{
    struct fy_object_facts *facts = &head->head.facts;
    head->facts_broken |= !fy_text_copy(facts->hash, sizeof(facts->hash), value);
}

static void on_creation(struct peer_head *head, const char *value)
{
    head->facts_broken |= fy_instant_parse(value, &head->head.facts.creation_ms) != FY_OK;
}

static void on_expires(struct peer_head *head, const char *value)
{
    head->facts_broken |= fy_instant_parse(value, &head->head.facts.expires_ms) != FY_OK;
}

static void on_metadata(struct peer_head *head, const char *value)
{
    struct fy_object_facts *facts = &head->head.facts;
    head->facts_broken |= !fy_text_copy(facts->metadata, sizeof(facts->metadata), value);
}

static const struct header_row {
    const char *name;
    header_fn *handle;
} header_table[] = {
    {"content-length", on_content_length},
    {"content-type", on_content_type},
    {"date", on_date},
    {"transfer-encoding", on_transfer_encoding},
    {"content-encoding", on_content_encoding},
    {"content-range", on_content_range},
    {"x-ferry-version", on_ferry_version},
    {"x-ferry-stamp", on_ferry_stamp},
    {"x-clonecloudstore-type", on_type},
    {"x-clonecloudstore-target-id", on_target},
    {"x-clonecloudstore-error", on_error},
    {"x-clonecloudstore-id", on_id},
    {"x-clonecloudstore-site", on_site},
    {"x-clonecloudstore-bucket", on_bucket},
    {"x-clonecloudstore-name", on_name},
    {"x-clonecloudstore-size", on_size},
    {"x-clonecloudstore-status", on_status},
    {"x-clonecloudstore-hash", on_hash},
    {"x-clonecloudstore-creation", on_creation},
    {"x-clonecloudstore-expires", on_expires},
    {"x-clonecloudstore-metadata", on_metadata},
};

/* ------------------------------------------------------------------ the whole head */

static struct peer_head *head_new(void)
{
    struct peer_head *head = fy_alloc(sizeof(*head));
    head->head.content_length = -1;
    head->head.size = -1;
    head->head.id = head->id;
    head->head.site = head->site;
    head->head.bucket = head->bucket;
    head->head.name = head->name;
    head->head.type = head->type;
    head->head.target = head->target;
    head->head.error = head->error;
    head->head.content_type = head->content_type;
    head->range_start = -1;
    return head;
}

static bool is_head_request(const struct fy_peer_call *call)
{
    return call->verb == FY_PEER_CHECK || (call->verb == FY_PEER_FACTS && call->ferry);
}

static void complete(struct peer_job *job, struct peer_head *head)
{
    CURL *easy = job->seat->easy;
    long status = 0;
    curl_off_t retry_after_s = 0;
    (void)curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    (void)curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &retry_after_s); /* seconds or a date */
    head->head.http_status = (int)status;
    /* Whatever a site says: it is counted in milliseconds from here on. */
    head->head.retry_after_s =
        retry_after_s < FY_RETRY_AFTER_S_MAX ? retry_after_s : FY_RETRY_AFTER_S_MAX;
    head->head.has_facts = head->has_site && !head->facts_broken;
    if (head->zstd || head->has_transfer_encoding || is_head_request(job->call))
        head->head.content_length = -1;
    if (status == 206 && job->call->verb == FY_PEER_PULL && head->range_start != job->call->offset)
        peer_job_judge(job, FY_ECORRUPT, FY_SIZE_MISMATCH,
                       "the answer holds another range than was asked for");
    else if (head->refused != NULL && !is_head_request(job->call))
        peer_job_judge(job, FY_EPEER, FY_SRC_REFUSED, head->refused);
}

/* The blank line. false: the answer goes no further. */
static bool on_complete(struct peer_job *job)
{
    struct peer_head *head = job->head;
    struct fy_peer_call *call = job->call;
    job->head = NULL;
    complete(job, head);
    if (head->head.http_status < 200) { /* "100 Continue": the answer is still to come */
        free(head);
        return true;
    }
    job->head_given = true;
    if (head->zstd && !is_head_request(call))
        job->unzstd = fy_unzstd_new();
    bool goes_on = job->verdict.code == FY_OK;
    if (goes_on && call->on_head != NULL && !call->on_head(call, &head->head)) {
        peer_job_judge(job, FY_ECANCELLED, FY_CANCELLED, "the receiver wants no more");
        goes_on = false;
    }
    free(head);
    if (goes_on && call->verb == FY_PEER_FACTS && !is_head_request(call)) {
        job->enough = true; /* CCS has no HEAD that carries the object headers */
        goes_on = false;
    }
    return goes_on;
}

static const struct header_row *find_row(const char *name, size_t name_bytes)
{
    for (size_t i = 0; i < FY_COUNT_OF(header_table); i++) {
        if (strlen(header_table[i].name) == name_bytes &&
            strncasecmp(header_table[i].name, name, name_bytes) == 0)
            return &header_table[i];
    }
    return NULL;
}

/* "name: value" without its end of line. */
static void on_field(struct peer_head *head, const char *line, size_t size_bytes)
{
    const char *colon = memchr(line, ':', size_bytes);
    if (colon == NULL)
        return; /* libcurl has let it pass; it is none of ours */
    const struct header_row *row = find_row(line, (size_t)(colon - line));
    if (row == NULL)
        return;
    const char *end = line + size_bytes;
    const char *from = colon + 1;
    while (from < end && (*from == ' ' || *from == '\t'))
        from++;
    char *value = fy_alloc((size_t)(end - from) + 1);
    memcpy(value, from, (size_t)(end - from));
    row->handle(head, value);
    free(value);
}

size_t peer_head_line(char *line, size_t one, size_t size_bytes, void *arg)
{
    struct peer_job *job = ((struct peer_seat *)arg)->job;
    FY_ASSERT(one == 1);
    job->last_byte_ms = job->loop->now_ms;
    job->header_bytes += size_bytes;
    if (job->header_bytes > FY_PEER_HEADER_BYTES_MAX) {
        peer_job_judge(job, FY_EPEER, FY_SRC_REFUSED, "the header block has over 64 KiB");
        return 0;
    }
    if (job->head_given)
        return size_bytes; /* a trailer behind the last chunk */
    if (job->head == NULL)
        job->head = head_new();
    size_t text_bytes = size_bytes;
    while (text_bytes > 0 && strchr("\r\n \t", line[text_bytes - 1]) != NULL)
        text_bytes--;
    if (text_bytes == 0)
        return on_complete(job) ? size_bytes : 0;
    if (strncmp(line, "HTTP/", 5) == 0)
        return size_bytes; /* the status line, which libcurl has read */
    on_field(job->head, line, text_bytes);
    return size_bytes;
}
