/* doctor.c - `ferry doctor`: asks every site how it is and whom it knows, and says what is wrong.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/doctor.h"
#include "cli/node_open.h"
#include "cli/output.h"
#include "cli/sites.h"
#include "cli/topics.h"
#include "common/core/clock.h"

#define SKEW_WARN_MS       5000 /* stamps still order well; but somebody's clock is not kept */
#define QUEUE_WARN_PERCENT 80
#define BEHIND_WARN_S      60

/* What a site answered. Its own thread writes it, the judging reads it once all have ended. */
struct exam {
    enum fy_code hello_code, ready_code, sites_code, status_code;
    struct fy_err err; /* of the first that failed */
    bool is_ferry;
    char id[FY_SITE_BYTES_MAX + 1];
    char version[32];
    int64_t
        skew_ms; /* its clock less this machine's, as far as the answer's way lets it be known */
    struct fy_site_list knows;
    json_t *ready;
    json_t *status;
};

struct doctor {
    const struct fy_command_line *line;
    struct fy_site_list list;
    struct exam exams[FY_SITES_MAX];
    struct fy_table table;
    struct fy_buf json;
    int fails, warns;
};

const char *fy_doctor_level_name(enum fy_doctor_level level)
{
    static const char *const names[] = {
        [FY_DOCTOR_OK] = "ok", [FY_DOCTOR_WARN] = "warn", [FY_DOCTOR_FAIL] = "fail"};
    FY_ASSERT(level < FY_DOCTOR_LEVELS);
    return names[level];
}

FY_PRINTF(4, 5)
static void find(struct doctor *doctor, enum fy_doctor_level level, const char *site,
                 const char *format, ...)
{
    char text[FY_ERR_TEXT_BYTES + 64];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments); /* a long one is cut */
    va_end(arguments);
    doctor->fails += level == FY_DOCTOR_FAIL;
    doctor->warns += level == FY_DOCTOR_WARN;
    FY_TABLE_ROW(&doctor->table, fy_doctor_level_name(level), site, text);
    fy_buf_json_next(&doctor->json);
    fy_buf_text(&doctor->json, "{");
    fy_buf_json_str(&doctor->json, "level", fy_doctor_level_name(level));
    fy_buf_json_str(&doctor->json, "site", site);
    fy_buf_json_str(&doctor->json, "text", text);
    fy_buf_text(&doctor->json, "}");
}

/* ---- asking, on a job thread */

static enum fy_code get(struct fy_client *client, const char *base, const char *route,
                        json_t **tree, struct fy_err *err)
{
    FY_AUTO(fy_buf_done) struct fy_buf path = {0};
    fy_path(&path, route);
    const struct fy_call call = {.method = "GET", .base = base, .path = &path};
    enum fy_code code = fy_client_call(client, &call, err);
    /* A site that is not ready says so with 503 and all its checks. */
    if (code != FY_OK && (strcmp(route, FY_PATH_READY) != 0 || fy_client_status(client) != 503))
        return code;
    *tree = fy_client_json(client, err);
    return *tree != NULL ? FY_OK : err->code;
}

/* The site read its clock between our two looks at ours: only what lies outside is skew. */
static int64_t skew(int64_t before_ms, int64_t after_ms, const char *now)
{
    int64_t site_ms;
    if (fy_instant_parse(now, &site_ms) != FY_OK)
        return 0;
    if (site_ms < before_ms)
        return site_ms - before_ms;
    return site_ms > after_ms ? site_ms - after_ms : 0;
}

static void examine(void *arg, struct fy_client *client, size_t index)
{
    struct doctor *doctor = arg;
    struct exam *exam = &doctor->exams[index];
    const char *base = fy_site_base(&doctor->list.sites[index]);
    json_t *hello = NULL;
    json_t *sites = NULL;
    int64_t before_ms = fy_wall_ms(fy_clock_system());
    exam->hello_code = get(client, base, FY_PATH_HELLO, &hello, &exam->err);
    exam->is_ferry = fy_client_header(client, "x-ferry-version") != NULL;
    if (exam->hello_code != FY_OK)
        return;
    exam->skew_ms = skew(before_ms, fy_wall_ms(fy_clock_system()), fy_json_text(hello, "now"));
    if (!fy_text_copy(exam->id, sizeof(exam->id), fy_json_text(hello, "site")) ||
        !fy_text_copy(exam->version, sizeof(exam->version), fy_json_text(hello, "version")))
        exam->id[0] = '\0'; /* then it is not the one that was looked for */
    json_decref(hello);
    exam->ready_code = get(client, base, FY_PATH_READY, &exam->ready, &exam->err);
    exam->sites_code = get(client, base, FY_PATH_SITES, &sites, &exam->err);
    exam->status_code = get(client, base, FY_PATH_STATUS, &exam->status, &exam->err);
    if (exam->sites_code == FY_OK)
        fy_site_list_read(sites, &exam->knows);
    json_decref(sites);
}

/* ---- judging */

/* false: there is nothing more to say of it. */
static bool judge_reach(struct doctor *doctor, const struct fy_site_info *site,
                        const struct exam *exam)
{
    if (exam->hello_code != FY_OK && fy_client_is_temporary(exam->hello_code)) {
        find(doctor, FY_DOCTOR_FAIL, site->id, "is not reached: %s", exam->err.text);
        return false;
    }
    if (exam->hello_code != FY_OK && !exam->is_ferry) {
        find(doctor, FY_DOCTOR_WARN, site->id,
             "is reached at %s, but is no Ferry: that is all we can ask", site->uri);
        return false;
    }
    if (exam->hello_code != FY_OK) {
        find(doctor, FY_DOCTOR_FAIL, site->id, "does not say who it is: %s", exam->err.text);
        return false;
    }
    if (strcmp(exam->id, site->id) != 0) {
        find(doctor, FY_DOCTOR_FAIL, site->id, "at %s the site '%s' answers", site->uri, exam->id);
        return false;
    }
    find(doctor, FY_DOCTOR_OK, site->id, "is reached, ferry %s", exam->version);
    return true;
}

static void judge_ready(struct doctor *doctor, const char *site, const struct exam *exam)
{
    bool good = exam->ready_code == FY_OK && fy_json_bool(exam->ready, "ready");
    const char *check;
    json_t *said;
    if (exam->ready_code != FY_OK)
        find(doctor, FY_DOCTOR_FAIL, site, "does not say whether it is ready: %s", exam->err.text);
    json_object_foreach(json_object_get(exam->ready, "checks"), check, said)
    {
        const char *text = json_string_value(said);
        if (text != NULL && strcmp(text, "ok") != 0)
            find(doctor, FY_DOCTOR_FAIL, site, "is not ready: %s: %s", check, text);
    }
    if (good)
        find(doctor, FY_DOCTOR_OK, site, "is ready");
}

static void judge_clock(struct doctor *doctor, const char *site, const struct exam *exam)
{
    int64_t skew_ms = llabs(exam->skew_ms);
    enum fy_doctor_level level = skew_ms > FY_SKEW_ALARM_MS ? FY_DOCTOR_FAIL
                                 : skew_ms > SKEW_WARN_MS   ? FY_DOCTOR_WARN
                                                            : FY_DOCTOR_OK;
    if (skew_ms == 0)
        find(doctor, FY_DOCTOR_OK, site, "its clock agrees with this machine's");
    else
        find(doctor, level, site, "its clock is %" PRId64 " ms %s this machine's", skew_ms,
             exam->skew_ms < 0 ? "behind" : "ahead of");
}

/* Applying an order never forwards it, so every site must know every other. */
static void judge_topology(struct doctor *doctor, const struct fy_site_info *site,
                           const struct exam *exam)
{
    bool good = exam->sites_code == FY_OK;
    if (!good)
        find(doctor, FY_DOCTOR_FAIL, site->id, "does not say whom it knows: %s", exam->err.text);
    for (size_t i = 0; good && i < doctor->list.count; i++) {
        const struct fy_site_info *other = &doctor->list.sites[i];
        const struct fy_site_info *known = fy_site_list_find(&exam->knows, other->id);
        if (known == NULL) {
            find(doctor, FY_DOCTOR_FAIL, site->id, "does not know site %s: ferry site add %s %s",
                 other->id, other->id, other->uri);
            good = false;
        } else if (strcmp(known->uri, other->uri) != 0) {
            find(doctor, FY_DOCTOR_WARN, site->id, "looks for site %s at %s, the site asked at %s",
                 other->id, known->uri, other->uri);
        } else if (known->paused || strcmp(known->status, "UP") != 0) {
            find(doctor, FY_DOCTOR_WARN, site->id,
                 "holds back the orders for site %s: it is %s there", other->id,
                 known->paused ? "paused" : known->status);
        }
    }
    for (size_t i = 0; exam->sites_code == FY_OK && i < exam->knows.count; i++)
        if (fy_site_list_find(&doctor->list, exam->knows.sites[i].id) == NULL) {
            find(doctor, FY_DOCTOR_FAIL, site->id,
                 "knows a site %s at %s that the site asked does not", exam->knows.sites[i].id,
                 exam->knows.sites[i].uri);
            good = false;
        }
    if (good)
        find(doctor, FY_DOCTOR_OK, site->id, "knows all %zu sites", doctor->list.count);
}

static void judge_store(struct doctor *doctor, const char *site, const json_t *store)
{
    char free_space[FY_CELL_BYTES];
    fy_cell_size(fy_json_i64(store, "freeBytes"), free_space);
    find(doctor, fy_json_bool(store, "ok") ? FY_DOCTOR_OK : FY_DOCTOR_FAIL, site,
         "its store has %s free%s", free_space,
         fy_json_bool(store, "ok") ? "" : ", which is under its floor");
}

/* One that does not answer is told by its readiness. With Kafka the bytes are those of the
 * producer, which are none to worry about: a full one is red, too. */
static void judge_queue(struct doctor *doctor, const char *site, const json_t *queue)
{
    char used[FY_CELL_BYTES];
    char all[FY_CELL_BYTES];
    int64_t used_bytes = fy_json_i64(queue, "usedBytes");
    int64_t max_bytes = fy_json_i64(queue, "maxBytes");
    double percent = max_bytes > 0 ? 100.0 * (double)used_bytes / (double)max_bytes : 0;
    if (!fy_json_bool(queue, "ok"))
        return;
    if (strcmp(fy_json_text(queue, "engine"), "kafka") == 0) {
        find(doctor, FY_DOCTOR_OK, site, "reaches its brokers");
        return;
    }
    fy_cell_size(used_bytes, used);
    fy_cell_size(max_bytes, all);
    find(doctor,
         percent >= 100                  ? FY_DOCTOR_FAIL
         : percent >= QUEUE_WARN_PERCENT ? FY_DOCTOR_WARN
                                         : FY_DOCTOR_OK,
         site, "its queue is %.0f %% full: %s of %s", percent, used, all);
}

static void judge_orders(struct doctor *doctor, const char *site, const json_t *status)
{
    int64_t waiting = fy_json_i64(status, "waitingOrders");
    int64_t dead = fy_json_i64(status, "deadOrders");
    int64_t conflicts = fy_json_i64(status, "conflicts");
    size_t index;
    json_t *target;
    json_array_foreach(json_object_get(status, "targets"), index, target)
    {
        if (fy_json_i64(target, "oldestSeconds") > BEHIND_WARN_S)
            find(doctor, FY_DOCTOR_WARN, site,
                 "site %s is behind by %" PRId64 " orders, %" PRId64 " s",
                 fy_json_text(target, "site"), fy_json_i64(target, "lag"),
                 fy_json_i64(target, "oldestSeconds"));
    }
    if (conflicts > 0)
        find(doctor, FY_DOCTOR_WARN, site,
             "keeps %" PRId64 " losing bodies of conflicts: ferry failed ls --reason CONFLICT",
             conflicts);
    if (waiting > 0)
        find(doctor, FY_DOCTOR_WARN, site, "%" PRId64 " orders wait: ferry failed ls", waiting);
    if (dead > 0)
        find(doctor, FY_DOCTOR_FAIL, site,
             "%" PRId64 " orders are dead: ferry failed ls --state dead", dead);
    else
        find(doctor, FY_DOCTOR_OK, site, "no order is dead");
}

static void judge(struct doctor *doctor, size_t index)
{
    const struct fy_site_info *site = &doctor->list.sites[index];
    const struct exam *exam = &doctor->exams[index];
    if (!judge_reach(doctor, site, exam))
        return;
    judge_ready(doctor, site->id, exam);
    judge_clock(doctor, site->id, exam);
    judge_topology(doctor, site, exam);
    if (exam->status_code != FY_OK) {
        find(doctor, FY_DOCTOR_FAIL, site->id, "does not say how it is: %s", exam->err.text);
        return;
    }
    judge_store(doctor, site->id, json_object_get(exam->status, "store"));
    judge_queue(doctor, site->id, json_object_get(exam->status, "queue"));
    judge_orders(doctor, site->id, exam->status);
}

/* ---- engines, asked from here: where the configuration at hand names them */

static void find_topic(void *arg, enum fy_doctor_level level, const char *topic, const char *text)
{
    struct doctor *doctor = arg;
    find(doctor, level, doctor->line->config.site, "topic %s %s", topic, text);
}

static enum fy_code check_topics(struct doctor *doctor, struct fy_queue **queue, struct fy_err *err)
{
    const struct fy_config *config = &doctor->line->config;
    struct fy_topic_names *names = fy_alloc(sizeof(*names));
    const char *sites[FY_SITES_MAX];
    size_t count = 0;
    for (size_t i = 0; i < doctor->list.count; i++)
        if (strcmp(doctor->list.sites[i].id, config->site) != 0)
            sites[count++] = doctor->list.sites[i].id;
    enum fy_code code = fy_topic_names(config, false, sites, count, names, err);
    if (code == FY_OK)
        code = fy_queue_open_kafka(config, fy_clock_system(), queue, err);
    if (code == FY_OK)
        code = fy_topics_check(config, *queue, names, find_topic, doctor, err);
    free(names);
    return code;
}

void fy_doctor_say(struct fy_doctor_judge *judge, enum fy_doctor_level level, const char *format,
                   ...)
{
    char text[FY_ERR_TEXT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments); /* a long one is cut */
    va_end(arguments);
    judge->spoke = true;
    judge->find(judge->arg, level, text);
}

static void find_engine(void *arg, enum fy_doctor_level level, const char *text)
{
    struct doctor *doctor = arg;
    find(doctor, level, doctor->line->config.site, "%s", text);
}

static void judge_topics(struct doctor *doctor)
{
    struct fy_queue *queue = NULL;
    struct fy_err err = {0};
    if (!fy_queue_is_kafka(&doctor->line->config))
        return;
    if (check_topics(doctor, &queue, &err) != FY_OK)
        find(doctor, FY_DOCTOR_FAIL, doctor->line->config.site, "its topics cannot be checked: %s",
             err.text);
    fy_queue_close(queue);
}

/* ---- the command */

static void print(struct doctor *doctor)
{
    if (!doctor->line->json) {
        fy_table_print(&doctor->table, stdout);
        return;
    }
    FY_ASSERT(!doctor->json.overflow);
    printf("{\"ok\":%s,\"warnings\":%d,\"failures\":%d,\"checks\":[%s]}\n",
           doctor->fails == 0 ? "true" : "false", doctor->warns, doctor->fails, doctor->json.bytes);
}

static int run(struct doctor *doctor)
{
    FY_AUTO(fy_client_end) struct fy_client *client = NULL;
    struct fy_err err = {0};
    if (fy_client_open(doctor->line, &client, &err) != FY_OK)
        return fy_fail_usage(&err);
    enum fy_code code = fy_site_list_get(client, &doctor->list, &err);
    if (code != FY_OK) {
        find(doctor, FY_DOCTOR_FAIL, doctor->line->config.url, "does not say whom it knows: %s",
             err.text);
    } else if (fy_sites_ask(doctor->line, doctor->list.count, examine, doctor, &err) != FY_OK) {
        return fy_fail(&err);
    }
    if (fy_client_interrupted())
        return FY_EXIT_INTERRUPTED;
    for (size_t i = 0; i < doctor->list.count; i++)
        judge(doctor, i);
    judge_topics(doctor);
    fy_doctor_postgres(&doctor->line->config, find_engine, doctor);
    fy_doctor_redis(&doctor->line->config, find_engine, doctor);
    print(doctor);
    return fy_output_end(doctor->fails > 0 ? FY_EXIT_ERROR : FY_EXIT_DONE);
}

int fy_command_doctor(const struct fy_command_line *line)
{
    struct doctor *doctor = fy_alloc(sizeof(*doctor));
    doctor->line = line;
    FY_TABLE_INIT(&doctor->table, "<CHECK", "<SITE", "<FOUND");
    /* a sentence for each pair of sites, and some for each */
    fy_buf_init(&doctor->json, (size_t)(FY_SITES_MAX + 16) * FY_SITES_MAX * 1024);
    int exit_status = run(doctor);
    for (size_t i = 0; i < FY_SITES_MAX; i++) {
        json_decref(doctor->exams[i].ready);
        json_decref(doctor->exams[i].status);
    }
    fy_buf_done(&doctor->json);
    fy_table_done(&doctor->table);
    free(doctor);
    return exit_status;
}
